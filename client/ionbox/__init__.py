"""What people run: the command line, the Python client and the local runner.

From Python, `open` the results of a run, or send datasets to an `Inbox`:

>>> import ionbox
>>> run = ionbox.open("results")
>>> run.results(fdr=0.1)[["mz", "msm", "fdr"]].shape[1]
3

`open` returns a `Run` (tables as pandas, images as numpy and xarray), an ion's images come as
`IsotopeImages`, and what may be raised is in `errors`. Names and arguments are those of METASPACE's
client; ``docs/python.md`` says what differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ionbox_science import __version__

    from ionbox import errors
    from ionbox.inbox.inbox import Inbox
    from ionbox.run import IsotopeImages, Run, open

__all__ = ["Inbox", "IsotopeImages", "Run", "__version__", "errors", "open"]

_MODULES = {
    "Inbox": "ionbox.inbox.inbox",
    "IsotopeImages": "ionbox.run",
    "Run": "ionbox.run",
    "__version__": "ionbox_science",
    "errors": "ionbox.errors",
    "open": "ionbox.run",
}


def __getattr__(name: str) -> Any:
    """Import a part of the client when it is first used.

    ``ionbox --help`` imports this package, too, and would otherwise wait for pandas and numpy.

    Raises
    ------
    AttributeError
        If the package has no such name.
    UnsupportedSystem
        On Windows itself; the message says how to install ionbox in WSL2.
    """
    if name not in _MODULES:
        raise AttributeError(f"module 'ionbox' has no attribute '{name}'")
    import importlib

    from ionbox.platforms import require_posix

    # errors and the version can be had anywhere: to catch UnsupportedSystem, or to report a bug
    if name not in ("__version__", "errors"):
        require_posix()
    if name == "errors":
        return importlib.import_module(_MODULES[name])
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    own = (name for name in globals() if name.startswith("__") and name.endswith("__"))
    return sorted({*own, *__all__})
