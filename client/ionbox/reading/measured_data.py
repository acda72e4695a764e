"""What was measured, besides the images of annotated ions: any m/z, and spectra of pixels.

`MeasuredData` takes a `Place` and reads the dataset's sorted peaks and its ibd, if they are still
there; the viewer's `RunReader` is built on it, `Run.mz_image` and `Run.spectrum` ask it. Checks of
what is asked are here, so that a page and a script get the same sentences.
"""

from __future__ import annotations

import contextlib
import functools
import math
import threading
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from ionbox_cloud.errors import DamagedObject, MissingObject
from ionbox_cloud.published import IMAGES
from ionbox_cloud.records.run_record import RunRecord
from ionbox_cloud.stored.segments import SegmentReader
from ionbox_science.scoring.ion_images import window_bounds

from ionbox.argument_checks import is_number, is_whole
from ionbox.errors import BadQuestion, Gone, NotFound
from ionbox.reading.image_group import ImageGroup
from ionbox.reading.place import ANNOTATE_AGAIN, Place
from ionbox.reading.spectra import IbdReader, Spectrum

MAX_WINDOW_PEAKS = 20_000_000
"""Peaks of one m/z window at most: about half a gigabyte while they are read."""

_MAX_PPM = 1e5  # a tenth of the m/z

Float32s = npt.NDArray[np.float32]


class MeasuredData:
    """Reads a run's sorted peaks and its ibd; may be used by several threads.

    Parameters
    ----------
    place : Place
        Where results and data are.
    record : RunRecord
        What the run was.
    """

    def __init__(self, place: Place, record: RunRecord) -> None:
        self._place = place
        self._record = record
        self._ibd = IbdReader(place, record)
        self._lock = threading.RLock()

    @functools.cached_property
    def images(self) -> ImageGroup:
        """The images of annotated ions, the total ion current and the mask.

        Raises
        ------
        DamagedResults
            If parts of them are missing.
        """
        place = self._place
        images = ImageGroup(place.results, place.key(IMAGES), place.name)
        images.require_whole()
        return images

    # --- any m/z ---

    def mz_image(self, mz: float, ppm: float | None = None) -> Float32s:
        """Return the image of an m/z window: (height, width) float32, counts.

        Parameters
        ----------
        mz : float
            m/z in the middle of the window.
        ppm : float, optional
            Half width of the window, in millionths of ``mz``; that of the run if not given.

        Raises
        ------
        BadQuestion
            If ``mz`` or ``ppm`` is not a finite number above 0, ``ppm`` is more than a tenth of the
            m/z, or the window holds more than `MAX_WINDOW_PEAKS` peaks.
        Gone
            If the sorted peaks are not there any more.
        """
        ppm = self._record.config.ppm if ppm is None else ppm
        if not is_number(mz):
            raise BadQuestion(f"m/z: expected a number above 0, got {mz!r}")
        if not is_number(ppm):
            raise BadQuestion(f"ppm: expected a number above 0, got {ppm!r}")
        if not (math.isfinite(mz) and mz > 0):
            raise BadQuestion(f"m/z: expected a number above 0, got {mz}")
        if not (math.isfinite(ppm) and 0 < ppm <= _MAX_PPM):
            raise BadQuestion(f"ppm: expected a number above 0, at most {_MAX_PPM:g}, got {ppm}")
        with self.open_segments() as segments:
            # from the segments' indices, before anything is read that may not fit into memory
            n_peaks = segments.count_peaks(*window_bounds(np.array([mz]), ppm))
            if n_peaks > MAX_WINDOW_PEAKS:
                raise BadQuestion(
                    f"about {n_peaks:,} peaks lie in that window; give a narrower one"
                )
            return segments.read_image(mz, ppm, self.images.mask)

    def why_no_segments(self) -> str:
        """Return a sentence on why no image of any m/z can be made; empty if it can."""
        try:
            with self.open_segments():
                return ""
        except Gone as error:
            return str(error)

    @contextlib.contextmanager
    def open_segments(self) -> Iterator[SegmentReader]:
        """Open the sorted peaks for a block that reads them.

        Raises
        ------
        Gone
            If they, or the parts that the block reads, are not there any more or damaged.
        """
        store, missing = self._place.segments.store, self._place.segments.missing
        if store is None:
            raise Gone(missing)
        try:
            yield self._segment_reader()
        except MissingObject:
            raise Gone(
                "the dataset's sorted peaks have expired or were deleted; " + ANNOTATE_AGAIN
            ) from None
        except DamagedObject as error:
            raise Gone(
                f"the dataset's sorted peaks cannot be used: {error}. Delete it, then "
                f"{ANNOTATE_AGAIN}"
            ) from None

    def _segment_reader(self) -> SegmentReader:
        with self._lock:  # cached_property has no lock: two threads would both read the manifest
            return self._kept_segment_reader

    @functools.cached_property
    def _kept_segment_reader(self) -> SegmentReader:
        store = self._place.segments.store
        if store is None or not self._record.segments_id:
            raise Gone(f"these results are of an older version; {ANNOTATE_AGAIN}")
        return SegmentReader(store, self._record.segments_id)

    # --- one spectrum ---

    def spectrum(self, x: int, y: int) -> Spectrum:
        """Return the spectrum of a pixel.

        Parameters
        ----------
        x, y : int
            Column and row in the images, from 0.

        Raises
        ------
        BadQuestion
            If column or row is not a whole number.
        NotFound
            If there is no such pixel, or nothing was measured there.
        Gone
            If the ibd is not there any more, or is not the one that was annotated.
        """
        for name, value in (("x", x), ("y", y)):
            if not is_whole(value):
                raise BadQuestion(f"{name}: expected a whole number, got {value!r}")
        height, width = self.images.mask.shape
        if not (0 <= x < width and 0 <= y < height):
            raise NotFound(f"there is no pixel {x}, {y}: images have {width} x {height} pixels")
        return self._ibd.read(int(x), int(y), float(self.images.tic[y, x]))

    def why_no_spectra(self) -> str:
        """Return a sentence on why no spectrum can be read; empty if they can."""
        try:
            self._ibd.check()
        except Gone as error:
            return str(error)
        return ""
