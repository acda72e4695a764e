"""Build the two Lambda layers: our packages, the compiled kernels and the libraries they need.

In: ``layers/science`` and ``layers/cloud``, and the versions in ``requirements.txt``. Out: a folder
per layer, which the CDK zips and deploys.

Works on any machine with pip, without docker: wheels are those of Lambda's platform, the kernels
are cross-compiled (see ``layers/science/build_kernels.py``)::

    python layers/build_layers.py build/layers

A layer whose sources and pins have not changed is left as it is, and equal sources give equal
bytes: what did not change is not deployed again.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PINS = HERE.parent / "requirements.txt"

PYTHON = "3.13"
# Amazon Linux 2023, on which Lambda runs Python 3.13, has glibc 2.34. Wheels for an older glibc run
# there too, but pip takes only those of a platform that is named: so all older ones are.
PLATFORMS = [
    *(f"manylinux_2_{minor}_x86_64" for minor in range(34, 4, -1)),
    *(f"manylinux{year}_x86_64" for year in (2014, 2010, 1)),
]

HANDLERS = HERE.parent / "functions"
MAX_UNZIPPED_MB = 250
"""What Lambda allows a function: its code and all its layers."""

LAYERS = ("science", "cloud")

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)")
_SKIPPED = shutil.ignore_patterns("__pycache__", "*.so", ".*")


class LayersFailed(RuntimeError):  # noqa: N818 (named like the errors of the science ring)
    """There are no layers; the message says why and what to do."""


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes
    ----------
    name : str
        Name of its folder below ``layers/``.
    folder : Path
        Folder it is built in, whose content becomes ``/opt`` on Lambda.
    """

    name: str
    folder: Path

    @property
    def sources(self) -> Path:
        """The layer's folder in the checkout."""
        return HERE / self.name

    @property
    def packages(self) -> Path:
        """Where Lambda's Python finds packages."""
        return self.folder / "python"

    @property
    def stamp(self) -> Path:
        """File with the fingerprint of what the layer was built from, beside its folder."""
        return self.folder.with_name(f"{self.name}.built-from")


def canonical(name: str) -> str:
    """Return the name of a distribution as the package index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_pins(path: Path) -> dict[str, str]:
    """Return the pinned version of each distribution.

    Markers such as ``; platform_machine == "x86_64"`` are ignored: Lambda is one platform.
    """
    pins = filter(None, map(_PIN.match, path.read_text("utf-8").splitlines()))
    return {canonical(pin["name"]): pin["version"] for pin in pins}


def read_names(path: Path) -> list[str]:
    """Return the distributions that a layer's own ``requirements.txt`` names."""
    lines = (line.partition("#")[0].strip() for line in path.read_text("utf-8").splitlines())
    return [name for name in lines if name]


def pinned_requirements(layer: Layer) -> list[str]:
    """Return what pip installs into a layer, each with its version.

    Raises
    ------
    LayersFailed
        If one of the distributions is not pinned in ``requirements.txt``.
    """
    pins = read_pins(PINS)
    names = read_names(layer.sources / "requirements.txt")
    missing = [name for name in names if canonical(name) not in pins]
    if missing:
        raise LayersFailed(
            f"{', '.join(missing)}: named in layers/{layer.name}/requirements.txt, but not pinned "
            "in requirements.txt; add a version there"
        )
    return [f"{name}=={pins[canonical(name)]}" for name in names]


def build_layers(out: Path) -> list[Layer]:
    """Build the layers that have changed, in folders below ``out``; return all of them.

    Raises
    ------
    LayersFailed
        If pip or the compiler fails (what they say goes to the terminal), a version is not pinned,
        or code and layers together are too large for Lambda.
    """
    layers = [Layer(name, out.resolve() / name) for name in LAYERS]
    for layer in layers:
        built_from = _fingerprint(layer)
        if layer.stamp.exists() and layer.stamp.read_text("utf-8") == built_from:
            continue
        print(f"Building the {layer.name} layer ...", file=sys.stderr, flush=True)
        layer.stamp.unlink(missing_ok=True)  # a build that is interrupted is none
        _build(layer)
        layer.stamp.write_text(built_from, "utf-8")
    total = sum(map(size_mb, (HANDLERS, *(layer.folder for layer in layers))))
    if total >= MAX_UNZIPPED_MB:
        raise LayersFailed(
            f"code and layers have {total:.0f} MB unzipped; Lambda allows {MAX_UNZIPPED_MB} MB"
        )
    return layers


def size_mb(folder: Path) -> float:
    """Return the size of those files of a folder that are deployed, in MB (1024 x 1024 bytes)."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in files if "__pycache__" not in path.parts) / (1 << 20)


def _build(layer: Layer) -> None:
    shutil.rmtree(layer.folder, ignore_errors=True)
    _install(pinned_requirements(layer), layer.packages)
    _trim(layer.packages)
    shutil.copytree(layer.sources / "python", layer.packages, ignore=_SKIPPED, dirs_exist_ok=True)
    if layer.name == "science":
        _compile_kernels(layer.packages / "ionbox_science")


def _install(requirements: Sequence[str], target: Path) -> None:
    platforms = [part for platform in PLATFORMS for part in ("--platform", platform)]
    pip = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--target", str(target), "--no-deps", "--no-compile", "--only-binary=:all:"),
        *("--python-version", PYTHON, "--implementation", "cp", *platforms),
    ]
    if subprocess.run([*pip, *requirements], check=False, stdout=sys.stderr).returncode != 0:
        raise LayersFailed("pip cannot install the libraries (see above); is there a network?")


def _trim(packages: Path) -> None:
    """Remove tests, commands, and records of where and how pip installed.

    The latter differ from build to build, and equal sources are to give equal bytes. More is not to
    be removed: ``strip`` breaks numpy, and cpyMSpec reads its own ``*.h``.
    """
    for folder in [*packages.rglob("tests"), *packages.rglob("__pycache__"), packages / "bin"]:
        shutil.rmtree(folder, ignore_errors=True)
    for name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json"):
        for path in packages.glob(f"*.dist-info/{name}"):
            path.unlink()


def _compile_kernels(out: Path) -> None:
    command = [sys.executable, str(HERE / "science" / "build_kernels.py"), "--lambda"]
    done = subprocess.run([*command, "--out", str(out)], check=False, stdout=sys.stderr)
    if done.returncode != 0:
        raise LayersFailed("the kernels cannot be compiled (see above)")


def _fingerprint(layer: Layer) -> str:
    """Return a checksum of everything a layer is made of, this file included."""
    digest = hashlib.sha256("\n".join(pinned_requirements(layer)).encode())
    for path in (Path(__file__), *_files_of(layer)):
        digest.update(f"\n{path.relative_to(HERE)} {path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _files_of(layer: Layer) -> Iterator[Path]:
    for path in sorted(layer.sources.rglob("*")):
        if path.is_file() and path.suffix != ".so" and "__pycache__" not in path.parts:
            yield path


def main(arguments: Sequence[str] | None = None) -> None:
    """Build from the command line."""
    parser = argparse.ArgumentParser(description="Build ionbox's Lambda layers.")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder of the layers' folders")
    try:
        layers = build_layers(parser.parse_args(arguments).out)
    except LayersFailed as error:
        sys.exit(f"The layers were not built: {error}")
    for name, folder in [("code", HANDLERS), *((layer.name, layer.folder) for layer in layers)]:
        print(f"{os.path.relpath(folder)}: {name}, {size_mb(folder):.1f} MB unzipped")


if __name__ == "__main__":
    main()
