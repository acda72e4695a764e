"""Where runs are: an installation on AWS and the login that leads to it, or a work folder here.

The command line makes a `Where` from its flags (`ionbox.cli.where_arguments`); `ionbox.account` and
`ionbox.operate.open_runs` open what it names.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_STACK = "ionbox"


@dataclass(frozen=True)
class Where:
    """An installation on AWS, or a work folder of this machine.

    Attributes
    ----------
    profile, region : str or None
        As in the AWS command line; None for its defaults.
    stack : str
        Name of the CloudFormation stack.
    work : Path or None
        The work folder of this machine; if given, AWS is not asked. None for AWS.
    """

    profile: str | None = None
    region: str | None = None
    stack: str = DEFAULT_STACK
    work: Path | None = None
