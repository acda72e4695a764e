"""Libraries that only exports and plots need, and that users install themselves.

`need` imports one when it is used, or says which command installs it. Used by `ionbox.exports` and
`IsotopeImages.plot`; the help of ``ionbox export`` shows the same commands.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from ionbox.checkout import INSTALLED
from ionbox.errors import MissingLibrary

_EXTRAS = {"spatialdata": "spatialdata"}  # libraries with an extra of their own; the rest: export

WHERE = "where ionbox is installed" if INSTALLED else "in ionbox's folder"
"""Where the command of `install_line` is meant to be run."""


def install_line(extra: str) -> str:
    """Return the command that installs an extra of ``pyproject.toml``, to be run in `WHERE`."""
    if INSTALLED:
        return f"pip install 'ionbox[{extra}]'"
    return f".venv/bin/pip install -e '.[{extra}]'"


def need(module: str, what: str) -> ModuleType:
    """Import a library.

    Parameters
    ----------
    module : str
        What to import, ``matplotlib.pyplot`` say.
    what : str
        What it is needed for, in the plural, as the message's subject: ``plots``.

    Raises
    ------
    MissingLibrary
        If it is not installed; the message has the command that installs it.
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
