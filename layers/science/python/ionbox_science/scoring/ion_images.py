"""Ion images: which measured peaks belong to an isotope peak, and where they lie.

In: peaks sorted by m/z (segments) and isotope patterns. Out: windows, and images. A window is the
range of m/z that counts as one isotope peak; as peaks are sorted, it is a range of rows, and an
image is those rows scattered over the pixels. No smoothing, no clipping: intensities of one pixel
are summed. Scoring needs the windows only (`ionbox_science.scoring.scores`); images are drawn of
the annotated ions (``RenderImages``). ``kernels/scoring/windows.c`` and
``kernels/scoring/ion_images.c`` do the computing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ionbox_science.imzml.spectra import Peaks, contiguous_peaks, peak_columns
from ionbox_science.kernel_calls import call_kernel


@dataclass(frozen=True)
class Grid:
    """The pixels of a dataset.

    Attributes
    ----------
    mask : (height, width) bool
        Pixels of the bounding box that have at least one spectrum.
    """

    mask: npt.NDArray[np.bool_]

    @property
    def n_pixels(self) -> int:
        """Pixels of the bounding box, measured or not."""
        return self.mask.size


@dataclass(frozen=True)
class Windows:
    """The measured peaks of each isotope peak, as ranges of rows.

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
        """List every pair of a window and a row in it; windows may overlap, so rows may repeat.

        Returns
        -------
        window : (n,) int64
            Flat index of the (ion, isotope peak), repeated once per row found.
        row : (n,) int64
            Row of the sorted peaks, ascending within a window.
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
        Theoretical m/z; of zero, which is padding, both bounds are zero.
    ppm : float
        Half width in parts per million of the theoretical m/z, the same at all m/z (METASPACE's
        analysis versions 1 and 3; version 2 scaled it with the analyzer).

    Returns
    -------
    lowest, highest : float64, shape of ``pattern_mz``
        m/z less and plus the half width.

    Notes
    -----
    Whoever needs bounds gets them here or from `find_windows`: one function of ``windows.c`` makes
    both, so that what is read is what is searched, to the last bit.
    """
    middle = np.asarray(pattern_mz, np.float64, order="C")
    lowest, highest = np.empty_like(middle), np.empty_like(middle)
    call_kernel("ionbox_bound_windows", middle, middle.size, ppm, lowest, highest)
    return lowest, highest


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
        Half width of a window, in parts per million.

    Returns
    -------
    Windows
        (n_ions, n_peaks) ranges of rows; empty where nothing was found and for padding.
    """
    mz = _contiguous_mz(sorted_mz)
    queries = np.ascontiguousarray(pattern_mz, np.float64)
    start = np.empty(queries.shape, np.int64)
    stop = np.empty(queries.shape, np.int64)
    columns = mz, mz.itemsize, mz.size
    call_kernel("ionbox_find_windows", *columns, queries, queries.size, ppm, start, stop)
    return Windows(start, stop)


def _contiguous_mz(mz: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Return m/z as kernels take them, of float32 or float64."""
    return np.ascontiguousarray(mz, np.float32 if mz.dtype == np.float32 else np.float64)


def drop_small_images(windows: Windows, min_px: int) -> Windows:
    """Return windows, those empty that hold fewer than ``min_px`` measured peaks."""
    enough = windows.n_found >= max(min_px, 1)
    return Windows(windows.start, np.where(enough, windows.stop, windows.start))


def extract_images(peaks: Peaks, windows: Windows, grid: Grid) -> npt.NDArray[np.float32]:
    """Scatter the peaks of each window over the pixels.

    Parameters
    ----------
    peaks : Peaks
        Sorted by m/z: the rows that the windows count.
    windows : Windows
        (n_ions, n_peaks) windows.
    grid : Grid
        Pixels of the dataset.

    Returns
    -------
    (n_ions, n_peaks, height, width) float32
        Intensities summed per pixel, counts, zero where nothing was measured.

    Raises
    ------
    ValueError
        If a window reaches beyond the peaks or a peak lies beyond the grid.

    Notes
    -----
    Intensities are summed as float64, in order of m/z, and rounded to float32 once.
    """
    images = np.zeros((*windows.start.shape, *grid.mask.shape), np.float32)
    start, stop = (np.ascontiguousarray(rows, np.int64) for rows in (windows.start, windows.stop))
    n_windows, n_pixels = start.size, grid.n_pixels
    columns = peak_columns(contiguous_peaks(peaks))
    call_kernel("ionbox_extract_images", columns, start, stop, n_windows, n_pixels, images)
    return images
