"""Compile the kernels into each wheel, and build wheels for other machines than this one.

pyproject.toml names this file as the wheel's build hook (hatchling's): ``pip install .`` compiles
with the system's C compiler, else with ``ziglang`` from PyPI. As a command it builds the sdist and
a wheel for each of `PLATFORMS`, all from any machine::

    python build_wheels.py dist
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.builders.wheel import WheelBuilderConfig
from packaging.tags import sys_tags

ROOT = Path(__file__).resolve().parent
# pip builds in an environment of its own, which has none of our packages: these are the checkout's
sys.path[:0] = [str(ROOT / folder) for folder in (".", "client", "layers/science/python")]

from ionbox.platforms import require_posix  # noqa: E402

from layers.science import build_kernels  # noqa: E402

VARIABLE = "IONBOX_WHEEL"
"""Environment variable that names one of `PLATFORMS`; without it a wheel is for this machine."""


class Platform(NamedTuple):
    """A kind of machine wheels are built for.

    Attributes
    ----------
    tags : str
        Platform tags in the names of its wheels.
    target : str
        zig's name of it, with the oldest C library or macOS on which the kernels are to run.
    x86 : bool
        Whether its processor is an x86-64.
    """

    tags: str
    target: str
    x86: bool


PLATFORMS = {
    "linux-x86_64": Platform(
        "manylinux_2_17_x86_64.manylinux2014_x86_64", "x86_64-linux-gnu.2.17", True
    ),
    "linux-aarch64": Platform(
        "manylinux_2_17_aarch64.manylinux2014_aarch64", "aarch64-linux-gnu.2.17", False
    ),
    "macos-x86_64": Platform("macosx_11_0_x86_64", "x86_64-macos.11.0", True),
    "macos-arm64": Platform("macosx_11_0_arm64", "aarch64-macos.11.0", False),
}


class KernelsHook(BuildHookInterface[WheelBuilderConfig]):
    """Puts the compiled kernels into a wheel, or beside their module for an editable install."""

    def dependencies(self) -> list[str]:
        """Return what a build needs besides hatchling: a compiler, if the system has none.

        Raises
        ------
        UnsupportedSystem
            On Windows, which ionbox runs on by way of WSL only.
        """
        require_posix()
        if chosen_platform() is None and build_kernels.find_system_compiler():
            return []
        lines = build_kernels.COMPILER_WHEEL.read_text("utf-8").splitlines()
        return [line for line in lines if line and not line.startswith("#")]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the kernels and tell hatchling what to take into the wheel, and its tag.

        Raises
        ------
        UnsupportedSystem
            On Windows, which ionbox runs on by way of WSL only.
        BuildFailed
            If the kernels cannot be compiled.
        """
        require_posix()
        if version == "editable":
            _renew_in_place()
            return
        self._folder = tempfile.TemporaryDirectory()
        platform = chosen_platform()
        library = _compile(platform, Path(self._folder.name))
        build_data["pure_python"] = False
        # ctypes loads the library, which knows nothing of Python: one wheel is for every version
        build_data["tag"] = f"py3-none-{platform.tags if platform else this_platform()}"
        build_data["force_include"][str(library)] = f"ionbox_science/{library.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the folder of the compiled library, which is in the wheel by now."""
        if version != "editable":
            self._folder.cleanup()


def chosen_platform() -> Platform | None:
    """Return the platform that `VARIABLE` names; None, for this machine, if it is not set.

    Raises
    ------
    KeyError
        If it names none of `PLATFORMS`.
    """
    name = os.environ.get(VARIABLE)
    return PLATFORMS[name] if name else None


def this_platform() -> str:
    """Return the platform tag of wheels for this machine.

    Not a manylinux tag, which would promise that the wheel runs on older systems: the system's
    compiler links to the C library that is here.
    """
    tags = (tag.platform for tag in sys_tags())
    return next(tag for tag in tags if not tag.startswith(("manylinux", "musllinux")))


def _compile(platform: Platform | None, out: Path) -> Path:
    if platform is None:
        return build_kernels.build(build_kernels.find_compiler(), out)
    compiler = [*build_kernels.find_ziglang(), "-target", platform.target, "-s"]
    # some of the flags mean nothing on some of the platforms, of which the compiler would warn
    return build_kernels.build(compiler, out, flags=["-Qunused-arguments"], x86=platform.x86)


def _renew_in_place() -> None:
    """Compile the checkout's own kernels, unless they belong to its sources already."""
    from ionbox_science import kernels

    try:
        kernels.library()
    except kernels.KernelsMissing:
        _compile(None, kernels.LIBRARY.parent)


def build_wheels(out: Path) -> None:
    """Build the sdist and a wheel for each platform.

    Raises
    ------
    CalledProcessError
        If one of them cannot be built; what hatchling says goes to the terminal.
    """
    hatchling = [sys.executable, "-m", "hatchling", "build", "-d", str(out.resolve())]
    subprocess.run([*hatchling, "-t", "sdist"], check=True, cwd=ROOT)
    for name in PLATFORMS:
        environment = {**os.environ, VARIABLE: name}
        subprocess.run([*hatchling, "-t", "wheel"], check=True, cwd=ROOT, env=environment)


def main(arguments: Sequence[str] | None = None) -> None:
    """Build from the command line."""
    parser = argparse.ArgumentParser(description="Build ionbox's sdist and wheels.")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder of the files")
    try:
        build_wheels(parser.parse_args(arguments).out)
    except subprocess.CalledProcessError as error:
        sys.exit(f"The wheels were not built: {error}")


if __name__ == "__main__":
    main()
