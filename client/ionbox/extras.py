"""Libraries that only exports and plots need, and that users install themselves."""

from __future__ import annotations

import importlib
from types import ModuleType

from ionbox.checkout import INSTALLED
from ionbox.errors import MissingLibrary

_EXTRAS = {"spatialdata": "spatialdata"}


WHERE = "where ionbox is installed" if INSTALLED else "in ionbox's folder"
"""Where the command of `install_line` is meant to be run."""


def install_line(extra: str) -> str:
    """Return the command that installs an extra of ``pyproject.toml``."""
    if INSTALLED:
        return f"pip install 'ionbox[{extra}]'"
    return f".venv/bin/pip install -e '.[{extra}]'"


def need(module: str, what: str) -> ModuleType:
    """Import a library.

    Raises
    ------
    MissingLibrary
        If it is not installed; the message says how to.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        library = module.partition(".")[0]
        extra = _EXTRAS.get(library, "export")
        raise MissingLibrary(
            f"{what} need {library}, which is not installed ({error}); {WHERE}: "
            f"{install_line(extra)}"
        ) from error
