"""Where each spectrum lies in the ibd, so that the spectrum of a pixel is one ranged read.

The index is the imzML's header: nothing else is needed to find and decode a spectrum. A run stores
it beside its results (`pack_index`), and whoever looks at the results later reads single pixels
with it (`SpectrumReader`), without the imzML.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ionbox_science.imzml.header import ImzmlHeader
from ionbox_science.imzml.spectra import ReadRange, read_shared_mz, read_spectrum, read_stored

_OFFSETS = ("mz_offset", "intensity_offset")

Arrays = dict[str, npt.NDArray[Any]]


def pack_index(header: ImzmlHeader) -> Arrays:
    """Return a header as named arrays that compress well.

    Those of `ImzmlHeader.to_arrays`, with the offsets as differences: mostly equal, and small.
    """
    arrays = header.to_arrays()
    return arrays | {name: np.diff(arrays[name], prepend=0) for name in _OFFSETS}


def unpack_index(arrays: Mapping[str, npt.NDArray[Any]]) -> ImzmlHeader:
    """Rebuild the header from what `pack_index` returned."""
    return ImzmlHeader.from_arrays(
        {**arrays, **{name: np.cumsum(arrays[name]) for name in _OFFSETS}}
    )


class SpectrumReader:
    """Reads the spectra of single pixels.

    Parameters
    ----------
    header : ImzmlHeader
        Header of the dataset.
    read_range : ReadRange
        Reads its ibd.

    Notes
    -----
    One ranged read per spectrum where m/z and intensities lie near each other. An m/z axis that
    all spectra share is read once and kept. May be used by several threads.
    """

    def __init__(self, header: ImzmlHeader, read_range: ReadRange) -> None:
        self.header = header
        self._read_range = read_range
        pixel = header.pixel_index
        self._order = np.argsort(pixel, kind="stable")
        self._pixel = pixel[self._order]
        self._shared_mz: npt.NDArray[np.floating[Any]] | None = None
        self._is_shared = header.mode == "continuous" and header.n_spectra > 1
        self._lock = threading.Lock()

    def spectra_at(self, x: int, y: int) -> list[int]:
        """Return the indices of the spectra measured at a pixel.

        Parameters
        ----------
        x, y : int
            Column and row in the images, from 0; beyond the image there are no spectra.

        Returns
        -------
        list of int
            In the order of the file; more than one where positions repeat.
        """
        if not (0 <= x < self.header.width and 0 <= y < self.header.height):
            return []
        pixel = np.uint32(y * self.header.width + x)
        start, stop = (np.searchsorted(self._pixel, pixel, side) for side in ("left", "right"))
        return [int(index) for index in self._order[start:stop]]

    def read(self, x: int, y: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
        """Read what was measured at a pixel.

        Parameters
        ----------
        x, y : int
            Column and row in the images, from 0.

        Returns
        -------
        mz : (n_peaks,) float64
            Ascending, of the peaks above zero of all spectra of the pixel together; empty where
            nothing was measured.
        intensity : (n_peaks,) float32, counts
            Of the same peaks.

        Raises
        ------
        InvalidDataset
            If the ibd ends before a spectrum does.
        """
        spectra = [self._read_one(index) for index in self.spectra_at(x, y)]
        mz = np.concatenate([np.empty(0), *(mz for mz, _ in spectra)])
        stored = np.concatenate([np.empty(0), *(intensity for _, intensity in spectra)])
        kept = np.flatnonzero(stored > 0)
        order = kept[np.argsort(mz[kept], kind="stable")]
        with np.errstate(over="ignore", under="ignore"):
            return mz[order], stored[order].astype(np.float32)

    def _read_one(self, index: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        if not self._is_shared:
            return read_spectrum(self.header, index, self._read_range)
        one = slice(index, index + 1)
        arrays = read_stored(self.header, self._read_range, one, with_mz=False)
        counts = self.header.intensity_count[one]
        (intensity,) = arrays.views(counts, self.header.intensity_dtype)
        return self._read_shared_mz(), intensity

    def _read_shared_mz(self) -> npt.NDArray[np.floating[Any]]:
        with self._lock:  # of many threads, one reads it
            if self._shared_mz is None:
                self._shared_mz = read_shared_mz(self.header, self._read_range)
            if self._shared_mz is None:
                raise ValueError("the spectra of a continuous dataset share their m/z")
            return self._shared_mz
