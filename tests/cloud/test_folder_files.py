"""Files of a folder's objects: the short cut and the storage library see the same ones."""

from __future__ import annotations

import errno
import stat
from pathlib import Path

import obstore
import pytest
from ionbox_cloud.errors import MissingObject, StoreUnavailable, UnsafeKey
from ionbox_cloud.storage.folder_files import FolderFiles
from ionbox_cloud.store import Store
from obstore.store import LocalStore

KEYS = ("a", "a folder/b.bin", "brain (1)?&+=é/日本.ibd", "~/.hidden/..x/x..", "c:/d")
UNUSUAL = ("a#b", "100%", "a%20b/c", "back\\slash")


@pytest.mark.parametrize("key", [*KEYS, *UNUSUAL])
def test_both_mean_the_same_file_by_a_key(tmp_path: Path, key: str) -> None:
    library = LocalStore(tmp_path)
    obstore.put(library, key, b"theirs")
    files = FolderFiles(tmp_path.as_uri())
    if key in UNUSUAL:  # are left to the library
        assert files.read(key) is None
        assert files.map(key, 0, 6) is None
        assert not files.write(key, [b"ours"])
        return
    assert bytes(files.read(key) or b"") == b"theirs"
    assert bytes(files.map(key, 2, 3) or b"") == b"eir"
    assert files.write(key, [b"ou", memoryview(b""), memoryview(b"rs")])
    assert bytes(obstore.get(library, key).bytes()) == b"ours"


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/..", "./a", "a/./b", "a\nb"])
def test_keys_that_are_no_path_are_left_to_the_library(tmp_path: Path, key: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "a").write_bytes(b"outside")
    files = FolderFiles(folder.as_uri())
    assert files.read(key) is None
    assert files.map(key, 0, 1) is None
    assert not files.write(key, [b"data"])
    assert (tmp_path / "a").read_bytes() == b"outside"
    assert not list(folder.iterdir())


@pytest.mark.parametrize("offset", [0, 1, 4095, 4096, 4097, 9999])
def test_what_is_mapped_is_what_is_read_wherever_it_begins(tmp_path: Path, offset: int) -> None:
    data = bytes(range(250)) * 40
    (tmp_path / "key").write_bytes(data)
    files = FolderFiles(tmp_path.as_uri())
    for n_bytes in (1, 300, 5000, 20_000):
        expected = data[offset : offset + n_bytes]
        for found in (files.read("key", offset, n_bytes), files.map("key", offset, n_bytes)):
            assert found is not None
            assert found.readonly
            assert found.tobytes() == expected
    assert files.read("key", 10_000, 1) is None
    assert files.map("key", 10_000, 1) is None


def test_what_is_mapped_stays_when_the_object_is_replaced_or_removed(tmp_path: Path) -> None:
    store = Store.open(tmp_path.as_uri())
    for is_replaced in (True, False):
        store.write("key", b"a" * 5000)
        mapped = store.map_range("key", 1000, 4000)
        if is_replaced:
            store.write("key", b"other")
        else:
            store.delete(["key"])
        assert mapped.tobytes() == b"a" * 4000


def test_a_file_is_written_beside_what_killed_processes_left(tmp_path: Path) -> None:
    files = FolderFiles(tmp_path.as_uri())
    (tmp_path / "key#1").write_bytes(b"left by a process that was killed")
    assert files.write("key", [b"data"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "key#1"]
    assert (tmp_path / "key").read_bytes() == b"data"


def test_a_file_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = FolderFiles(tmp_path.as_uri())
    files.write("key", [b"before"])

    def refuse(self: Path, target: Path) -> None:
        assert self.read_bytes() == b"data"
        assert target.read_bytes() == b"before"
        raise OSError(errno.EIO, "no")

    monkeypatch.setattr(Path, "replace", refuse)
    assert not files.write("key", [b"da", b"ta"])
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
    assert (tmp_path / "key").read_bytes() == b"before"


def test_what_cannot_be_written_is_said_by_the_library(tmp_path: Path) -> None:
    store = Store.open(tmp_path.as_uri())
    (tmp_path / "folder").mkdir()
    for write in (store.write, lambda key, data: store.write_whole(key, memoryview(data))):
        with pytest.raises(StoreUnavailable, match="object 'folder'"):
            write("folder", b"data")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_what_cannot_be_read_is_said_by_the_library(tmp_path: Path) -> None:
    store = Store.open(tmp_path.as_uri())
    (tmp_path / "folder").mkdir()
    for key in ("folder", "none", "folder/none"):
        for read in (store.read, lambda key: store.map_range(key, 0, 1)):
            with pytest.raises(MissingObject, match=f"'{key}'"):
                read(key)
    with pytest.raises(UnsafeKey):
        store.read("a/../b")


def test_files_have_the_rights_that_the_library_gives(tmp_path: Path) -> None:
    obstore.put(LocalStore(tmp_path), "theirs", b"")
    FolderFiles(tmp_path.as_uri()).write("ours", [b""])
    theirs, ours = (stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("theirs", "ours"))
    assert ours == theirs
