"""Peaks of profile spectra: every local maximum becomes one m/z and one intensity.

For datasets that were exported without peak picking, and for users who ask for it (the setting
``centroid``); `ImzmlHeader.picked` says for which spectra. All that reads a dataset's peaks picks
them here, batch by batch as they come from the ibd, so that sorting and everything after it sees
centroided spectra. ``kernels/picking/pick_peaks.c`` does the work and says how.

What comes out, in short: m/z where a parabola through the logarithms of a top and its two
neighbours is highest; the height of such a parabola through the intensities; and nothing below the
noise of the spectrum, which is measured in the valleys between peaks: their median, and 8 times
their median deviation from it. A spectrum whose noise was cut by the instrument has valleys of
zero, and keeps every peak. Points that are no numbers, or not above zero, count as zero; spectra
whose m/z do not ascend are sorted first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ionbox_science.imzml.header import BoolArray, Int64Array
from ionbox_science.kernel_calls import KernelStruct, call_kernel

PICKED_INTENSITY = np.dtype("<f8")
"""Type of the intensities of picked peaks, whatever that of the ibd is."""


@dataclass(frozen=True, eq=False)
class PickedSpectra:
    """Peaks of neighbouring spectra: of profiles what was picked, of others those above zero.

    Attributes
    ----------
    n_peaks : (n_spectra,) int64
        Peaks of each spectrum.
    mz : (n_peaks,) float32 or float64 as in the ibd
        Of one spectrum after the other; of a picked one ascending.
    intensity : (n_peaks,) float64, counts
        Heights of the peaks.
    """

    n_peaks: Int64Array
    mz: npt.NDArray[np.floating[Any]]
    intensity: npt.NDArray[np.float64]

    @property
    def n_bytes(self) -> int:
        """Bytes of all peaks."""
        return self.mz.nbytes + self.intensity.nbytes

    def addresses(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """Return the memory address of each spectrum's m/z and of its intensities, for kernels."""
        before = (np.cumsum(self.n_peaks) - self.n_peaks).astype(np.uint64)
        return (
            before * np.uint64(self.mz.itemsize) + np.uint64(self.mz.ctypes.data),
            before * np.uint64(self.intensity.itemsize) + np.uint64(self.intensity.ctypes.data),
        )


def pick_peaks(
    spectra: KernelStruct, n_points: Int64Array, mz_dtype: np.dtype[Any], picked: BoolArray
) -> PickedSpectra:
    """Pick the peaks of a batch of spectra.

    Parameters
    ----------
    spectra : KernelStruct
        Their arrays: see `ionbox_science.imzml.spectra.describe_spectra`.
    n_points : (n_spectra,) int64
        Length of each.
    mz_dtype : dtype
        float32 or float64, as in the ibd.
    picked : (n_spectra,) bool
        Which of them are profiles; the others are copied.

    Raises
    ------
    MemoryError
        If a spectrum whose m/z do not ascend cannot be sorted.

    Notes
    -----
    No bit depends on which spectra are picked together. Memory: 12 or 16 bytes per peak before
    noise is dropped, 4 per point of the longest spectrum; 64 if its m/z do not ascend.
    """
    total = int(n_points.sum())
    mz, intensity = np.empty(total, mz_dtype.newbyteorder("=")), np.empty(total)
    n_peaks = np.empty(len(n_points), np.int64)
    valley = np.empty(int(n_points.max(initial=0)), np.float32)
    call_kernel(
        "ionbox_pick_peaks",
        spectra,
        np.ascontiguousarray(picked),
        mz,
        intensity,
        valley,
        n_peaks,
    )
    n_found = int(n_peaks.sum())
    for column in (mz, intensity):
        column.resize(n_found, refcheck=False)  # gives back what was not needed, without a copy
    return PickedSpectra(n_peaks, mz, intensity)
