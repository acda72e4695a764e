"""How long Lambda took to start this process: billed like a call, and part of no call's duration.

AWS bills the start of functions made of zip files since 2025-08-01. A process serves many calls;
the first one of it takes the start upon itself.
"""

from __future__ import annotations

import time
from pathlib import Path

from ionbox_cloud.environment import is_start_billed

_STAT = Path("/proc/self/stat")
_TICKS_PER_S = 100  # USER_HZ, the same on x86 and Arm
_START = 22 - 3  # field of proc(5) with the start of a process, of those that follow its name


class InitTime:
    """The start of this process, which is told to the first who asks."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def end(self) -> None:
        """Take the start for ended: the handler and all that it needs are imported."""
        if is_start_billed():
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
    began = int(fields[_START]) / _TICKS_PER_S
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - began)
