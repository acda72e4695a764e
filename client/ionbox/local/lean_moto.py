"""moto's interpreter without what it imports for services that the state machine does not use.

Its task of AWS Batch takes one enumeration from moto's Batch, which brings moto's EC2 along: all
instance types and availability zones, as 1.5 CPU seconds and 90 MB. An enumeration of our own
stands in for it while the interpreter is imported.
"""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import Iterator
from enum import Enum

from ionbox.local.uncollected import uncollected

_BATCH = ("moto.batch", "moto.batch.utils")


class JobStatus(Enum):
    """What moto's task of AWS Batch wants of moto's Batch."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


def import_interpreter() -> None:
    """Import moto's interpreter, once; whoever imports moto's Batch later gets moto's own."""
    if not sys.modules.keys() & {*_BATCH, "moto.stepfunctions.parser.models"}:
        # if another moto wants more of it, the whole is imported, later and by those who want it
        with contextlib.suppress(AttributeError, ImportError), _without_batch(), uncollected():
            import moto.stepfunctions.parser.models  # noqa: F401


@contextlib.contextmanager
def _without_batch() -> Iterator[None]:
    package, module = (types.ModuleType(name) for name in _BATCH)
    package.__path__ = []
    vars(module)["JobStatus"] = JobStatus
    sys.modules |= {package.__name__: package, module.__name__: module}
    try:
        yield
    finally:
        for name in _BATCH:
            del sys.modules[name]
