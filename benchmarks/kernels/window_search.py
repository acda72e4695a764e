"""Search of m/z windows in sorted peaks, against numpy's searchsorted.

On queries in any order, ``searchsorted`` misses the cache at every step; sorting the queries first
is the better numpy, and is measured too.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ionbox_science.scoring.ion_images import find_windows, window_bounds

from benchmarks.kernels import Answer, Contender, Contenders

TITLE = "window search"
GOALS = {"searchsorted, unsorted": 20.0}

_PPM = 3.0


def cases(*, tiny: bool) -> Iterator[tuple[str, Contenders]]:
    """Yield the isotope peaks of ions in any order, in as many measured peaks as a run has."""
    n_rows, n_ions = (10_000, 200) if tiny else (23_600_000, 570_000)
    random = np.random.default_rng(1)
    sorted_mz = np.sort(random.uniform(100, 1000, n_rows))
    pattern_mz = random.uniform(100, 1000, n_ions)[:, None] + 1.00335 * np.arange(4)

    def search_unsorted() -> Answer:
        lowest, highest = window_bounds(pattern_mz, _PPM)
        start = np.searchsorted(sorted_mz, lowest, side="left")
        return [start, np.searchsorted(sorted_mz, highest, side="right")]

    def search_sorted() -> Answer:
        order = np.argsort(pattern_mz, axis=None)
        lowest, highest = window_bounds(pattern_mz.ravel()[order], _PPM)
        start, stop = (np.empty(pattern_mz.shape, np.int64) for _ in range(2))
        start.ravel()[order] = np.searchsorted(sorted_mz, lowest, side="left")
        stop.ravel()[order] = np.searchsorted(sorted_mz, highest, side="right")
        return [start, stop]

    def search_with_kernel() -> Answer:
        windows = find_windows(sorted_mz, pattern_mz, _PPM)
        return [windows.start, windows.stop]

    name = f"{pattern_mz.size:,} windows in {n_rows:,} peaks"
    yield (
        name,
        {
            "ionbox": Contender(search_with_kernel),
            "sort, then searchsorted": Contender(search_sorted),
            "searchsorted, unsorted": Contender(search_unsorted),
        },
    )
