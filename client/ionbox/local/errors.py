"""What can be wrong with a local run before or around the state machine itself.

::

    LocalError
    ├── InvalidDefinition   the state machine or its functions table cannot be run
    ├── UnknownFunction     no function of that name in the table
    ├── InvalidEvent        the event file of a single call cannot be read
    ├── InterpreterDied     the state machine's interpreter ended without a result
    └── CannotWrite         a folder is read-only or its disk is full

What goes wrong *inside* the state machine is no exception here: it is the execution's result
(`ionbox.local.machine.ExecutionResult`).
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

_UNWRITABLE = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO),
        *(errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST),
    }
)


class LocalError(Exception):
    """Root of what the local runner raises on purpose."""


class InvalidDefinition(LocalError):  # noqa: N818 (named like the science ring's errors)
    """The state machine or the functions table is not what the runner can run."""


class UnknownFunction(LocalError):  # noqa: N818 (as above)
    """A function was asked for that the functions table does not have."""


class InvalidEvent(LocalError):  # noqa: N818 (as above)
    """The event file for a single call is missing or no JSON."""


class InterpreterDied(LocalError):  # noqa: N818 (as above)
    """The interpreter's threads ended while the execution still counted as running."""


class CannotWrite(LocalError):  # noqa: N818 (as above)
    """A folder is read-only, its disk is full, or we have no permission to write to it."""


@contextlib.contextmanager
def writing(path: Path, flag: str = "") -> Iterator[None]:
    """Turn what the system says when a block cannot write into a sentence with the path.

    Parameters
    ----------
    path : Path
        Where the block writes; named if the system names no path.
    flag : str
        What people give another place with, such as ``--work``.

    Raises
    ------
    CannotWrite
        When the block raises an OSError of that kind; others stay as they are.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        # of a copy the second name is where to
        named = next(filter(None, (error.filename2, error.filename)), path)
        where = named if isinstance(named, str | Path) else path
        other = f", or give another folder with {flag}" if flag else ""
        raise CannotWrite(
            f"{where} cannot be written ({error.strerror or error}); make room or get permission "
            f"there{other}, and run again: finished work is kept"
        ) from error
