"""Small imzML + ibd pairs for tests, written by pyimzml's own writer."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pyimzml.compression import NoCompression
from pyimzml.ImzMLWriter import ImzMLWriter

Values = Sequence[float] | npt.NDArray[np.floating[Any]]
Spectrum = tuple[Values, Values]

# Three pixels of different lengths, so that no mix-up of spectra goes unnoticed.
SPECTRA: list[Spectrum] = [
    ([100.5, 200.25, 300.125], [1.0, 2.0, 3.0]),
    ([110.5, 210.25], [4.0, 5.0]),
    ([120.5, 220.25, 320.125, 420.0], [6.0, 7.0, 8.0, 9.0]),
]
COORDINATES = [(1, 1), (2, 1), (1, 2)]


@dataclass(frozen=True)
class Pair:
    """An imzML and its ibd in memory."""

    imzml: str
    ibd: bytes

    @property
    def source(self) -> bytes:
        return self.imzml.encode("iso-8859-1")

    def edited(self, old: str, new: str, count: int = -1) -> Pair:
        """Replace text in the imzML; it must be there."""
        assert old in self.imzml, f"{old!r} is not in the imzML"
        return Pair(self.imzml.replace(old, new, count), self.ibd)


def build_pair(
    spectra: Sequence[Spectrum] = SPECTRA,
    coordinates: Sequence[tuple[int, ...]] = COORDINATES,
    *,
    mz_dtype: type[np.generic] = np.float64,
    intensity_dtype: type[np.generic] = np.float32,
    mode: str = "processed",
    spectrum_type: str = "centroid",
    polarity: str | None = "positive",
    compression: Any = None,
) -> Pair:
    """Write a dataset; the defaults are a sound one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.imzML"
        with ImzMLWriter(
            str(path),
            mz_dtype=mz_dtype,
            intensity_dtype=intensity_dtype,
            mode=mode,
            spec_type=spectrum_type,
            polarity=polarity,
            mz_compression=compression or NoCompression(),
            intensity_compression=compression or NoCompression(),
        ) as writer:
            for (mz, intensity), position in zip(spectra, coordinates, strict=True):
                writer.addSpectrum(mz, intensity, position)
        return Pair(path.read_text("iso-8859-1"), path.with_suffix(".ibd").read_bytes())


def range_reader(ibd: bytes) -> Callable[[int, int], bytes]:
    """Read ranges of bytes in memory; past the end there is nothing, as with a file."""
    return lambda offset, length: ibd[offset : offset + length]


def build_hidden_damage() -> tuple[Pair, Pair]:
    """Write a whole dataset, and one with its imzML whose ibd is damaged.

    One m/z is below zero, of a spectrum at which no check looks: that shows only in all peaks, and
    is little enough to be an exporter's habit. With the checksum, which is another, it is damage.
    """
    spectra = [([100.0 + i / 16, 203.05, 300.0], [1.0, 2.0, 3.0]) for i in range(300)]
    whole = build_pair(spectra, [(x, 1) for x in range(1, 301)])
    good = np.array([100.0 + 11 / 16]).tobytes()
    assert whole.ibd.count(good) == 1
    return whole, Pair(whole.imzml, whole.ibd.replace(good, np.array([-5.0]).tobytes()))


HIDDEN_DAMAGE = (
    "1 of 900 peaks have no plausible m/z, and the checksum is not the one its imzML declares, so "
    "the file is damaged; copy or upload it again"
)
"""What is said of it."""
