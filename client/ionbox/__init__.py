"""What people run: command line, Python client and local runner.

From Python, `open` a run's results, or send datasets to an `Inbox`:

>>> import ionbox
>>> run = ionbox.open("results")
>>> run.results(fdr=0.1)[["mz", "msm", "fdr"]].shape[1]
3
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ionbox.inbox import Inbox
    from ionbox.run import IsotopeImages, Run, open

__all__ = ["Inbox", "IsotopeImages", "Run", "open"]

_MODULES = {
    "Inbox": "ionbox.inbox",
    "IsotopeImages": "ionbox.run",
    "Run": "ionbox.run",
    "open": "ionbox.run",
}


def __getattr__(name: str) -> Any:
    """Import the client when it is used: the command line does without, and is quick."""
    if name not in _MODULES:
        raise AttributeError(f"module 'ionbox' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
