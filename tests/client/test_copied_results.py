"""Files of results are copied by the file system where it can, and byte by byte where not."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from ionbox.datasets.copying import copy_file

CONTENT = bytes(range(256)) * 300


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    os.utime(path, (1e9, 1e9))
    return path


def copy(source: Path) -> Path:
    """Copy as results are copied, over a longer file."""
    target = source.with_name("target")
    target.write_bytes(CONTENT * 2)
    copy_file(source, target)
    return target


def test_a_copy_is_whole_and_another_file(source: Path) -> None:
    target = copy(source)
    assert target.read_bytes() == CONTENT
    assert target.stat().st_mtime == 1e9
    with target.open("r+b") as file:
        file.write(b"what a user does to it")
    assert source.read_bytes() == CONTENT


@pytest.mark.parametrize("given", [0, 1, 70_000])
@pytest.mark.parametrize("code", [errno.EXDEV, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, None])
def test_what_the_file_system_does_not_copy_is_copied_anyway(
    given: int, code: int | None, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def copy_a_part(read: int, written: int, n: int) -> int:
        calls.append(n)
        if len(calls) == 1 and given:
            return os.write(written, os.read(read, given))
        if code is None:
            return 0
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "copy_file_range", copy_a_part, raising=False)
    assert copy(source).read_bytes() == CONTENT
    assert calls


def test_a_part_at_a_time_is_enough(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def copy_a_part(read: int, written: int, n: int) -> int:
        return os.write(written, os.read(read, min(n, 1000)))

    monkeypatch.setattr(os, "copy_file_range", copy_a_part, raising=False)
    monkeypatch.delattr("shutil.copyfile")
    assert copy(source).read_bytes() == CONTENT


def test_where_nothing_can_ask_the_file_system_files_are_copied(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "copy_file_range", raising=False)
    assert copy(source).read_bytes() == CONTENT


def test_a_full_disk_is_no_reason_to_try_otherwise(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(read: int, written: int, n: int) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "copy_file_range", fail, raising=False)
    with pytest.raises(OSError, match="full"):
        copy(source)
