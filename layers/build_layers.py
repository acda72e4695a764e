"""Build what is deployed to Lambda: the handlers' code, and the two layers.

The layers have our packages, the compiled kernels and the libraries they need.

In: ``functions``, ``layers/science``, ``layers/cloud``, and the versions in ``requirements.txt``.
Out: a folder for each, which the CDK zips and deploys.

Works on any machine with pip, without docker: wheels are those of Lambda's platform, the kernels
are cross-compiled (see ``layers/science/build_kernels.py``). Where there is a Python of Lambda's
version, or uv can fetch one, the sources are compiled, too (see ``compile_sources.py``)::

    python layers/build_layers.py build/layers/x86_64
    python layers/build_layers.py build/layers/arm64 --architecture arm64

What has not changed, sources and pins, is left as it is, and equal sources give equal bytes: what
did not change is not deployed again.
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
sys.path.insert(0, str(HERE.parent))  # a script, wherever it is run from

from layers.compile_sources import (  # noqa: E402
    VERSION,
    NotCompiled,
    compile_folder,
    describe,
    fetch_python,
    find_python,
    find_stale,
)

PINS = HERE.parent / "requirements.txt"

MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
"""Lambda's name of an architecture, and that of Linux, which wheels have."""

CODE = "functions"
LAYERS = ("science", "cloud")
MAX_UNZIPPED_MB = 250
"""What Lambda allows a function: its code and all its layers."""

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)")
_NAMED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\s*;\s*platform_machine == \"(?P<machine>\w+)\")?")
_SKIPPED = shutil.ignore_patterns("__pycache__", "*.so", ".*")


class LayersFailed(RuntimeError):  # noqa: N818 (named like the errors of the science ring)
    """There are no layers; the message says why and what to do."""


@dataclass(frozen=True)
class Layer:
    """One layer, or the handlers' code.

    Attributes
    ----------
    name : str
        Name of its folder below ``layers/``; or `CODE`.
    folder : Path
        Folder it is built in, whose content becomes ``/opt`` on Lambda, or ``/var/task``.
    architecture : str
        Of the processors it runs on, by Lambda's name.
    """

    name: str
    folder: Path
    architecture: str

    @property
    def is_code(self) -> bool:
        """Whether it is the handlers' code."""
        return self.name == CODE

    @property
    def sources(self) -> Path:
        """Its folder in the checkout."""
        return HERE.parent / CODE if self.is_code else HERE / self.name

    @property
    def packages(self) -> Path:
        """Where Lambda's Python finds packages."""
        return self.folder if self.is_code else self.folder / "python"

    @property
    def place(self) -> str:
        """Where that is on Lambda."""
        return "/var/task" if self.is_code else "/opt/python"

    @property
    def machine(self) -> str:
        """Linux's name of the architecture."""
        return MACHINES[self.architecture]

    @property
    def stamp(self) -> Path:
        """File with the fingerprint of what the layer was built from, beside its folder."""
        return self.folder.with_name(f"{self.name}.built-from")


def canonical(name: str) -> str:
    """Return the name of a distribution as the package index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_pins(path: Path) -> dict[str, str]:
    """Return the pinned version of each distribution.

    Markers such as ``; platform_machine == "x86_64"`` are ignored: those of the layers count.
    """
    pins = filter(None, map(_PIN.match, path.read_text("utf-8").splitlines()))
    return {canonical(pin["name"]): pin["version"] for pin in pins}


def read_names(path: Path, machine: str) -> list[str]:
    """Return the distributions that a layer's own ``requirements.txt`` names for a machine.

    Raises
    ------
    LayersFailed
        If a line is more than a name and a ``platform_machine``.
    """
    lines = (line.partition("#")[0].strip() for line in path.read_text("utf-8").splitlines())
    names = []
    for line in filter(None, lines):
        found = _NAMED.fullmatch(line)
        if found is None:
            raise LayersFailed(f"{path}: cannot be read: {line}")
        if found["machine"] in (None, machine):
            names.append(found["name"])
    return names


def pinned_requirements(layer: Layer) -> list[str]:
    """Return what pip installs into a layer, each with its version.

    Raises
    ------
    LayersFailed
        If one of the distributions is not pinned in ``requirements.txt``.
    """
    if layer.is_code:
        return []
    pins = read_pins(PINS)
    names = read_names(layer.sources / "requirements.txt", layer.machine)
    missing = [name for name in names if canonical(name) not in pins]
    if missing:
        raise LayersFailed(
            f"{', '.join(missing)}: named in layers/{layer.name}/requirements.txt, but not pinned "
            "in requirements.txt; add a version there"
        )
    return [f"{name}=={pins[canonical(name)]}" for name in names]


def build_layers(out: Path, architecture: str) -> list[Layer]:
    """Build what has changed, in folders below ``out``; return code and layers.

    Raises
    ------
    LayersFailed
        If pip or a compiler fails (what they say goes to the terminal), a version is not pinned,
        or code and layers together are too large for Lambda.
    """
    layers = [Layer(name, out.resolve() / name, architecture) for name in (CODE, *LAYERS)]
    python = find_python()
    if python is None and not all(_is_built(layer, python) for layer in layers):
        python = fetch_python()
    if python is None:
        print(
            f"There is no Python {VERSION} here to compile with: functions will take longer to "
            "start. PYTHON313 may name the folder of one.",
            file=sys.stderr,
        )
    for layer in layers:
        if _is_built(layer, python):
            continue
        what = "code" if layer.is_code else f"{layer.name} layer"
        print(f"Building the {what} ...", file=sys.stderr, flush=True)
        layer.stamp.unlink(missing_ok=True)  # a build that is interrupted is none
        _build(layer, python)
        layer.stamp.write_text(_fingerprint(layer, python), "utf-8")
    total = sum(size_mb(layer.folder) for layer in layers)
    if total >= MAX_UNZIPPED_MB:
        raise LayersFailed(
            f"code and layers have {total:.0f} MB unzipped; Lambda allows {MAX_UNZIPPED_MB} MB"
        )
    return layers


def size_mb(folder: Path) -> float:
    """Return the size of a folder's files, in MB (1024 x 1024 bytes)."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in files) / (1 << 20)


def _is_built(layer: Layer, python: str | None) -> bool:
    if not layer.stamp.exists():
        return False
    if layer.stamp.read_text("utf-8") != _fingerprint(layer, python):
        return False
    return not any(find_stale(layer.folder))  # which whoever changed or ran a source there leaves


def _build(layer: Layer, python: str | None) -> None:
    shutil.rmtree(layer.folder, ignore_errors=True)
    if layer.is_code:
        shutil.copytree(layer.sources, layer.folder, ignore=_SKIPPED)
    else:
        _install(pinned_requirements(layer), layer)
        _trim(layer.packages)
        ours = layer.sources / "python"
        shutil.copytree(ours, layer.packages, ignore=_SKIPPED, dirs_exist_ok=True)
    if layer.name == "science":
        _compile_kernels(layer)
    if python is not None:
        try:
            compile_folder(python, layer.packages, layer.place)
        except NotCompiled as error:
            raise LayersFailed(f"{error}: cannot be compiled (see above)") from error


def _platforms(machine: str) -> list[str]:
    """Return the platforms whose wheels run on Lambda.

    Amazon Linux 2023, on which Lambda runs Python 3.13, has glibc 2.34. Wheels for an older glibc
    run there too, but pip takes only those of a platform that is named: so all older ones are.
    """
    return [
        *(f"manylinux_2_{minor}_{machine}" for minor in range(34, 4, -1)),
        *(f"manylinux{year}_{machine}" for year in (2014, 2010, 1)),
    ]


def _install(requirements: Sequence[str], layer: Layer) -> None:
    named = _platforms(layer.machine)
    platforms = [part for platform in named for part in ("--platform", platform)]
    pip = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--target", str(layer.packages), "--no-deps", "--no-compile", "--only-binary=:all:"),
        *("--python-version", VERSION, "--implementation", "cp", *platforms),
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


def _compile_kernels(layer: Layer) -> None:
    command = [sys.executable, str(HERE / "science" / "build_kernels.py")]
    options = ["--lambda", layer.architecture, "--out", str(layer.packages / "ionbox_science")]
    done = subprocess.run([*command, *options], check=False, stdout=sys.stderr)
    if done.returncode != 0:
        raise LayersFailed("the kernels cannot be compiled (see above)")


def _fingerprint(layer: Layer, python: str | None) -> str:
    """Return a checksum of everything a layer is made of and by, this file included."""
    made_by = [layer.architecture, describe(python), *pinned_requirements(layer)]
    digest = hashlib.sha256("\n".join(made_by).encode())
    for path in (*sorted(HERE.glob("*.py")), *_files_of(layer)):
        digest.update(f"\n{path.relative_to(HERE.parent)} {path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _files_of(layer: Layer) -> Iterator[Path]:
    for path in sorted(layer.sources.rglob("*")):
        if path.is_file() and path.suffix != ".so" and "__pycache__" not in path.parts:
            yield path


def main(arguments: Sequence[str] | None = None) -> None:
    """Build from the command line."""
    parser = argparse.ArgumentParser(description="Build what ionbox deploys to Lambda.")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder of code and layers")
    parser.add_argument("--architecture", choices=MACHINES, default="x86_64")
    options = parser.parse_args(arguments)
    try:
        layers = build_layers(options.out, options.architecture)
    except LayersFailed as error:
        sys.exit(f"The layers were not built: {error}")
    for layer in layers:
        name = "code" if layer.is_code else layer.name
        print(f"{os.path.relpath(layer.folder)}: {name}, {size_mb(layer.folder):.1f} MB unzipped")


if __name__ == "__main__":
    main()
