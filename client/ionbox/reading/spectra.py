"""Spectra of single pixels, from the ibd that a run was computed from, if it is still that one.

The results have an index of where each spectrum lies (``spectrum_index.npz``), so a spectrum is a
ranged read or two, without the imzML. An ibd may have been replaced since: its size, the UUID it
begins with and each pixel's total ion current are compared. For `MeasuredData`.
"""

from __future__ import annotations

import functools
import math
import threading
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt
from ionbox_cloud.errors import MissingObject
from ionbox_cloud.published import SPECTRUM_INDEX
from ionbox_cloud.records.run_record import RunRecord
from ionbox_cloud.store import Store
from ionbox_science.errors import InvalidDataset
from ionbox_science.imzml.header import ImzmlHeader
from ionbox_science.imzml.spectrum_index import SpectrumReader, unpack_index

from ionbox.errors import Gone, NotFound
from ionbox.reading.damage import reading
from ionbox.reading.place import ANNOTATE_AGAIN, Place

_UUID_BYTES = 16

_TIC_TOLERANCE = 1e-4
"""Relative; the same float32 intensities, summed in another order, differ by less."""


@dataclass(frozen=True)
class Spectrum:
    """What was measured at a pixel.

    Attributes
    ----------
    n_spectra : int
        Spectra at the pixel, usually 1; their peaks are taken together.
    mz : (n_peaks,) float64
        m/z, ascending.
    intensity : (n_peaks,) float32
        Counts, above 0.
    """

    n_spectra: int
    mz: npt.NDArray[np.float64]
    intensity: npt.NDArray[np.float32]


class IbdReader:
    """Reads spectra by ranged reads; may be used by several threads.

    Parameters
    ----------
    place : Place
        Where results and ibd are.
    record : RunRecord
        What the run was; it knows the size and ETag of the ibd.
    """

    def __init__(self, place: Place, record: RunRecord) -> None:
        self._place = place
        self._sources = record.sources
        self._n_bytes = record.dataset.ibd_bytes
        self._key = place.ibd.key or self._sources.ibd
        self._name = PurePosixPath(self._key).name
        self._lock = threading.Lock()

    def check(self) -> None:
        """See whether the ibd can be read and is the one that was annotated.

        Raises
        ------
        Gone
            If it is missing, nobody knows where it is, or it is another file.
        """
        with self._lock:
            _ = self._spectra

    def read(self, x: int, y: int, total: float) -> Spectrum:
        """Read the spectrum of a pixel.

        Parameters
        ----------
        x, y : int
            Column and row in the images, from 0.
        total : float
            Total ion current of the pixel when the dataset was annotated, counts.

        Raises
        ------
        NotFound
            If nothing was measured there.
        Gone
            If the ibd is not there any more, or is not the one that was annotated.
        """
        with self._lock:
            spectra = self._spectra
        n_spectra = len(spectra.spectra_at(x, y))
        if not n_spectra:
            raise NotFound(f"nothing was measured at pixel {x}, {y}")
        try:
            mz, intensity = spectra.read(x, y)
        except (MissingObject, InvalidDataset):
            self.__dict__.pop("_spectra", None)  # forget what was checked: it may be put back
            raise Gone(f"{self._name} was deleted or cut short since it was annotated") from None
        found = float(intensity.sum(dtype=np.float64))
        if not math.isclose(found, total, rel_tol=_TIC_TOLERANCE, abs_tol=1e-6):
            raise Gone(
                f"{self._name} was changed since it was annotated: the intensities at pixel "
                f"{x}, {y} add up to {found:g}, then to {total:g}"
            )
        return Spectrum(n_spectra, mz, intensity)

    @functools.cached_property
    def _spectra(self) -> SpectrumReader:
        store = self._place.ibd.store
        if store is None:
            raise Gone(self._place.ibd.missing)
        header = self._read_index()
        self._check_ibd(store, header)
        return SpectrumReader(header, functools.partial(store.read_range, self._key))

    def _read_index(self) -> ImzmlHeader:
        key = self._place.key(SPECTRUM_INDEX)
        if not self._place.results.exists(key):
            raise Gone(
                f"these results have no index of the ibd ({SPECTRUM_INDEX}); {ANNOTATE_AGAIN}"
            )
        with reading(self._place.name, SPECTRUM_INDEX):
            return unpack_index(self._place.results.read_arrays(key))

    def _check_ibd(self, store: Store, header: ImzmlHeader) -> None:
        """Compare what is cheap to compare: the size, and the UUID that an ibd begins with.

        Raises
        ------
        Gone
            If the ibd is missing or another file.
        """
        facts = store.facts(self._key)
        if facts is None:
            raise Gone(f"{self._name} is no longer there; put it back to see its spectra")
        if facts.n_bytes != self._n_bytes:
            raise Gone(
                f"{self._name} is another file than the one that was annotated: it has "
                f"{facts.n_bytes:,} bytes, not {self._n_bytes:,}"
            )
        # the same object in the same bucket needs no look inside
        if facts.etag == self._sources.ibd_etag or header.uuid is None:
            return
        if bytes(store.read_range(self._key, 0, _UUID_BYTES)).hex() != header.uuid:
            raise Gone(f"{self._name} is another file than the one that was annotated")
