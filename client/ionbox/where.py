"""Where runs are: an installation on AWS and the login that leads to it, or a work folder here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_STACK = "ionbox"


@dataclass(frozen=True)
class Where:
    """Where runs are.

    Attributes
    ----------
    profile, region : str or None
        As in the AWS command line; None for its defaults.
    stack : str
        Name of the CloudFormation stack.
    work : Path or None
        The work folder of this machine that is meant; None for AWS.
    """

    profile: str | None = None
    region: str | None = None
    stack: str = DEFAULT_STACK
    work: Path | None = None
