"""What can be wrong with a local run before or around the state machine itself.

::

    LocalError
    ├── InvalidDefinition   the state machine or its functions table cannot be run
    ├── UnknownFunction     no function of that name in the table
    ├── InvalidEvent        the event file of a single call cannot be read
    └── InterpreterDied     the state machine's interpreter ended without a result

What goes wrong *inside* the state machine is no exception here: it is the execution's result
(`ionbox.local.machine.ExecutionResult`).
"""

from __future__ import annotations


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
