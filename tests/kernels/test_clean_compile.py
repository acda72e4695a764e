"""No compiler has a word to say about the kernels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kernels.builds import build_kernels


@pytest.fixture(params=["system", "PyPI"])
def compiler(request: pytest.FixtureRequest) -> list[str]:
    if request.param == "PyPI":
        compiler: list[str] = request.getfixturevalue("zig")
    else:
        compiler = build_kernels.find_compiler()
    return compiler


def test_any_warning_is_an_error() -> None:
    assert {"-Wall", "-Wextra", "-Wconversion"} <= set(build_kernels.WARNINGS)
    assert build_kernels.STRICT_FLAGS == ["-Werror"]


def test_the_system_s_compiler_has_no_warning(here: Path) -> None:
    """Where it has one, ``here`` fails, and all tests that need it."""
    assert here.is_file()


def test_the_compiler_from_pypi_has_no_warning(
    zig: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    flags = build_kernels.STRICT_FLAGS
    assert build_kernels.build(zig, tmp_path, flags=flags).is_file(), capfd.readouterr().err


@pytest.mark.parametrize(
    "code",
    ["int f(int used) { int unused = 1; return used; }", "int g(long x) { return x; }"],
    ids=["-Wall", "-Wconversion"],
)
def test_warnings_are_seen(
    compiler: list[str],
    code: str,
    only_source: Callable[[str], None],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    only_source(f"int f(int); int g(long); {code}\n")
    flags = build_kernels.STRICT_FLAGS
    with pytest.raises(build_kernels.BuildFailed, match="cannot compile"):
        build_kernels.build(compiler, tmp_path, flags=flags)
    assert "odd.c:1:" in capfd.readouterr().err
