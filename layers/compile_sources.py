"""Compile Python sources for Lambda's Python, so that no function does so whenever it starts.

In: a folder of sources, and where Lambda has it. Out: a ``.pyc`` for each source, in
``__pycache__`` beside it, which Lambda's Python runs without a look at the source. So one that is
not of its source would be run unnoticed: `find_stale` finds those.

Only a Python of the same version writes what Lambda's Python reads. `find_python` looks for one,
`fetch_python` lets uv fetch one; this file is then run by it::

    python3.13 layers/compile_sources.py build/layers/x86_64/science/python /opt/python
"""

from __future__ import annotations

import _imp
import functools
import os
import py_compile
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

VERSION = "3.13"
_TAG = ".cpython-313.pyc"
_MAGIC = bytes.fromhex("f30d0d0a")
"""How every ``.pyc`` of a Python 3.13 begins."""

_UNCHECKED = bytes.fromhex("01000000")
"""After it: this ``.pyc`` has its source's hash, which is not to be compared. Then the hash."""

FETCHED = Path(__file__).resolve().parents[1] / "build" / "python"
"""Where uv puts a Python 3.13 where none was found."""

_FETCH_S = 180  # a hundred megabytes; a network that lets nothing through does not say so at once

# equal sources are to give equal bytes: the order in sets would differ from process to process
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}


class NotCompiled(RuntimeError):  # noqa: N818 (named like the errors of the science ring)
    """Sources cannot be compiled; what the compiler says goes to the terminal."""


@functools.cache
def find_python() -> str | None:
    """Return the command of a Python of Lambda's version; None if there is none here.

    ``PYTHON313`` names the folder of one to try first.
    """
    return next((each for each in _candidates() if each and _writes_for_lambda(each)), None)


def _candidates() -> Iterator[str | None]:
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield str(Path(os.environ.get("PYTHON313", "-")) / "bin" / "python3")
    yield sys.executable
    yield from map(str, sorted(versions.glob(f"{VERSION}.*/bin/python3"), reverse=True))
    yield shutil.which(f"python{VERSION}")
    yield from map(str, sorted(FETCHED.glob(f"*/bin/python{VERSION}"), reverse=True))
    yield _ask_uv(["find", "--no-project", VERSION])


def fetch_python() -> str | None:
    """Let uv fetch a Python of Lambda's version into ``build``; None if it cannot."""
    folder = ["--install-dir", str(FETCHED), "--no-bin"]
    if _ask_uv(["install", *folder, VERSION], seconds=_FETCH_S) is None:
        return None
    find_python.cache_clear()
    return find_python()


@functools.cache
def describe(python: str | None) -> str:
    """Return what compiles, as far as the bytes it writes depend on it."""
    return _ask(python, "import sys; print(sys.version)") or "nothing" if python else "nothing"


def compile_folder(python: str, folder: Path, place: str) -> None:
    """Compile all sources of a folder.

    Parameters
    ----------
    python : str
        What `find_python` returns.
    folder : Path
        Where the sources are.
    place : str
        Where Lambda has them. The folder's own path is in no ``.pyc``.

    Raises
    ------
    NotCompiled
        If one of them is no Python, or was compiled to something else than expected.
    """
    # without site-packages: what compiles is Python alone
    command = [python, "-s", "-S", "-B", __file__, str(folder), place]
    done = subprocess.run(
        command, check=False, stdout=sys.stderr, env=_without_python() | _ENVIRONMENT
    )
    stale = sorted(find_stale(folder))
    if done.returncode != 0 or stale:
        raise NotCompiled(", ".join(map(str, stale[:3])) or str(folder))


def find_stale(folder: Path) -> Iterator[Path]:
    """Yield every ``.pyc`` of another Python, or of something else than the source beside it."""
    for path in folder.rglob("*.pyc"):
        source = path.parents[1] / path.name.replace(_TAG, ".py")
        if not path.name.endswith(_TAG) or not source.is_file() or not _is_of(path, source):
            yield path


def _is_of(path: Path, source: Path) -> bool:
    with path.open("rb") as file:
        header = file.read(16)
    key = int.from_bytes(_MAGIC, "little")
    return header == _MAGIC + _UNCHECKED + _imp.source_hash(key, source.read_bytes())


def _writes_for_lambda(python: str) -> bool:
    asked = "import importlib.util; print(importlib.util.MAGIC_NUMBER.hex())"
    return _ask(python, asked) == _MAGIC.hex()


def _ask(python: str, code: str) -> str | None:
    """Return what a Python prints; None if it does not run."""
    return _output([python, "-I", "-S", "-c", code])


def _ask_uv(arguments: list[str], seconds: float = 30) -> str | None:
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    return _output([uv, "python", *arguments], seconds) if uv else None


def _output(command: list[str], seconds: float = 30) -> str | None:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=seconds)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _without_python() -> dict[str, str]:
    """Return the environment without what would lead that Python to another one's modules."""
    return {name: each for name, each in os.environ.items() if not name.startswith("PYTHON")}


def main(folder: Path, place: str) -> None:
    """Compile, as the Python that runs this."""
    for path in sorted(folder.rglob("*.py")):
        py_compile.compile(
            str(path),
            dfile=f"{place}/{path.relative_to(folder).as_posix()}",
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
