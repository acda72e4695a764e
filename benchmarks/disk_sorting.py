"""Sorting what is larger than memory: time and memory per peak, at sizes that fit and that do not.

Each size is sorted in a process of its own, which is told how much memory it may have, by the
function that a Fargate task calls; segments are written to files and the checksum is made in
passing, as there. The peaks are those of the tests' large ibd.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from ionbox.local.runtime import MEMORY_TUNING
from ionbox_science.imzml.ibd import PassingDigest
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.sorting.disk_sorting import sort_on_disk

from tests import large_ibd

MOST_TIMES_PER_PEAK = 1.5
"""Time per peak, over that of the smallest size."""

_ROUND_BYTES = large_ibd.N_TEMPLATES * large_ibd.N_PEAKS * large_ibd.PEAK_BYTES
_GB = 10**9
_LIMIT = 4 * _GB
_SIZES = (_GB // 4, 4 * _GB, 8 * _GB)
_TINY_LIMIT = 200 << 20
_TINY_SIZES = (4 << 20, 150 << 20)
_N_THREADS = 2


@dataclass(frozen=True)
class DiskSortCost:
    """What sorting one ibd took.

    Attributes
    ----------
    ibd_bytes, n_peaks : int
        Its size.
    cpu_s, system_s, wall_s : float
        CPU seconds in all, those of the operating system among them, and wall-clock seconds.
    peak_bytes, limit_bytes : int
        Most memory of the process, and what it may have.
    """

    ibd_bytes: int
    n_peaks: int
    cpu_s: float
    system_s: float
    wall_s: float
    peak_bytes: int
    limit_bytes: int

    @property
    def ns_per_peak(self) -> float:
        """CPU nanoseconds per peak."""
        return self.cpu_s / self.n_peaks * 1e9


def measure_disk_sort(*, tiny: bool) -> list[DiskSortCost]:
    """Sort an ibd of each size, the smallest first."""
    limit = _TINY_LIMIT if tiny else _LIMIT
    return [_measure(n_bytes, limit) for n_bytes in (_TINY_SIZES if tiny else _SIZES)]


def _measure(n_bytes: int, limit: int) -> DiskSortCost:
    n_rounds = max(1, round(n_bytes / _ROUND_BYTES))
    with tempfile.TemporaryDirectory(prefix="ionbox-bench-") as folder:
        path = Path(folder) / "large.ibd"
        large_ibd.write(path, n_rounds)
        command = [sys.executable, "-m", "benchmarks.disk_sorting", path, n_rounds, limit]
        done = subprocess.run(
            list(map(str, command)),
            check=True,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[1],
            env={**os.environ, **MEMORY_TUNING},
        )
    return DiskSortCost(**json.loads(done.stdout))


def sort(path: Path, n_rounds: int, limit: int) -> DiskSortCost:
    """Sort in this process, which may take ``limit`` bytes in all."""
    expected = np.load(path.with_suffix(".npz"))
    n_sorted = []
    descriptor = os.open(path, os.O_RDONLY)

    def read_range(offset: int, length: int) -> bytes:
        return os.pread(descriptor, length, offset)

    def write_segment(index: int, peaks: Peaks) -> None:
        with path.with_name(f"segment-{index}.bin").open("wb") as file:
            for column in (peaks.mz, peaks.intensity, peaks.pixel):
                column.tofile(file)
        n_sorted.append(len(peaks))

    digest = PassingDigest("sha1", read_range)
    started = time.monotonic()
    sort_on_disk(
        large_ibd.header(n_rounds),
        read_range,
        expected["bounds"],
        write_segment,
        memory_bytes=limit - large_ibd.read_status("VmRSS"),
        folder=path.parent,
        n_threads=_N_THREADS,
        watch=digest,
    )
    digest.finish(path.stat().st_size)
    wall_s = time.monotonic() - started
    os.close(descriptor)
    if n_sorted != expected["n_peaks"].tolist():
        raise AssertionError(f"segments of {n_sorted} peaks, not of {expected['n_peaks']}")
    used = resource.getrusage(resource.RUSAGE_SELF)
    return DiskSortCost(
        path.stat().st_size,
        sum(n_sorted),
        used.ru_utime + used.ru_stime,
        used.ru_stime,
        wall_s,
        large_ibd.read_status("VmHWM"),
        limit,
    )


def times_per_peak(costs: Sequence[DiskSortCost]) -> list[float]:
    """Return the time per peak of each size, over that of the smallest."""
    return [cost.ns_per_peak / costs[0].ns_per_peak for cost in costs]


if __name__ == "__main__":
    print(json.dumps(asdict(sort(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))))
