"""What a handler needs to know from its environment, read once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from ionbox_cloud.errors import InvalidMessage

INBOX_VARIABLE = "IONBOX_INBOX"
WORK_VARIABLE = "IONBOX_WORK"
RESULTS_VARIABLE = "IONBOX_RESULTS"


@dataclass(frozen=True)
class Settings:
    """Where objects live: ``s3://bucket`` on AWS, ``file:///folder`` on a laptop.

    Attributes
    ----------
    inbox_url : str
        What users drop: datasets, sidecar configs, databases. Only read.
    work_url : str
        Caches and intermediates; may be emptied at any time between runs.
    results_url : str
        Segments, results and the status of every execution.
    """

    inbox_url: str
    work_url: str
    results_url: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings; name every variable that is missing."""
        variables = (INBOX_VARIABLE, WORK_VARIABLE, RESULTS_VARIABLE)
        missing = [name for name in variables if not environment.get(name)]
        if missing:
            raise InvalidMessage(f"not set in the environment: {', '.join(missing)}")
        return cls(*(environment[name] for name in variables))
