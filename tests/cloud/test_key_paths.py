"""Keys that somebody else chose, and where their objects may go."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ionbox_cloud.errors import StorageError, UnsafeKey
from ionbox_cloud.storage.key_paths import path_below
from ionbox_cloud.store import Store

HOSTILE = (
    *("", "/", "//", "/etc/passwd", "//etc/passwd", "a//b", "a/", "/a"),
    *(".", "..", "./a", "../a", "a/..", "a/../b", "a/./b", "a/../../b", "../../../../tmp/x"),
    *("..\\a", "a\\b", "\\\\host\\share", "C:", "C:\\x", "c:x", "a/C:/x"),
    *("a\0", "\0", "a/b\0.csv", "a\nb", "\x1b[2J", "a\x7f"),
)


@pytest.mark.parametrize("key", HOSTILE)
def test_a_hostile_key_has_no_path(tmp_path: Path, key: str) -> None:
    with pytest.raises(UnsafeKey, match="cannot be a file below"):
        path_below(tmp_path, key)


@pytest.mark.parametrize(
    "key", ["run.json", "ion_images.zarr/images/c/0/0/0/0", "..a", "a..b/...", "Müller 1/°", "-x"]
)
def test_an_ordinary_key_keeps_its_names(tmp_path: Path, key: str) -> None:
    assert path_below(tmp_path, key) == tmp_path.joinpath(*key.split("/"))


@given(st.text(st.sampled_from("ab./\\:\0é"), max_size=12))
def test_what_has_a_path_is_below_the_folder_under_its_own_name(key: str) -> None:
    folder = Path("/nowhere/at/all")
    try:
        path = path_below(folder, key)
    except UnsafeKey:
        assert re.search(r"(^|/)(\.{0,2}|[ab]:.*)(/|$)|[\\\0]", key)
    else:
        assert path.relative_to(folder).as_posix() == key


@pytest.mark.parametrize("key", ["link", "link/file", "inside/link/file"])
def test_a_link_does_not_lead_out(tmp_path: Path, key: str) -> None:
    folder, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / "inside").mkdir(parents=True)
    for place in (folder, folder / "inside"):
        (place / "link").symlink_to(elsewhere)
    with pytest.raises(UnsafeKey, match="through a link that leads out"):
        path_below(folder, key)


def test_links_to_the_folder_and_in_it_are_peoples_own(tmp_path: Path) -> None:
    (tmp_path / "disk" / "a").mkdir(parents=True)
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "b").symlink_to(tmp_path / "disk" / "a")
    assert path_below(tmp_path / "out", "b/file") == tmp_path / "out" / "b" / "file"


@pytest.mark.parametrize("key", HOSTILE)
def test_the_local_store_writes_nothing_outside(tmp_path: Path, key: str) -> None:
    folder = tmp_path / "a" / "b" / "store"
    store = Store.open(folder.as_uri())
    try:
        store.write(key, b"1")
    except (UnsafeKey, StorageError) as error:
        assert key in str(error) or repr(key) in str(error)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.is_relative_to(folder) for path in files)
