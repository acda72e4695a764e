"""Building the kernels on machines of all kinds, and telling users when they have to."""

from __future__ import annotations

import ctypes
import importlib.util
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ionbox_science import kernels

from tests import patience
from tests.kernels.builds import build_kernels

BROKEN = "int f(void) { return }\n"


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any program."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("CC", raising=False)


def write_compiler(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


# --- which compiler -------------------------------------------------------------------------------


def test_the_system_s_compiler_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("no system compiler here")
    assert build_kernels.find_compiler()[0] in ("cc", "gcc", "clang")


def test_cc_names_a_compiler_with_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [compiler, *_] = build_kernels.find_compiler()
    wrapper = write_compiler(tmp_path / "wrapper", f'shift; exec {shutil.which(compiler)} "$@"')
    monkeypatch.setenv("CC", f"{wrapper} --ours")
    assert build_kernels.find_compiler() == [str(wrapper), "--ours"]


@pytest.mark.parametrize("script", ["exit 1", "echo unknown option '$1' >&2; exit 2"])
def test_a_compiler_that_cannot_is_passed_over(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = write_compiler(tmp_path / "odd", script)
    monkeypatch.setenv("CC", str(odd))
    assert build_kernels.find_compiler() != [str(odd)]
    assert f"CC={odd} cannot compile" in capsys.readouterr().out


@pytest.mark.usefixtures("bare")
def test_without_a_compiler_the_one_from_pypi_builds(
    zig: list[str], only_source: Callable[[str], None], tmp_path: Path
) -> None:
    """What it makes of the kernels, test_same_bytes.py tries."""
    only_source("int f(void); int f(void) { return 2; }\n")
    compiler = build_kernels.find_compiler()
    assert compiler == zig
    assert ctypes.CDLL(str(build_kernels.build(compiler, tmp_path))).f() == 2


@pytest.mark.usefixtures("bare")
def test_where_no_compiler_works_the_message_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(build_kernels, "COMPILER_WHEEL", tmp_path / "no such requirements.txt")
    with pytest.raises(SystemExit, match=r"(?s)not compiled: no C compiler.*apt install gcc.*CC="):
        build_kernels.main(["--out", str(tmp_path)])
    assert not list(tmp_path.glob("*.so"))


def test_other_processors_get_no_flag_of_intel_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    compiler = [str(write_compiler(tmp_path / "cc", f'echo "$@" > "{seen}"; exit 1'))]
    monkeypatch.setattr(build_kernels.platform, "machine", lambda: "arm64")
    with pytest.raises(build_kernels.BuildFailed):
        build_kernels.build(compiler, tmp_path)
    assert "-march" not in seen.read_text()
    with pytest.raises(build_kernels.BuildFailed):
        build_kernels.build(compiler, tmp_path, x86=True)
    assert "-march=x86-64-v2" in seen.read_text()


def test_warnings_do_not_stop_users(
    only_source: Callable[[str], None], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    only_source("int f(void); int f(void) { int unused = 1; return 2; }\n")
    assert build_kernels.build(build_kernels.find_compiler(), tmp_path).is_file()
    assert "unused" in capfd.readouterr().err


# --- complete or not at all -----------------------------------------------------------------------


def test_a_failed_build_leaves_what_there_was(
    only_source: Callable[[str], None], tmp_path: Path
) -> None:
    only_source(BROKEN)
    library = tmp_path / "out" / build_kernels.LIBRARY.name
    library.parent.mkdir()
    library.write_text("the last one")
    with pytest.raises(build_kernels.BuildFailed, match="cannot compile"):
        build_kernels.build(build_kernels.find_compiler(), library.parent)
    assert [path.read_text() for path in library.parent.iterdir()] == ["the last one"]


def test_a_compiler_that_stops_half_way_leaves_nothing(tmp_path: Path) -> None:
    script = 'for last; do :; done; echo half > "$last"; exit 1'
    compiler = write_compiler(tmp_path / "cc", script)
    with pytest.raises(build_kernels.BuildFailed):
        build_kernels.build([str(compiler)], tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_the_command_ends_with_the_compiler_s_words_and_ours(tmp_path: Path) -> None:
    script = write_compiler(
        tmp_path / "cc", 'case "$*" in *root.c*) ;; *) echo "no disk" >&2; exit 1; esac'
    )
    done = patience.run(
        [sys.executable, build_kernels.HERE / "build_kernels.py", "--out", tmp_path],
        env={"PATH": "/usr/bin:/bin", "CC": str(script)},
    )
    assert done.returncode == 1
    assert done.stderr.startswith("no disk\nThe kernels were not compiled: ")
    assert "Traceback" not in done.stderr


# --- missing or stale -----------------------------------------------------------------------------


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing loaded yet; patches end with the test, before others load again."""
    monkeypatch.setattr(kernels, "library", kernels.library.__wrapped__)
    return monkeypatch


def test_a_library_of_these_sources_loads(fresh: pytest.MonkeyPatch, here: Path) -> None:
    fresh.setattr(kernels, "LIBRARY", here)
    assert kernels.library()


def test_a_missing_library_is_told(fresh: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fresh.setattr(kernels, "LIBRARY", tmp_path / "none.so")
    with pytest.raises(kernels.KernelsMissing, match=r"cannot be loaded \(.*'make kernels'"):
        kernels.library()


def test_a_library_of_another_machine_is_told(fresh: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "other.so").write_bytes(b"\xcf\xfa\xed\xfe" + bytes(100))
    fresh.setattr(kernels, "LIBRARY", tmp_path / "other.so")
    with pytest.raises(kernels.KernelsMissing, match=r"cannot be loaded \(.*'make kernels'"):
        kernels.library()


@pytest.mark.parametrize("change", ["edited", "added", "removed"])
def test_a_stale_library_is_told(
    change: str, fresh: pytest.MonkeyPatch, here: Path, tmp_path: Path
) -> None:
    sources = shutil.copytree(kernels.SOURCES, tmp_path / "kernels")
    fresh.setattr(kernels, "LIBRARY", here)
    fresh.setattr(kernels, "SOURCES", sources)
    assert kernels.library()
    if change == "removed":
        (sources / "status.h").unlink()
    else:
        with (sources / ("status.h" if change == "edited" else "new.c")).open("a") as file:
            file.write("/* */\n")
    with pytest.raises(kernels.KernelsMissing, match=r"do not belong to the sources.*make kernels"):
        kernels.library()


def test_a_library_that_does_not_know_its_sources_is_stale(
    fresh: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "old.c").write_text("int f(void) { return 1; }\n")
    compiler = build_kernels.find_compiler()
    command = [*compiler, *build_kernels.SHARED, str(tmp_path / "old.c"), "-o"]
    assert patience.run([*command, tmp_path / "old.so"]).returncode == 0
    fresh.setattr(kernels, "LIBRARY", tmp_path / "old.so")
    with pytest.raises(kernels.KernelsMissing, match="make kernels"):
        kernels.library()


def test_a_library_without_sources_beside_it_loads_as_on_lambda(
    fresh: pytest.MonkeyPatch, here: Path, tmp_path: Path
) -> None:
    fresh.setattr(kernels, "LIBRARY", here)
    fresh.setattr(kernels, "SOURCES", tmp_path / "none")
    assert kernels.library()
