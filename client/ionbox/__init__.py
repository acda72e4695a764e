"""What people run: command line, Python client and local runner.

From Python, `open` a run's results, or send datasets to an `Inbox`:

>>> import ionbox
>>> run = ionbox.open("results")
>>> run.results(fdr=0.1)[["mz", "msm", "fdr"]].shape[1]
3

``docs/python.md`` says what differs for those who come from METASPACE's client.
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
    """Import the client when it is used: the command line does without, and is quick."""
    if name not in _MODULES:
        raise AttributeError(f"module 'ionbox' has no attribute '{name}'")
    import importlib

    from ionbox.platforms import require_posix

    if name not in ("__version__", "errors"):
        require_posix()
    if name == "errors":
        return importlib.import_module(_MODULES[name])
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    own = (name for name in globals() if name.startswith("__") and name.endswith("__"))
    return sorted({*own, *__all__})
