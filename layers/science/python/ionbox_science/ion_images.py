"""Ion images: which measured peaks belong to an isotope peak, and where they lie.

Peaks must be sorted by m/z; a window is then a run of rows, and an image is those rows scattered
over the pixels. No smoothing, no clipping: intensities of one pixel are summed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ionbox_science.spectra import Peaks

PPM = 1e-6


@dataclass(frozen=True)
class Grid:
    """The pixels of a dataset.

    Attributes
    ----------
    mask : (height, width) bool
        Pixels with at least one spectrum.
    """

    mask: npt.NDArray[np.bool_]

    @property
    def n_pixels(self) -> int:
        """Pixels of the bounding box, measured or not."""
        return self.mask.size


@dataclass(frozen=True)
class Windows:
    """The measured peaks of each isotope peak, as runs of rows.

    Attributes
    ----------
    start, stop : (n_ions, n_peaks) int64
        Rows ``start`` to ``stop`` (exclusive) of the sorted peaks; empty where nothing was found.
    """

    start: npt.NDArray[np.int64]
    stop: npt.NDArray[np.int64]

    @property
    def n_found(self) -> npt.NDArray[np.int64]:
        """Measured peaks per isotope peak: (n_ions, n_peaks) int64."""
        return self.stop - self.start

    def take(self, ions: npt.NDArray[np.intp] | slice) -> Windows:
        """Select ions."""
        return Windows(self.start[ions], self.stop[ions])

    def rows(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """List every (window, row) pair.

        Returns
        -------
        window : (n,) int64
            Flat index of the (ion, isotope peak), repeated once per row found.
        row : (n,) int64
            Row of the sorted peaks.
        """
        n_found = self.n_found.ravel()
        window = np.repeat(np.arange(n_found.size), n_found)
        before = np.cumsum(n_found) - n_found
        row = np.arange(window.size) + np.repeat(self.start.ravel() - before, n_found)
        return window, row


def window_bounds(
    pattern_mz: npt.NDArray[np.float64], ppm: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the lowest and highest m/z, both included, that count as each isotope peak.

    Parameters
    ----------
    pattern_mz : float64, any shape
        Theoretical m/z.
    ppm : float
        Half width in parts per million of the theoretical m/z, the same at all m/z (METASPACE's
        analysis versions 1 and 3; version 2 scaled it with the analyzer).
    """
    half_width = pattern_mz * ppm * PPM
    return pattern_mz - half_width, pattern_mz + half_width


def pattern_range(pattern_mz: npt.NDArray[np.float64], ppm: float) -> tuple[float, float]:
    """Return the m/z range that holds the windows of all patterns; (0, 0) if there are none."""
    real = pattern_mz[pattern_mz > 0]
    if not real.size:
        return 0.0, 0.0
    lowest, highest = window_bounds(np.array([real.min(), real.max()]), ppm)
    return float(lowest[0]), float(highest[1])


def find_windows(
    sorted_mz: npt.NDArray[np.floating], pattern_mz: npt.NDArray[np.float64], ppm: float
) -> Windows:
    """Find the measured peaks within ``ppm`` of each isotope peak.

    Parameters
    ----------
    sorted_mz : (n_rows,) float32 or float64
        m/z of the measured peaks, ascending.
    pattern_mz : (n_ions, n_peaks) float64
        Theoretical m/z, zero where a pattern has fewer peaks.
    ppm : float
        Half width of a window.
    """
    lowest, highest = window_bounds(pattern_mz, ppm)
    order = np.argsort(pattern_mz, axis=None)
    data_mz = sorted_mz.astype(np.float64, copy=False)
    start = np.empty(pattern_mz.size, np.int64)
    stop = np.empty(pattern_mz.size, np.int64)
    # sorted queries walk through the data once instead of jumping about in it
    start[order] = np.searchsorted(data_mz, lowest.ravel()[order], side="left")
    stop[order] = np.searchsorted(data_mz, highest.ravel()[order], side="right")
    padding = pattern_mz.ravel() == 0
    stop[padding] = start[padding]
    return Windows(start.reshape(pattern_mz.shape), stop.reshape(pattern_mz.shape))


def drop_small_images(windows: Windows, min_px: int) -> Windows:
    """Empty the windows that hold fewer than ``min_px`` measured peaks."""
    enough = windows.n_found >= max(min_px, 1)
    return Windows(windows.start, np.where(enough, windows.stop, windows.start))


def extract_images(peaks: Peaks, windows: Windows, grid: Grid) -> npt.NDArray[np.float32]:
    """Scatter the peaks of each window over the pixels.

    Returns
    -------
    (n_ions, n_peaks, height, width) float32
        Intensities summed per pixel, zero where nothing was measured.
    """
    window, row = windows.rows()
    cell = window * grid.n_pixels + peaks.pixel[row]
    n_cells = windows.start.size * grid.n_pixels
    # float64 sums, rounded once
    flat = np.bincount(cell, weights=peaks.intensity[row], minlength=n_cells)
    with np.errstate(over="ignore"):  # more than float32 can hold is infinite
        rounded = flat.astype(np.float32)
    return rounded.reshape(*windows.start.shape, *grid.mask.shape)
