"""Ion images: which measured peaks belong to an isotope peak, and where they lie.

Peaks must be sorted by m/z; a window is then a range of rows, and an image is those rows scattered
over the pixels. No smoothing, no clipping: intensities of one pixel are summed. The computing is
done by ``kernels/windows.c`` and ``kernels/ion_images.c``.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ionbox_science.imzml.spectra import Peaks
from ionbox_science.kernels import check_status, library

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
    data_mz, wide = contiguous_mz(sorted_mz)
    queries = np.ascontiguousarray(pattern_mz, np.float64)
    start = np.empty(queries.shape, np.int64)
    stop = np.empty(queries.shape, np.int64)
    check_status(
        library().ionbox_find_windows(
            ctypes.c_void_p(data_mz.ctypes.data),
            ctypes.c_int32(wide),
            ctypes.c_int64(data_mz.size),
            ctypes.c_void_p(queries.ctypes.data),
            ctypes.c_int64(queries.size),
            ctypes.c_double(ppm),
            ctypes.c_void_p(start.ctypes.data),
            ctypes.c_void_p(stop.ctypes.data),
        )
    )
    return Windows(start, stop)


def contiguous_mz(mz: npt.NDArray[np.floating]) -> tuple[npt.NDArray[np.floating], bool]:
    """Return m/z as kernels take them, and whether they are float64 instead of float32."""
    wide = mz.dtype != np.float32
    return np.ascontiguousarray(mz, np.float64 if wide else np.float32), wide


class PeakColumns(ctypes.Structure):
    """`Peaks` as kernels see them; field by field the ``PeakColumns`` of ``ion_images.h``."""

    _fields_ = (
        ("mz", ctypes.c_void_p),
        ("intensity", ctypes.c_void_p),
        ("pixel", ctypes.c_void_p),
        ("n_rows", ctypes.c_int64),
        ("mz_is_float64", ctypes.c_int32),
    )


def contiguous_peaks(peaks: Peaks) -> tuple[PeakColumns, Peaks]:
    """Return peaks as kernels take them, and the arrays that must outlive the kernel's use.

    Raises
    ------
    ValueError
        If the columns do not have the same length.
    """
    mz, wide = contiguous_mz(peaks.mz)
    intensity = np.ascontiguousarray(peaks.intensity, np.float32)
    pixel = np.ascontiguousarray(peaks.pixel, np.uint32)
    if not mz.shape == intensity.shape == pixel.shape:
        raise ValueError(f"columns of {mz.shape}, {intensity.shape} and {pixel.shape} peaks")
    addresses = (column.ctypes.data for column in (mz, intensity, pixel))
    return PeakColumns(*addresses, mz.size, wide), Peaks(mz, intensity, pixel)


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

    Raises
    ------
    ValueError
        If a window reaches beyond the peaks or a peak lies beyond the grid.

    Notes
    -----
    Intensities are summed as float64 and rounded once.
    """
    images = np.zeros((*windows.start.shape, *grid.mask.shape), np.float32)
    columns, _alive = contiguous_peaks(peaks)
    start, stop = (np.ascontiguousarray(rows, np.int64) for rows in (windows.start, windows.stop))
    check_status(
        library().ionbox_extract_images(
            ctypes.byref(columns),
            ctypes.c_void_p(start.ctypes.data),
            ctypes.c_void_p(stop.ctypes.data),
            ctypes.c_int64(start.size),
            ctypes.c_int64(grid.n_pixels),
            ctypes.c_void_p(images.ctypes.data),
        )
    )
    return images
