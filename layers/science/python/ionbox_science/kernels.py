"""The compiled C kernels: the library is found, checked against its sources and loaded once.

All heavy loops of the science ring are C functions in one shared library, called through ctypes.
``layers/science/build_kernels.py`` builds the library beside this file (every make target that
needs it does), and wheels come with it; nothing is compiled at import. The build imports this
module before anything is installed, so it needs the standard library only.
`ionbox_science.kernel_calls` calls what is loaded here.
"""

from __future__ import annotations

import ctypes
import hashlib
from functools import cache
from pathlib import Path

LIBRARY = Path(__file__).with_name("libionbox_kernels.so")
SOURCES = Path(__file__).parents[2] / "kernels"
"""What the library is compiled from; not there where ionbox is installed without its sources."""


class KernelsMissing(ImportError):  # noqa: N818 (named like the errors of this ring)
    """The kernels were not compiled, or for another kind of machine, or from other sources."""


@cache
def library() -> ctypes.CDLL:
    """Load the kernels, once per process.

    Raises
    ------
    KernelsMissing
        If there is no library that this machine can load, or the sources lie beside it (a
        checkout) and are not those it was compiled from.
    """
    try:
        kernels = ctypes.CDLL(str(LIBRARY))
    except OSError as error:
        raise KernelsMissing(
            f"the compiled kernels cannot be loaded ({error}); {_remedy()}"
        ) from error
    if SOURCES.is_dir() and digest_in(kernels) != digest_sources(SOURCES):
        raise KernelsMissing(
            f"the compiled kernels, {LIBRARY}, do not belong to the sources in {SOURCES}; "
            "compile them again with 'make kernels'"
        )
    return kernels


def _remedy() -> str:
    if SOURCES.is_dir():
        return "compile them with 'make kernels'"
    return (
        "this copy of ionbox was made for another kind of machine, or is not complete: install it "
        "again with 'pip install --force-reinstall', from a wheel for this machine or from the "
        "sources"
    )


def digest_sources(folder: Path) -> str:
    """Return a checksum of the kernels' sources; the build writes it into the library.

    SHA-256, 64 hex digits, over names, sizes and bytes of all ``*.c`` and ``*.h``: comments count.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.[ch]")):
        name = path.relative_to(folder).as_posix()
        digest.update(b"%s %d\n" % (name.encode(), path.stat().st_size))
        digest.update(path.read_bytes())
    return digest.hexdigest()


def digest_in(kernels: ctypes.CDLL) -> str:
    """Return the checksum of what a library was compiled from; empty if it has none."""
    try:
        return (ctypes.c_char * 64).in_dll(kernels, "ionbox_sources").raw.decode()
    except ValueError:
        return ""
