"""Where ionbox runs: on Linux and macOS, and in WSL2 on Windows."""

from __future__ import annotations

import sys

from ionbox_science.errors import IonboxError


class UnsupportedSystem(IonboxError, ImportError):  # noqa: N818 (named like the others)
    """Python runs on Windows itself."""


def require_posix() -> None:
    """Refuse Windows itself: the workers' limits and the kernels need what it does not have.

    Raises
    ------
    UnsupportedSystem
        With the way that works there.
    """
    if sys.platform == "win32":
        raise UnsupportedSystem(
            "ionbox does not run on Windows itself; it does in Windows' own Linux, WSL2: run "
            "'wsl --install' once, open Ubuntu and install ionbox there (docs/install.md)"
        )
