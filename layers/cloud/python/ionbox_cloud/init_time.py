"""How long Lambda took to start this process: billed like a call, and part of no call's duration.

AWS bills the start of functions made of zip files since 2025-08-01. A process serves many calls;
the first one of it takes the start upon itself.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

_STAT = Path("/proc/self/stat")
_START = 22 - 3  # field of proc(5) with the start of a process, of those that follow its name
# Lambda sets it. Processes that are made ready beforehand are billed otherwise.
_KIND, _BILLED = "AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"


class InitTime:
    """The start of this process, which is told to the first who asks."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def end(self, environment: Mapping[str, str] = os.environ) -> None:
        """Take the start for ended: the handler and all that it needs are imported."""
        if environment.get(_KIND) == _BILLED:
            self._seconds = process_age_s()

    def take(self) -> float:
        """Return how long the start took, seconds; 0 from the second time on, and elsewhere."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds


INIT = InitTime()


def process_age_s() -> float:
    """Return the seconds since this process began; 0 where the system does not tell (macOS)."""
    if not _STAT.exists():
        return 0.0
    # the name is in brackets and may have blanks in it
    fields = _STAT.read_text().rpartition(")")[2].split()
    began = int(fields[_START]) / os.sysconf("SC_CLK_TCK")
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - began)
