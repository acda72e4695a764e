"""What this machine allows: how close to Lambda a function can run on it."""

from __future__ import annotations

import functools
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.patience import run
from tests.rehearsal.limits import find_hierarchy

PYTHON = (3, 13)  # of the functions, as their compiled libraries need it
RUNTIME = Path(sys.prefix) / "rehearsal-runtime"  # the folder that the Makefile installs into


@dataclass(frozen=True)
class Abilities:
    """What a rehearsal can use here.

    Attributes
    ----------
    python : Path or None
        Folder of a Python 3.13, with ``bin`` and ``lib`` in it.
    has_runtime : bool
        Whether AWS's runtime client is installed.
    has_roots : bool
        Whether a process can be given a file system of its own.
    has_limits : bool
        Whether a process can be given a limit of memory and processor.
    """

    python: Path | None
    has_runtime: bool
    has_roots: bool
    has_limits: bool

    @property
    def missing(self) -> str:
        """Why there can be no rehearsal at all; empty if there can."""
        if self.python is None:
            return "there is no Python 3.13, which Lambda runs; set PYTHON313 to its folder"
        if not self.has_runtime:
            return "AWS's runtime client is not installed; 'make rehearse' does that"
        return ""

    @property
    def left_out(self) -> list[str]:
        """What a rehearsal does not show on this machine that it shows on others."""
        without = []
        if not self.has_roots:
            without.append(
                "functions see this machine's files and run as you: no read-only root, no /opt "
                "(needs root and unshare)"
            )
        if not self.has_limits:
            without.append(
                "functions have no limit of memory or processor: none is killed for it (needs "
                "root and cgroups)"
            )
        return without


@functools.cache
def look() -> Abilities:
    """Find out what this machine allows."""
    return Abilities(
        python=_find_python(),
        has_runtime=(RUNTIME / "awslambdaric").is_dir(),
        has_roots=_has_roots(),
        has_limits=find_hierarchy() is not None,
    )


def _find_python() -> Path | None:
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    name = ".".join(map(str, PYTHON))
    found = [
        Path(os.environ.get("PYTHON313", "-")) / "bin" / "python3",
        *sorted(versions.glob(f"{name}.*/bin/python3"), reverse=True),
        *(Path(path) for path in [shutil.which(f"python{name}")] if path),
    ]
    for python in found:
        if python.is_file() and (prefix := _prefix_of(python)):
            return prefix
    return None


def _prefix_of(python: Path) -> Path | None:
    """Return the folder of a Python; None if it is another version."""
    ask = "import sys; print(*sys.version_info[:2], sys.base_prefix)"
    said = run([python, "-c", ask])
    major, minor, prefix = (said.stdout.strip() or "0 0 -").split(" ", 2)
    return Path(prefix) if (int(major), int(minor)) == PYTHON else None


def _has_roots() -> bool:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    tried = "mount --make-rprivate / && mount -t tmpfs tmpfs /mnt"
    return run(["unshare", "-m", "sh", "-c", tried]).returncode == 0
