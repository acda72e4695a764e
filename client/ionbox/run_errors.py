"""What can be wrong when results are read, compared or exported.

::

    InvalidInput            (ionbox_science.errors)
    ├── NoResults           there is no run where it was said to be, or a newer ionbox wrote it
    │   └── DamagedResults  a file of it is missing or cannot be read; for the viewer a `Gone`, too
    ├── NotInResults        the run has no such ion, database or setting; a LookupError, too
    └── MissingLibrary      an export needs a library that is not installed

    RunFailed               (an IonboxError) a run on this machine failed, through no fault of its
                            user
"""

from __future__ import annotations

from ionbox_science.errors import InvalidInput, IonboxError

from ionbox.view.errors import Gone


class NoResults(InvalidInput):
    """A folder or bucket does not hold the results of a run."""


class DamagedResults(NoResults, Gone):
    """A file of the results is missing, cut short or something else."""


class NotInResults(InvalidInput, LookupError):  # noqa: N818
    """The results have nothing of that name."""


class MissingLibrary(InvalidInput):
    """A library that ionbox does not install by itself is needed."""


class RunFailed(IonboxError):  # noqa: N818
    """A run on this machine failed."""
