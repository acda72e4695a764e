"""Picking the peaks of profile spectra, against scipy's search for local maxima.

scipy finds the tops, and numpy fits parabolas to their logarithms: what one would write without the
kernel. It knows neither gaps nor noise, so the spectra have no gaps, and it is told the height that
peaks have to reach.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from ionbox_science.imzml.header import ImzmlHeader
from ionbox_science.imzml.ibd import StoredArrays
from ionbox_science.imzml.spectra import pick_stored
from scipy import signal

from benchmarks.kernels import Answer, Contender, Contenders

TITLE = "peak picking"
GOALS = {"scipy: find_peaks, numpy": 0.7}  # which looks at neither noise nor steps of m/z

Floats = npt.NDArray[np.floating[Any]]


def cases(*, tiny: bool) -> Iterator[tuple[str, Contenders]]:
    """Yield spectra whose noise was cut, and spectra full of noise."""
    n_spectra, n_points = (4, 2000) if tiny else (50, 200_000)
    random = np.random.default_rng(1)
    mz = 200 + 1e-3 * np.arange(n_points)
    window = np.exp(-(np.arange(-8, 9) ** 2) / 8)
    places = random.random((n_spectra, n_points))
    peaks = np.where(places > 0.98, 10 ** (5 * places), 0.0)
    cut = np.array([np.convolve(each, window, "same") for each in peaks])
    noise = np.hypot(*random.normal(size=(2, n_spectra, n_points)))
    noise = np.array([np.convolve(each, window, "same") for each in noise])
    # spectra begin and end at zero, as scipy finds no top at an edge
    ramp = np.minimum(np.minimum(np.arange(n_points), np.arange(n_points)[::-1]) / 50, 1.0)
    for name, spectra in (("noise cut", cut), ("all noise", noise)):
        yield f"{spectra.size:,} points, {name}", _contenders(mz, spectra * ramp)


def _contenders(mz: Floats, spectra: Floats) -> Contenders:
    header, stored = _in_memory(spectra)
    chosen = slice(0, header.n_spectra)
    picked = pick_stored(header, chosen, stored, mz)
    cuts = np.cumsum(picked.n_peaks)[:-1]
    tops = np.rint((picked.mz - mz[0]) / (mz[1] - mz[0])).astype(np.int64)
    lowest = [
        spectrum[top].min(initial=np.inf)
        for spectrum, top in zip(spectra, np.split(tops, cuts), strict=True)
    ]

    def pick_with_kernel() -> Answer:
        found = pick_stored(header, chosen, stored, mz)
        return [found.n_peaks, found.mz]

    def pick_with_scipy() -> Answer:
        found = [
            _pick_with_scipy(mz, spectrum, threshold)
            for spectrum, threshold in zip(spectra, lowest, strict=True)
        ]
        return [np.array([len(each) for each in found]), np.concatenate(found)]

    return {
        "ionbox": Contender(pick_with_kernel),
        "scipy: find_peaks, numpy": Contender(pick_with_scipy),
    }


def _pick_with_scipy(mz: Floats, intensity: Floats, threshold: float) -> Floats:
    """Return the m/z of the peaks whose top reaches a height."""
    top, _ = signal.find_peaks(intensity, height=threshold)
    fall = [np.log(intensity[top + side] / intensity[top]) for side in (-1, 1)]
    step = mz[top + 1] - mz[top]
    shift = (fall[0] - fall[1]) / (2 * (fall[0] + fall[1])) * step
    found: Floats = mz[top] + shift
    return found


def _in_memory(spectra: Floats) -> tuple[ImzmlHeader, StoredArrays]:
    """Return intensities that share an m/z axis as if they had been read from an ibd."""
    n, n_points = spectra.shape
    count = np.full(n, n_points)
    header = ImzmlHeader(
        mode="continuous",
        mz_dtype=np.dtype("<f8"),
        intensity_dtype=np.dtype("<f8"),
        x=np.arange(n, dtype=np.int32),
        y=np.zeros(n, np.int32),
        mz_offset=np.zeros(n, np.int64),
        mz_count=count,
        intensity_offset=np.arange(n) * 8 * n_points,
        intensity_count=count,
        picked=np.ones(n, np.bool_),
    )
    buffer = spectra.view(np.uint8).ravel()
    return header, StoredArrays([buffer], np.zeros(n, np.int64), header.intensity_offset)
