"""The spectrum of a pixel, against all peaks of the dataset."""

from __future__ import annotations

import numpy as np
import pytest
from ionbox_science.imzml.header import read_header
from ionbox_science.imzml.spectra import read_peaks
from ionbox_science.imzml.spectrum_index import SpectrumReader, pack_index, unpack_index

from tests.imzml_builder import Spectrum, build_pair, range_reader

COORDINATES = [(4, 7), (6, 7), (4, 9), (6, 7)]
PROCESSED = [
    ([100.5, 200.25, 300.125], [1.0, 0.0, 3.0]),
    ([210.25, 210.5], [4.0, 5.0]),
    ([120.5, 220.25], [6.0, 7.0]),
    ([110.0, 210.375], [8.0, 9.0]),
]
CONTINUOUS = [([100.0, 200.0, 300.0], list(row)) for row in np.arange(12.0).reshape(4, 3)]


@pytest.mark.parametrize(
    ("mode", "spectra"), [("processed", PROCESSED), ("continuous", CONTINUOUS)]
)
def test_every_pixel_has_the_peaks_that_were_sorted(mode: str, spectra: list[Spectrum]) -> None:
    pair = build_pair(spectra, COORDINATES, mode=mode)
    header = read_header(pair.imzml.encode(), "a.imzML")
    read_range = range_reader(pair.ibd)
    reader = SpectrumReader(unpack_index(pack_index(header)), read_range)
    peaks = read_peaks(header, read_range)
    for y in range(header.height):
        for x in range(header.width):
            here = np.flatnonzero(peaks.pixel == y * header.width + x)
            here = here[np.argsort(peaks.mz[here], kind="stable")]
            mz, intensity = reader.read(x, y)
            np.testing.assert_array_equal(mz, peaks.mz[here])
            np.testing.assert_array_equal(intensity, peaks.intensity[here])
            assert (mz.dtype, intensity.dtype) == (np.dtype(np.float64), np.dtype(np.float32))


def test_a_pixel_outside_has_no_spectra() -> None:
    pair = build_pair(PROCESSED, COORDINATES)
    header = read_header(pair.imzml.encode(), "a.imzML")
    reader = SpectrumReader(header, range_reader(pair.ibd))
    assert [reader.spectra_at(*place) for place in ((-1, 0), (3, 0), (0, 3), (1, 0))] == [[]] * 4
    assert reader.spectra_at(2, 0) == [1, 3]


@pytest.mark.parametrize(
    ("mode", "spectra", "n"), [("processed", PROCESSED, 1), ("continuous", CONTINUOUS, 1)]
)
def test_a_spectrum_is_one_read_and_a_shared_axis_is_read_once(
    mode: str, spectra: list[Spectrum], n: int
) -> None:
    pair = build_pair(spectra, COORDINATES, mode=mode)
    reads: list[int] = []

    def count(offset: int, length: int) -> bytes:
        reads.append(length)
        return pair.ibd[offset : offset + length]

    reader = SpectrumReader(read_header(pair.imzml.encode(), "a.imzML"), count)
    reader.read(0, 0)
    reads.clear()
    reader.read(0, 2)
    assert len(reads) == n


def test_a_stored_index_is_the_header_and_small() -> None:
    pair = build_pair([PROCESSED[0]] * 2000, [(1 + i % 50, 1 + i // 50) for i in range(2000)])
    header = read_header(pair.imzml.encode(), "a.imzML")
    packed, again = pack_index(header), unpack_index(pack_index(header))
    for name, array in header.to_arrays().items():
        np.testing.assert_array_equal(again.to_arrays()[name], array)
    assert len(set(packed["mz_offset"][1:].tolist())) == 1
