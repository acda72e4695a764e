from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kernels.builds import build_kernels
from tests.once import make_once


@pytest.fixture(scope="session")
def zig() -> list[str]:
    """The compiler from PyPI, which tests/requirements.txt installs."""
    assert importlib.util.find_spec("ziglang"), "pip install -r tests/requirements.txt"
    command: list[str] = build_kernels.find_ziglang()
    return command


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kernels as this machine's compiler builds them; a word from it is an error."""

    def build(folder: Path) -> None:
        build_kernels.build(build_kernels.find_compiler(), folder, flags=build_kernels.STRICT_FLAGS)

    library: Path = make_once(tmp_path_factory, "here", build) / build_kernels.LIBRARY.name
    return library


@pytest.fixture(scope="session")
def for_lambda(zig: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kernels as ``--lambda x86_64`` builds them."""
    out = tmp_path_factory.mktemp("lambda")
    build_kernels.main(["--lambda", "x86_64", "--out", str(out)])
    library: Path = out / build_kernels.LIBRARY.name
    return library


@pytest.fixture
def only_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let builds have one source, ``odd.c``: tests of odd code need not compile all kernels."""

    def write(code: str) -> None:
        folder = tmp_path / "sources"
        folder.mkdir()
        (folder / "odd.c").write_text(code)
        monkeypatch.setattr(build_kernels, "SOURCES", folder)

    return write
