"""A limit of memory and processor for a process and all that it starts: a cgroup.

Both hierarchies of Linux are known: version 1, with a folder for each kind of limit, and version 2.
"""

from __future__ import annotations

import contextlib
import functools
import uuid
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_GROUP = "ionbox-rehearsal"
_PERIOD_US = 100_000
_MB = 1 << 20


@dataclass(frozen=True)
class Hierarchy:
    """Where limits are set, and what the files there are called.

    Attributes
    ----------
    memory, processor : Path
        Folders in which groups are made; the same one in version 2.
    """

    memory: Path
    processor: Path
    memory_limit: str
    memory_peak: str
    quota: str
    quota_format: str

    def folders(self, name: str) -> set[Path]:
        return {self.memory / _GROUP / name, self.processor / _GROUP / name}


_VERSION_1 = Hierarchy(
    memory=_ROOT / "memory",
    processor=_ROOT / "cpu",
    memory_limit="memory.limit_in_bytes",
    memory_peak="memory.max_usage_in_bytes",
    quota="cpu.cfs_quota_us",
    quota_format="{quota}",
)
_VERSION_2 = Hierarchy(
    memory=_ROOT,
    processor=_ROOT,
    memory_limit="memory.max",
    memory_peak="memory.peak",
    quota="cpu.max",
    quota_format="{quota} {period}",
)


@functools.cache
def find_hierarchy() -> Hierarchy | None:
    """Return where this machine lets us set limits; None if nowhere."""
    for hierarchy in (_VERSION_1, _VERSION_2):
        with contextlib.suppress(OSError):
            if hierarchy is _VERSION_2:
                _hand_down(_ROOT)
                (_ROOT / _GROUP).mkdir(exist_ok=True)
                _hand_down(_ROOT / _GROUP)
            tried = Limits(hierarchy, memory_mb=64, processors=1.0)
            tried.remove()
            return hierarchy
    return None


def _hand_down(group: Path) -> None:
    """Let the groups in a group have limits of their own, as version 2 wants it said."""
    (group / "cgroup.subtree_control").write_text("+memory +cpu")


class Limits:
    """One group. Made before its process, which joins it; removed after.

    Parameters
    ----------
    hierarchy : Hierarchy
        Where it is made.
    memory_mb : int
        Memory of all its processes together, MB; one that takes more is killed.
    processors : float
        Processors' worth of time that they get together.

    Raises
    ------
    OSError
        If this machine does not allow it.
    """

    def __init__(self, hierarchy: Hierarchy, memory_mb: int, processors: float) -> None:
        self._hierarchy = hierarchy
        self._name = uuid.uuid4().hex[:12]
        self._folders = hierarchy.folders(self._name)
        for folder in self._folders:
            folder.mkdir(parents=True)
        quota = hierarchy.quota_format.format(quota=int(_PERIOD_US * processors), period=_PERIOD_US)
        self._set(hierarchy.memory, hierarchy.memory_limit, str(memory_mb * _MB))
        self._set(hierarchy.processor, hierarchy.quota, quota)
        with contextlib.suppress(OSError):  # no swap: Lambda has none, and it would hide a kill
            self._set(hierarchy.memory, "memory.swap.max", "0")

    def _set(self, kind: Path, name: str, value: str) -> None:
        (kind / _GROUP / self._name / name).write_text(value)

    @property
    def joining(self) -> list[str]:
        """The words of a command that joins the group and then runs the words that follow."""
        join = "; ".join(f"echo $$ > {folder}/cgroup.procs" for folder in sorted(self._folders))
        return ["/bin/sh", "-c", f'{join}; exec "$@"', "sh"]

    @property
    def peak_mb(self) -> float:
        """Most memory so far, MB; files in memory count."""
        peak = self._hierarchy.memory / _GROUP / self._name / self._hierarchy.memory_peak
        return int(peak.read_text()) / _MB

    def remove(self) -> None:
        """Remove the group, whose processes have ended."""
        for folder in self._folders:
            with contextlib.suppress(OSError):
                folder.rmdir()
