"""Merging sorted spans of peaks, against numpy's stable sort of all of them.

One segment of a dataset that was sorted in spans of spectra; the larger the dataset, the more
spans.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.sorting.span_merging import merge_spans

from benchmarks.kernels import Answer, Contender, Contenders
from tests.oracles import peak_sorting as oracle

TITLE = "merge"
GOALS = {"numpy: join, argsort, gathers": 2.0}

_LINES = 0.7
"""Share of the peaks at m/z that many spectra have, as in real data; the rest lie anywhere."""


def cases(*, tiny: bool) -> Iterator[tuple[str, Contenders]]:
    """Yield a segment in 20, 130 and 2,000 spans, with both types of m/z."""
    n_peaks = 4_000 if tiny else 4_000_000
    for mz_type in ("f8", "f4"):
        for n_spans in (20, 130, 2000):
            spans = _draw_spans(n_peaks, n_spans, mz_type)
            yield f"{n_spans:,} spans, {n_peaks:,} peaks, {mz_type}", _contenders(spans)


def _contenders(spans: Sequence[Peaks]) -> Contenders:
    return {
        "ionbox": Contender(lambda: _columns(merge_spans(spans))),
        "numpy: join, argsort, gathers": Contender(lambda: _columns(oracle.merge_spans(spans))),
    }


def _columns(peaks: Peaks) -> Answer:
    return [peaks.mz, peaks.intensity, peaks.pixel]


def _draw_spans(n_peaks: int, n_spans: int, mz_type: str) -> list[Peaks]:
    random = np.random.default_rng(1)
    n_lines = int(_LINES * n_peaks)
    lines = random.choice(random.uniform(500, 520, 3000), n_lines)
    lines *= 1 + random.normal(0, 0.4e-6, n_lines)
    mz = random.permutation(np.concatenate([lines, random.uniform(500, 520, n_peaks - n_lines)]))
    intensity = random.uniform(1, 1e5, n_peaks).astype("f4")
    pixel = np.sort(random.integers(0, 10_000, n_peaks)).astype("u4")
    columns = zip(
        *(np.array_split(column, n_spans) for column in (mz.astype(mz_type), intensity, pixel)),
        strict=True,
    )
    return [oracle.sort_peaks(Peaks(*span)) for span in columns]
