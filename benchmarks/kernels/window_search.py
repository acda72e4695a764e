"""Search of m/z windows in sorted peaks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from ionbox_science.ion_images import find_windows, window_bounds

from benchmarks.kernels import Contenders

TITLE = "window search"

_PPM = 3.0


def cases(*, tiny: bool) -> Mapping[str, Contenders]:
    """Isotope patterns by mass, as a chunk of ions has them, and in any order."""
    n_rows, n_ions = (10_000, 200) if tiny else (20_000_000, 100_000)
    random = np.random.default_rng(1)
    sorted_mz = np.sort(random.uniform(100, 1000, n_rows))
    first_mz = random.uniform(100, 1000, n_ions)
    return {
        "ions by mass": _contenders(sorted_mz, np.sort(first_mz)),
        "ions in any order": _contenders(sorted_mz, first_mz),
    }


def _contenders(sorted_mz: np.ndarray, first_mz: np.ndarray) -> Contenders:
    pattern_mz = first_mz[:, None] + 1.00335 * np.arange(4)

    def search_sorted() -> np.ndarray:
        windows = find_windows(sorted_mz, pattern_mz, _PPM)
        return np.array([windows.start, windows.stop])

    def search_plain() -> np.ndarray:
        lowest, highest = window_bounds(pattern_mz, _PPM)
        start = np.searchsorted(sorted_mz, lowest, side="left")
        return np.array([start, np.searchsorted(sorted_mz, highest, side="right")])

    return {"ionbox": search_sorted, "oracle (numpy)": search_plain}
