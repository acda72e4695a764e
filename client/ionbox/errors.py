"""What goes wrong in the client: every error that scripts may catch, and what operators are told.

The command line prints the message of any of these and ends with an exit code; with ``--debug`` it
shows the traceback. Scripts catch them by name, as ``ionbox.errors.NotInResults``.

::

    IonboxError                   (ionbox_science.errors, as are the four Invalid…)
    ├── UnsafeKey                 (ionbox_cloud.errors) a file of the results has a name that leads
    │                             out of the folder it is copied to; somebody else wrote it
    ├── InvalidInput              something given cannot be used
    │   ├── InvalidDataset        imzML or ibd
    │   ├── InvalidDatabase       a table of molecules
    │   ├── InvalidConfig         a setting or an argument
    │   ├── InvalidFormula        a formula, an adduct, an ion
    │   ├── NoResults             there are no results of a run where they were said to be, or a
    │   │   │                     newer ionbox wrote them
    │   │   └── DamagedResults    a file of them is missing or cannot be read; a `Gone`, too
    │   ├── NotInResults          the run has no such ion, database or dataset; a LookupError, too
    │   ├── MissingLibrary        an export needs a library that is not installed
    │   └── Unanswerable          a question about a run's data that has no answer
    │       ├── BadQuestion       an m/z or a pixel that makes no sense
    │       ├── NotFound          no such image, pixel or database
    │       └── Gone              sorted peaks or ibd are not there any more, or were replaced
    ├── RunFailed                 a run on this machine failed, through no fault of its user
    └── UnsupportedSystem         this is Windows itself; an ImportError, too

    OperateError                  something outside this machine failed; trying again may help
    └── UserMustAct               credentials, names, permissions or settings must be corrected
        └── NoSuchRun             no run and no dataset has the name that was given
"""

from __future__ import annotations

from http import HTTPStatus

from ionbox_cloud.errors import UnsafeKey
from ionbox_science.errors import (
    InvalidConfig,
    InvalidDatabase,
    InvalidDataset,
    InvalidFormula,
    InvalidInput,
    IonboxError,
)

from ionbox.platforms import UnsupportedSystem

__all__ = [
    "BadQuestion",
    "DamagedResults",
    "Gone",
    "InvalidConfig",
    "InvalidDatabase",
    "InvalidDataset",
    "InvalidFormula",
    "InvalidInput",
    "IonboxError",
    "MissingLibrary",
    "NoResults",
    "NoSuchRun",
    "NotFound",
    "NotInResults",
    "OperateError",
    "RunFailed",
    "Unanswerable",
    "UnsafeKey",
    "UnsupportedSystem",
    "UserMustAct",
]


class Unanswerable(InvalidInput):
    """A question about a run that has no answer; `status` is what the viewer's page gets."""

    status = HTTPStatus.BAD_REQUEST


class BadQuestion(Unanswerable):
    """A part of the question is missing, is not a number, or is out of range."""


class NotFound(Unanswerable):
    """There is no such image, pixel or database in the run."""

    status = HTTPStatus.NOT_FOUND


class Gone(Unanswerable):
    """Sorted peaks or ibd are no longer there, or are not those that were annotated."""

    status = HTTPStatus.GONE


class NoResults(InvalidInput):
    """A folder or bucket does not hold results of a run that this version can read."""


class DamagedResults(NoResults, Gone):
    """A file of the results is missing, cut short, or not what its name says."""


class NotInResults(InvalidInput, LookupError):  # noqa: N818
    """The results have no ion, database or column of that name; the message says which exist."""


class MissingLibrary(InvalidInput):
    """An export or plot needs a library that is not installed; the message says how to get it."""


class RunFailed(IonboxError):  # noqa: N818
    """A run on this machine failed, through no fault of its input; the message names its log."""


class OperateError(Exception):
    """Root of what the operator commands raise on purpose: what went wrong and what to do."""


class UserMustAct(OperateError):  # noqa: N818 (named for who acts, like the science ring's errors)
    """The same command fails again until something is corrected."""


class NoSuchRun(UserMustAct):
    """No run and no dataset among the newest runs has the name that was given."""
