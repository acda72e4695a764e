"""A dataset's run as an inbox knows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from ionbox.errors import NotInResults
from ionbox.operate.runs import RunState
from ionbox.python_words import say_in_python
from ionbox.run import Run
from ionbox.run import open as open_run

STATUSES = (
    "running",
    "succeeded",
    "failed",
    "invalid input",
    "timed out",
    "interrupted",
    "cancelled",
)


@dataclass(frozen=True)
class InboxDataset:
    """A dataset's run as an inbox knows it.

    Attributes
    ----------
    name : str
        Of the dataset.
    id : str
        Of the run.
    status : str
        One of `STATUSES`.
    started : datetime or None
        When.
    n_annotations : int or None
        None unless succeeded.
    dollars : float or None
        What it cost so far; on this machine, what it would have cost on AWS.
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

    @classmethod
    def of(
        cls,
        attempt: RunState,
        results: str,
        *,
        profile: str | None = None,
        region: str | None = None,
        inbox: str | None = None,
    ) -> Self:
        """Describe an attempt; ``results`` is where all results lie, the rest opens them."""
        return cls(
            name=attempt.dataset,
            id=attempt.run_id or attempt.name,
            status=attempt.status,
            started=attempt.execution.started,
            n_annotations=attempt.n_annotations,
            dollars=attempt.dollars,
            message=say_in_python(_join(attempt.message, attempt.advice)),
            results_uri=f"{results}/{attempt.results}" if attempt.results else "",
            _profile=profile,
            _region=region,
            _inbox=inbox,
        )

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


def _join(message: str, advice: str) -> str:
    """Write two sentences one after the other, each with its full stop."""
    message = message.strip()
    if message and advice and not message.endswith((".", "!", "?")):
        message += "."
    return f"{message} {advice}".strip()
