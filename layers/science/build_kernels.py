"""Compile the C kernels into one shared library beside the science ring's modules.

In: ``layers/science/kernels``. Out: ``libionbox_kernels.so``, which says of itself what it was
compiled from; `ionbox_science.kernels` loads it. Run by make, by the builds of wheels and layers,
and by hand.

Uses the system's C compiler where there is one, else ``ziglang`` from PyPI (a C compiler as a
wheel), which also builds for AWS Lambda from any machine::

    python layers/science/build_kernels.py                 # for this machine
    python layers/science/build_kernels.py --lambda arm64 --out build/layer
    python layers/science/build_kernels.py --sanitize --out build/sanitized
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "python"))  # this checkout's module, installed or not

from ionbox_science.kernels import LIBRARY, digest_sources  # noqa: E402

SOURCES = HERE / "kernels"
COMPILER_WHEEL = HERE / "build-requirements.txt"

# Results are to be the same to the last bit wherever they are computed: no fused multiply-add, and
# no -ffast-math, which would reorder sums. Without errno, sqrt is a single instruction.
FLAGS = ["-std=c11", "-O3", "-ffp-contract=off", "-fno-math-errno"]
SHARED = ["-fPIC", "-shared", "-fno-semantic-interposition"]
WARNINGS = ["-Wall", "-Wextra", "-Wconversion"]
STRICT_FLAGS = ["-Werror"]
"""For tests only: newer compilers warn of more, and users are to get a library nevertheless."""
SANITIZE_FLAGS = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]

LAMBDA_TARGETS = {"x86_64": "x86_64-linux-gnu.2.34", "arm64": "aarch64-linux-gnu.2.34"}
"""By Lambda's name of the architecture. Amazon Linux 2023, on which Lambda runs Python 3.13, has
glibc 2.34."""

INSTALL_A_COMPILER = """\
no C compiler works here, and the one on PyPI (ziglang) cannot be used either.
Install one and try again:
  Debian, Ubuntu             sudo apt install gcc libc6-dev
  Fedora, Amazon Linux       sudo dnf install gcc
  macOS                      xcode-select --install
or name yours: CC=/path/to/cc make kernels, or CC=/path/to/cc pip install ..."""


class BuildFailed(RuntimeError):  # noqa: N818 (named like the errors of the science ring)
    """There is no library; the message says why and what to do."""


def find_compiler() -> list[str]:
    """Return the command of a C compiler; installs one from PyPI if the system has none that works.

    The environment variable ``CC`` names one to try first, with arguments if need be.

    Raises
    ------
    BuildFailed
        If neither the system's compilers nor the one from PyPI work.
    """
    return find_system_compiler() or find_ziglang()


def find_system_compiler() -> list[str] | None:
    """Return the command of the system's C compiler, or of the one that ``CC`` names, if any."""
    named = shlex.split(os.environ.get("CC", ""))
    for compiler in filter(None, [named, ["cc"], ["gcc"], ["clang"]]):
        if _works(compiler):
            return compiler
        if compiler is named:
            print(f"CC={shlex.join(named)} cannot compile the kernels; looking for another one")
    return None


def find_ziglang() -> list[str]:
    """Return the command of the C compiler in the ``ziglang`` wheel; installs it if need be.

    Raises
    ------
    BuildFailed
        If it cannot be installed, or does not work on this machine.
    """
    if importlib.util.find_spec("ziglang") is None:
        print("Installing a C compiler from PyPI (ziglang, once) ...", flush=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if subprocess.run([*pip, "-r", str(COMPILER_WHEEL)], check=False).returncode != 0:
            raise BuildFailed(INSTALL_A_COMPILER)
    compiler = [sys.executable, "-m", "ziglang", "cc"]
    if not _works(compiler):
        raise BuildFailed(INSTALL_A_COMPILER)
    return compiler


def build(
    compiler: Sequence[str], out: Path, *, flags: Sequence[str] = (), x86: bool | None = None
) -> Path:
    """Compile all kernels; the library appears complete or not at all.

    Parameters
    ----------
    compiler : sequence of str
        Command of the compiler.
    out : Path
        Folder to put the library into.
    flags : sequence of str
        Flags besides those above.
    x86 : bool or None
        Whether to build for an x86-64; None: if this machine is one.

    Returns
    -------
    Path
        The library.

    Raises
    ------
    BuildFailed
        If a source does not compile; what the compiler says goes to the terminal.
    """
    out.mkdir(parents=True, exist_ok=True)
    # Under another name until it is complete: another process may be loading the library.
    incoming = out / f".{LIBRARY.name}.{os.getpid()}"
    with tempfile.TemporaryDirectory() as folder:
        sources = [*sorted(SOURCES.rglob("*.c")), _write_digest(Path(folder))]
        options = [*FLAGS, *SHARED, *_machine_flags(compiler, x86), *WARNINGS, *flags]
        files = [*map(str, sources), "-lm", "-o", str(incoming)]
        try:
            if subprocess.run([*compiler, *options, *files], check=False).returncode != 0:
                raise BuildFailed(f"{shlex.join(compiler)} cannot compile {SOURCES} (see above)")
            incoming.replace(out / LIBRARY.name)
        finally:
            incoming.unlink(missing_ok=True)
    return out / LIBRARY.name


def _works(compiler: Sequence[str]) -> bool:
    """Tell whether a compiler makes shared libraries with our flags: it may be missing, or old."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "root.c"
        source.write_text("#include <math.h>\ndouble root(double x) { return sqrt(x); }\n")
        options = [*FLAGS, *SHARED, *_machine_flags(compiler, None)]
        files = [str(source), "-lm", "-o", str(source.with_suffix(".so"))]
        try:
            done = subprocess.run([*compiler, *options, *files], capture_output=True, check=False)
        except OSError:
            return False
        return done.returncode == 0


def is_x86() -> bool:
    """Tell whether this machine is an x86-64."""
    return platform.machine().lower() in ("x86_64", "amd64")


def _machine_flags(compiler: Sequence[str], x86: bool | None) -> list[str]:
    if not (is_x86() if x86 is None else x86):
        return []  # what the kernels need, every 64-bit ARM has
    # zig has its own spelling of the processor's name
    return ["-march=x86_64_v2" if "ziglang" in compiler else "-march=x86-64-v2"]


def _write_digest(folder: Path) -> Path:
    """Write the C file by which the library says what it was compiled from."""
    path = folder / "digest.c"
    digest = digest_sources(SOURCES)
    path.write_text(
        "extern const char ionbox_sources[];\n"
        f'__attribute__((visibility("default"))) const char ionbox_sources[] = "{digest}";\n'
    )
    return path


def _build_as_told(options: argparse.Namespace) -> Path:
    flags = STRICT_FLAGS if options.strict else []
    if options.for_lambda:
        compiler = [*find_ziglang(), "-target", LAMBDA_TARGETS[options.for_lambda], "-s"]
        return build(compiler, options.out, flags=flags, x86=options.for_lambda == "x86_64")
    if options.sanitize:
        flags = [*flags, *SANITIZE_FLAGS]
    return build(find_compiler(), options.out, flags=flags)


def main(arguments: Sequence[str] | None = None) -> None:
    """Build from the command line."""
    parser = argparse.ArgumentParser(description="Compile ionbox's C kernels.")
    parser.add_argument("--out", type=Path, default=LIBRARY.parent, help="folder of the library")
    parser.add_argument("--strict", action="store_true", help="refuse sources that give warnings")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--lambda", dest="for_lambda", choices=LAMBDA_TARGETS, help="for AWS Lambda's processors"
    )
    kind.add_argument("--sanitize", action="store_true", help="stop at undefined behaviour")
    try:
        print(_build_as_told(parser.parse_args(arguments)))
    except BuildFailed as error:
        sys.exit(f"The kernels were not compiled: {error}")


if __name__ == "__main__":
    main()
