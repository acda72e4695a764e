"""What can be wrong when results are read, compared or exported.

::

    InvalidInput            (ionbox_science.errors)
    ├── NoResults           there is no run where it was said to be, or a file of it is missing
    ├── NotInResults        the run has no such ion, database or setting; a LookupError, too
    └── MissingLibrary      an export needs a library that is not installed

    RunFailed               (an IonboxError) a run on this machine failed, through no fault of its
                            user
"""

from __future__ import annotations

from ionbox_science.errors import InvalidInput, IonboxError


class NoResults(InvalidInput):
    """A folder or bucket does not hold the results of a run."""


class NotInResults(InvalidInput, LookupError):  # noqa: N818
    """The results have nothing of that name."""


class MissingLibrary(InvalidInput):
    """A library that ionbox does not install by itself is needed."""


class RunFailed(IonboxError):  # noqa: N818
    """A run on this machine failed."""
