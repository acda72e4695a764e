"""Where ionbox runs: on Linux and macOS, and in WSL2 on Windows.

Checked when the client is first used and when a command starts; imports nothing that Windows lacks.
"""

from __future__ import annotations

import sys

from ionbox_science.errors import IonboxError


class UnsupportedSystem(IonboxError, ImportError):  # noqa: N818 (named like the others)
    """Python runs on Windows itself, not in WSL2."""


def require_posix() -> None:
    """Refuse Windows itself: the workers' limits and the kernels need what it does not have.

    Raises
    ------
    UnsupportedSystem
        On Windows; the message says how to install ionbox in WSL2, where it runs.
    """
    if sys.platform == "win32":
        raise UnsupportedSystem(
            "ionbox does not run on Windows itself; it does in Windows' own Linux, WSL2: run "
            "'wsl --install' once, open Ubuntu and install ionbox there (docs/install.md)"
        )
