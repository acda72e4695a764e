"""Sorting all peaks of a dataset by m/z, reading the ibd included, against numpy's stable sort."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ionbox_cloud.planning.inspection import ibd_reader
from ionbox_cloud.store import Store
from ionbox_science.imzml.header import ImzmlHeader
from ionbox_science.imzml.spectra import Peaks, read_peaks
from ionbox_science.sorting.peak_sorting import sort_in_memory

from benchmarks.kernels import Answer, Contender, Contenders
from tests.oracles.peak_sorting import sort_peaks, sum_intensity

TITLE = "sort"
GOALS = {"numpy: read, argsort, gathers": 5.0}

_LINES = 0.7
"""Share of the peaks at m/z that many spectra have, as in real data; the rest lie anywhere."""


def cases(*, tiny: bool) -> Iterator[tuple[str, Contenders]]:
    """Yield datasets of 100 x 100 pixels: processed mode with both types of m/z, continuous."""
    side, n_peaks = (10, 100) if tiny else (100, 2000)
    with tempfile.TemporaryDirectory(prefix="ionbox-bench-") as folder:
        path = Path(folder) / "peaks.ibd"
        for mode, mz_type in (("processed", "<f8"), ("processed", "<f4"), ("continuous", "<f8")):
            header = _write_ibd(path, mode, np.dtype(mz_type), side, n_peaks)
            yield f"{mode}, {header.n_peaks:,} peaks, {mz_type[1:]}", _contenders(path, header)


def _contenders(path: Path, header: ImzmlHeader) -> Contenders:
    read_range = ibd_reader(Store.open(path.parent.as_uri()), path.name)
    peaks = read_peaks(header, read_range)

    def sort_with_kernel() -> Answer:
        found = sort_in_memory(header, read_range)
        return [*_columns(found.peaks), found.tic]

    def sort_with_numpy() -> Answer:
        peaks = read_peaks(header, read_range)
        return [*_columns(sort_peaks(peaks)), sum_intensity(peaks, header.n_spectra)]

    return {
        "ionbox": Contender(sort_with_kernel),
        "numpy: read, argsort, gathers": Contender(sort_with_numpy),
        "numpy: argsort, gathers": Contender(lambda: _columns(sort_peaks(peaks))),
    }


def _columns(peaks: Peaks) -> Answer:
    return [peaks.mz, peaks.intensity, peaks.pixel]


def _write_ibd(
    path: Path, mode: str, mz_type: np.dtype[np.float64], side: int, n_peaks: int
) -> ImzmlHeader:
    """Write a UUID and spectra of equally many peaks, each m/z array before its intensities."""
    random = np.random.default_rng(1)
    n, continuous = side * side, mode == "continuous"
    lines = np.sort(random.uniform(100, 1200, 3 * n_peaks))
    axis = np.linspace(100, 1200, n_peaks).astype(mz_type)
    with path.open("wb") as ibd:
        ibd.write(bytes(16) + (axis.tobytes() if continuous else b""))
        for _ in range(n):
            if not continuous:
                ibd.write(_draw_spectrum(lines, n_peaks, random).astype(mz_type).tobytes())
            ibd.write(random.uniform(1, 1e5, n_peaks).astype("<f4").tobytes())
    index, count = np.arange(n), np.full(n, n_peaks)
    mz_bytes, intensity_bytes = axis.nbytes, 4 * n_peaks
    step = intensity_bytes if continuous else mz_bytes + intensity_bytes
    return ImzmlHeader(
        mode=mode,
        mz_dtype=mz_type,
        intensity_dtype=np.dtype("<f4"),
        x=(index % side).astype(np.int32),
        y=(index // side).astype(np.int32),
        mz_offset=np.full(n, 16) if continuous else 16 + index * step,
        mz_count=count,
        intensity_offset=16 + mz_bytes + index * step,
        intensity_count=count,
    )


def _draw_spectrum(lines: np.ndarray, n_peaks: int, random: np.random.Generator) -> np.ndarray:
    n_lines = int(n_peaks * _LINES)
    chosen = random.choice(lines, n_lines, replace=False)
    chosen *= 1 + random.normal(0, 0.4e-6, n_lines)
    return np.sort(np.concatenate([chosen, random.uniform(100, 1200, n_peaks - n_lines)]))
