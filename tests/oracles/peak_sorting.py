"""The obvious way to sort a dataset's peaks: one spectrum after the other, then numpy's sort."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from ionbox_science.imzml.header import ImzmlHeader
from ionbox_science.imzml.spectra import Peaks, ReadRange, read_spectrum

from tests.oracles.peak_picking import pick_spectrum


def sort_spectra(
    header: ImzmlHeader, read_range: ReadRange
) -> tuple[Peaks, npt.NDArray[np.float64]]:
    """Return all peaks above zero in order of m/z, and the total ion current per pixel."""
    tic = [0.0] * (header.width * header.height)
    for pixel, total in zip(
        header.pixel_index.tolist(), sum_spectra(header, read_range).tolist(), strict=True
    ):
        tic[pixel] += total
    return sort_peaks(read_all(header, read_range)), np.array(tic)


def sort_peaks(peaks: Peaks) -> Peaks:
    """Sort peaks by m/z; peaks of equal m/z keep their order."""
    order = np.argsort(peaks.mz, kind="stable")
    return Peaks(peaks.mz[order], peaks.intensity[order], peaks.pixel[order])


def sum_intensity(peaks: Peaks, n_pixels: int) -> npt.NDArray[np.float64]:
    """Sum intensities per pixel, the total ion current: (n_pixels,) float64, counts."""
    tic = np.bincount(peaks.pixel, weights=peaks.intensity, minlength=n_pixels)
    return tic.astype(np.float64)


def sum_spectra(header: ImzmlHeader, read_range: ReadRange) -> npt.NDArray[np.float64]:
    """Sum the intensities above zero of each spectrum, one after the other: (n_spectra,)."""
    totals = [0.0] * header.n_spectra
    for index in range(header.n_spectra):
        _, intensity = read_above_zero(header, index, read_range)
        with np.errstate(over="ignore", under="ignore"):
            sums = np.add.accumulate(intensity.astype(np.float32), dtype=np.float64)
        totals[index] = float(sums[-1]) if len(sums) else 0.0
    return np.array(totals)


def merge_spans(spans: Sequence[Peaks]) -> Peaks:
    """Merge sorted spans: sort them all again."""
    columns = ([getattr(span, name) for span in spans] for name in ("mz", "intensity", "pixel"))
    return sort_peaks(Peaks(*map(np.concatenate, columns)))


def read_all(header: ImzmlHeader, read_range: ReadRange) -> Peaks:
    """Return all peaks above zero in the order of the file."""
    mz_type = header.mz_dtype.newbyteorder("=")
    columns = [[np.empty(0, dtype)] for dtype in (mz_type, np.float32, np.uint32)]
    for index in range(header.n_spectra):
        mz, intensity = read_above_zero(header, index, read_range)
        columns[0].append(mz.astype(mz_type))
        with np.errstate(over="ignore", under="ignore"):
            columns[1].append(intensity.astype(np.float32))
        columns[2].append(np.full(len(mz), header.pixel_index[index], np.uint32))
    return Peaks(*(np.concatenate(column) for column in columns))


def read_above_zero(
    header: ImzmlHeader, index: int, read_range: ReadRange
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return m/z and intensity of a spectrum's peaks: picked, or those stored above zero."""
    mz, intensity = read_spectrum(header, index, read_range)
    if header.picked is not None and header.picked[index]:
        return pick_spectrum(mz, intensity)
    return mz[intensity > 0], intensity[intensity > 0]
