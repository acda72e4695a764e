"""A dataset's run as an installation knows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ionbox.run import Run
from ionbox.run import open as open_run
from ionbox.run_errors import NotInResults


@dataclass(frozen=True)
class InboxDataset:
    """A dataset's run as the installation knows it.

    Attributes
    ----------
    name : str
        Of the dataset.
    id : str
        Of the run.
    status : str
        ``running``, ``succeeded``, ``failed``, ``invalid input``, ``timed out`` or ``cancelled``.
    started : datetime or None
        When.
    n_annotations : int or None
        None unless succeeded.
    dollars : float or None
        What it cost so far.
    message : str
        Why it failed, and what to do.
    results_uri : str
        Where its results are; empty unless succeeded.
    """

    name: str
    id: str
    status: str
    started: datetime | None
    n_annotations: int | None
    dollars: float | None
    message: str
    results_uri: str
    _profile: str | None = None
    _region: str | None = None
    _inbox: str | None = None

    def open(self) -> Run:
        """Open the results.

        Raises
        ------
        NotInResults
            If the run has none.
        """
        if not self.results_uri:
            why = f": {self.message}" if self.message else ""
            raise NotInResults(f"the run of {self.name} has no results: it is {self.status}{why}")
        return open_run(
            self.results_uri, profile=self._profile, region=self._region, inbox=self._inbox
        )
