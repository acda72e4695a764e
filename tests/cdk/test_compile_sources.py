"""Where the Python comes from that compiles what is deployed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from layers import compile_sources
from layers.compile_sources import NotCompiled, compile_folder, fetch_python, find_python

# uv as it behaves where it can fetch: it has nothing, then puts a Python where it is told to
FAKE_UV = """#!/bin/sh
[ "$2" = install ] || exit 1
/bin/mkdir -p "$4/cpython-3.13/bin"
/bin/ln -s {python} "$4/cpython-3.13/bin/python3.13"
"""


@pytest.fixture
def python() -> str:
    found = find_python()
    if found is None:
        pytest.skip("there is no Python 3.13 here")
    return found


@pytest.fixture
def bare(tmp_path: Path, python: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine without Python 3.13, as far as can be seen; its folder of programs."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    monkeypatch.setattr(compile_sources, "FETCHED", tmp_path / "fetched")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", os.devnull)
    monkeypatch.delenv("PYTHON313", raising=False)
    find_python.cache_clear()
    yield programs
    find_python.cache_clear()


def test_where_there_is_none_uv_fetches_one(bare: Path, python: str) -> None:
    uv = bare / "uv"
    uv.write_text(FAKE_UV.format(python=python))
    uv.chmod(0o755)
    assert find_python() is None
    fetched = bare.parent / "fetched" / "cpython-3.13" / "bin" / "python3.13"
    assert fetch_python() == find_python() == str(fetched)


def test_without_uv_or_a_network_there_is_none(bare: Path) -> None:
    assert find_python() is None
    assert fetch_python() is None
    uv = bare / "uv"
    uv.write_text("#!/bin/sh\nexit 2\n")
    uv.chmod(0o755)
    assert fetch_python() is None


def test_a_folder_that_is_named_comes_first(
    bare: Path, python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = bare.parent / "mine"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python3").symlink_to(python)
    monkeypatch.setenv("PYTHON313", str(folder))
    assert find_python() == str(folder / "bin" / "python3")


def test_what_is_no_python_is_refused(tmp_path: Path, python: str) -> None:
    (tmp_path / "broken.py").write_text("def (:\n")
    with pytest.raises(NotCompiled):
        compile_folder(python, tmp_path, "/var/task")


def test_compiling_twice_gives_equal_bytes(tmp_path: Path, python: str) -> None:
    """Whatever the folder is called, and in whatever order sets come."""
    written = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "sets.py").write_text("X = 'b' in {'a', 'b', 'c', 'd'}\nY = {'x', 'y', 'z'}\n")
        compile_folder(python, folder, "/var/task")
        (path,) = folder.rglob("*.pyc")
        written.append(path.read_bytes())
    assert written[0] == written[1]
    assert b"/var/task/sets.py" in written[0]
