"""Installs a wheel as pip would, without a network: what it requires is linked from here."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import patience

_OF_THIS_CHECKOUT = {"PYTHONPATH", "VIRTUAL_ENV", "XDG_CACHE_HOME"}


@dataclass(frozen=True)
class Installed:
    """An environment with ionbox, and an empty folder to work in.

    Attributes
    ----------
    bin : Path
        Where its commands are.
    folder : Path
        Where they are run.
    """

    bin: Path
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process that knows nothing of this checkout."""
        inherited = {k: v for k, v in os.environ.items() if k not in _OF_THIS_CHECKOUT}
        told = {"HOME": str(self.folder.parent), "PATH": "/usr/bin:/bin", "PYTHONFAULTHANDLER": "1"}
        return inherited | told

    def run(self, command: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a command of this environment, which may fail."""
        words: list[str | Path] = [self.bin / command, *map(str, arguments)]
        return patience.run(words, cwd=self.folder, env=self.environment)

    def succeed(self, command: str, *arguments: object) -> str:
        """Run a command that must not fail; returns what it prints."""
        done = self.run(command, *arguments)
        assert done.returncode == 0, f"ended as {done.returncode}: {done.stdout}\n{done.stderr}"
        return done.stdout


def required(requirements: Iterable[str]) -> dict[str, metadata.Distribution]:
    """Return all that pip would install for requirements, by name, as it is installed here."""
    found: dict[str, metadata.Distribution] = {}
    asked: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        extras = frozenset({"", *requirement.extras})
        if (name, extras) in asked:
            continue
        asked.add((name, extras))
        found[name] = metadata.distribution(name)
        assert found[name].version in requirement.specifier, f"{requirement} is not what is here"
        waiting += [
            inner
            for inner in map(Requirement, found[name].requires or [])
            if inner.marker is None or any(inner.marker.evaluate({"extra": e}) for e in extras)
        ]
    return found


def own_requirements(distribution: metadata.Distribution) -> list[str]:
    """Return what a distribution requires without any of its extras."""
    requirements = map(Requirement, distribution.requires or [])
    return [str(r) for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]


def link(distribution: metadata.Distribution, folder: Path) -> None:
    """Let a distribution be found in another folder, too."""
    tops = {path.parts[0] for path in distribution.files or []} - {"..", "__pycache__"}
    assert tops, f"{distribution.name} has no list of files"
    for top in tops:
        if not (folder / top).exists():
            (folder / top).symlink_to(str(distribution.locate_file(top)))


def make_environment(folder: Path, requirements: Iterable[str]) -> Path:
    """Make an environment of what is required; returns where its packages are."""
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for distribution in required(requirements).values():
        link(distribution, packages)
    return packages


def install_wheel(wheel: Path, folder: Path) -> Installed:
    """Make an environment of a wheel and what it requires."""
    environment = folder / "environment"
    packages = make_environment(environment, [])
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python")]
    options = ["install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    done = patience.run([*pip, *options, wheel])
    assert done.returncode == 0, done.stderr
    (info,) = packages.glob("ionbox-*.dist-info")
    for distribution in required(own_requirements(metadata.Distribution.at(info))).values():
        link(distribution, packages)
    (folder / "empty").mkdir()
    return Installed(environment / "bin", folder / "empty")
