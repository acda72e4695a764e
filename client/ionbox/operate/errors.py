"""What can be wrong when ionbox is operated, on AWS or in a work folder.

::

    OperateError          something outside this machine failed; trying again may help
    └── UserMustAct       credentials, names, permissions or settings must be corrected first
        └── NoSuchRun     no run and no dataset has the name that was given
"""

from __future__ import annotations


class OperateError(Exception):
    """Root of what the operator commands raise on purpose: a sentence and what to do."""


class UserMustAct(OperateError):  # noqa: N818 (named for who acts, like the science ring's errors)
    """The same command fails again until something is corrected."""


class NoSuchRun(UserMustAct):
    """There is nothing of that name among the runs."""
