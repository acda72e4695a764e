"""Reading the header of a dataset, against pyimzml and our own walk through the XML."""

from __future__ import annotations

import io
import uuid
import warnings
from collections.abc import Iterator
from unittest import mock

import numpy as np
from ionbox.simulation.imzml_writer import ImzmlWriter
from ionbox_science.imzml import header
from ionbox_science.theory.isotope_model import IsotopeModel
from pyimzml.ImzMLParser import ImzMLParser

from benchmarks.kernels import Answer, Contender, Contenders

TITLE = "imzML header"
GOALS = {"pyimzml": 10.0}


def cases(*, tiny: bool) -> Iterator[tuple[str, Contenders]]:
    """Yield an imzML of processed mode, where every spectrum has arrays of its own."""
    n_spectra = 100 if tiny else 100_000
    source = _write_imzml(n_spectra)
    yield (
        f"{n_spectra:,} spectra, {len(source) / 1e6:.0f} MB",
        {
            "ionbox": Contender(lambda: _read_header(source)),
            "our full walk": Contender(lambda: _read_header_with_walk(source)),
            "pyimzml": Contender(lambda: _read_header_with_pyimzml(source)),
        },
    )


def _read_header(source: bytes) -> Answer:
    read = header.read_header(source, "spectra.imzML")
    arrays = read.mz_offset, read.mz_count, read.intensity_offset, read.intensity_count
    return [read.x, read.y, *arrays]


def _read_header_with_walk(source: bytes) -> Answer:
    with mock.patch.object(header, "scan_spectra", return_value=None):
        return _read_header(source)


def _read_header_with_pyimzml(source: bytes) -> Answer:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parser = ImzMLParser(io.BytesIO(source), ibd_file=None)
    x, y, _ = np.array(parser.coordinates).T
    arrays = parser.mzOffsets, parser.mzLengths, parser.intensityOffsets, parser.intensityLengths
    return [x, y, *map(np.array, arrays)]


def _write_imzml(n_spectra: int) -> bytes:
    """Write spectra of one to five peaks in rows of 100."""
    random = np.random.default_rng(1)
    index = np.arange(n_spectra)
    pixel = np.repeat(index, random.integers(1, 6, n_spectra))
    mz, intensity = 100 + random.random(pixel.size), random.uniform(1, 1e5, pixel.size)
    target = io.BytesIO()
    writer = ImzmlWriter(target, io.BytesIO(), "f8")
    writer.start(
        uuid.UUID(int=1), IsotopeModel("orbitrap", 0.0006), index % 100 + 1, index // 100 + 1
    )
    writer.write_spectra(n_spectra, pixel, mz, intensity)
    writer.finish()
    return target.getvalue()
