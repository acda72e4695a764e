"""Window search and ion images in numpy: what the kernels must equal, bit for bit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.scoring.ion_images import Grid, Windows


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
    half_width = pattern_mz * ppm * 1e-6
    lowest, highest = pattern_mz - half_width, pattern_mz + half_width
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
