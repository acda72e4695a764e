"""A run, read piece by piece as it is looked at: bounded memory, whatever the run's size."""

from __future__ import annotations

import contextlib
import functools
import math
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from ionbox_cloud.errors import MissingObject
from ionbox_cloud.segments import SegmentReader
from ionbox_science.config import RunConfig
from ionbox_science.errors import InvalidFormula
from ionbox_science.explanations import (
    MeasuredIon,
    ScoredDatabase,
    measure_ion,
    parse_ion,
)
from ionbox_science.ion_images import Grid, window_bounds
from ionbox_science.ions import IonTable
from ionbox_science.scores import IonScores
from ionbox_science.why import explain

from ionbox.view.errors import BadQuestion, Gone, NotFound
from ionbox.view.further_rows import describe_further
from ionbox.view.ibd import IbdReader, Spectrum
from ionbox.view.images import ImageReader
from ionbox.view.places import ANNOTATE_AGAIN, Place
from ionbox.view.run_json import read_run

MAX_WINDOW_PEAKS = 20_000_000
"""Peaks of one m/z window: about half a gigabyte while they are read."""

_MAX_PPM = 1e5

Float32s = npt.NDArray[np.float32]


class RunReader:
    """Answers questions about one run; may be used by several threads.

    Parameters
    ----------
    place : Place
        Where results and data are.

    Raises
    ------
    NotFound
        If there is no run record.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        try:
            self.record: dict[str, Any] = place.results.read_json(place.key("run.json"))
        except MissingObject:
            raise NotFound(f"no results at {place.name}: there is no run.json") from None
        self.config = RunConfig.from_json(self.record["config"])
        self.images = ImageReader(place.results, place.key("ion_images.zarr"))
        self._ibd = IbdReader(place, self.record)
        self._lock = threading.RLock()

    def describe(self) -> dict[str, Any]:
        """Return the run as the page wants it.

        ``served`` says what can be asked besides: an empty sentence, or why not.
        """
        served = {
            "ppm": self.config.ppm,
            "anyMz": self.why_no_segments(),
            "spectrum": self.why_no_spectra(),
        }
        run = read_run(self._place)
        if run.get("omitted", {}).get("annotations"):
            run["annotations"] += self._further_rows(len(run["annotations"]))
            run["omitted"]["annotations"] = 0
        return {**run, "served": served}

    def _further_rows(self, n_known: int) -> list[dict[str, Any]]:
        table = self._place.results.read(self._place.key("annotations.csv"))
        scored = {name: functools.partial(self._scored, name) for name in self.database_names()}
        return describe_further(n_known, table, self.config, scored, self.images)

    # --- any m/z ---

    def any_mz(self, mz: float, ppm: float | None = None) -> Float32s:
        """Return the image of an m/z window: (height, width) float32.

        Parameters
        ----------
        mz : float
            Its middle.
        ppm : float, optional
            Its half width; that of the run if not given.

        Raises
        ------
        BadQuestion
            If a number makes no sense, or the window holds too many peaks.
        Gone
            If the sorted peaks are not there any more.
        """
        ppm = self.config.ppm if ppm is None else ppm
        if not (math.isfinite(mz) and mz > 0):
            raise BadQuestion(f"m/z: expected a number above 0, got {mz}")
        if not (math.isfinite(ppm) and 0 < ppm <= _MAX_PPM):
            raise BadQuestion(f"ppm: expected a number above 0, at most {_MAX_PPM:g}, got {ppm}")
        with self._segments() as segments:
            n_peaks = segments.count_peaks(*window_bounds(np.array([mz]), ppm))
            if n_peaks > MAX_WINDOW_PEAKS:
                raise BadQuestion(
                    f"about {n_peaks:,} peaks lie in that window; give a narrower one"
                )
            return segments.read_image(mz, ppm, self.images.mask)

    def why_no_segments(self) -> str:
        """Return why there can be no image of any m/z; empty if there can."""
        try:
            with self._segments():
                return ""
        except Gone as error:
            return str(error)

    @contextlib.contextmanager
    def _segments(self) -> Iterator[SegmentReader]:
        """Open the sorted peaks, and say it plainly where they, or parts of them, are gone."""
        store, missing = self._place.segments.store, self._place.segments.missing
        if store is None:
            raise Gone(missing)
        try:
            yield self._segment_reader()
        except MissingObject:
            raise Gone(
                "the dataset's sorted peaks have expired or were deleted; " + ANNOTATE_AGAIN
            ) from None

    def _segment_reader(self) -> SegmentReader:
        with self._lock:
            return self._kept_segment_reader

    @functools.cached_property
    def _kept_segment_reader(self) -> SegmentReader:
        store = self._place.segments.store
        if store is None or "segments_id" not in self.record:
            raise Gone(f"these results are of an older version; {ANNOTATE_AGAIN}")
        return SegmentReader(store, self.record["segments_id"])

    # --- one spectrum ---

    def spectrum(self, x: int, y: int) -> Spectrum:
        """Return the spectrum of a pixel: column and row in the images, from 0.

        Raises
        ------
        NotFound
            If there is no such pixel, or nothing was measured there.
        Gone
            If the ibd is not there any more, or is another.
        """
        height, width = self.images.mask.shape
        if not (0 <= x < width and 0 <= y < height):
            raise NotFound(f"there is no pixel {x}, {y}: images have {width} x {height} pixels")
        return self._ibd.read(x, y, float(self.images.tic[y, x]))

    def why_no_spectra(self) -> str:
        """Return why no spectrum can be read; empty if they can."""
        try:
            self._ibd.check()
        except Gone as error:
            return str(error)
        return ""

    # --- why, or why not ---

    def database_names(self) -> list[str]:
        """Return the names of the run's databases."""
        return [database["name"] for database in self.record["databases"]]

    def why(
        self,
        formula: str,
        adduct: str,
        neutral_loss: str = "",
        chem_mod: str = "",
        database: str = "",
    ) -> list[dict[str, Any]]:
        """Say why an ion is annotated or not, once per database.

        Raises
        ------
        BadQuestion
            If the ion cannot be read.
        NotFound
            If the run has no such database.
        """
        try:
            asked = parse_ion(formula, adduct, neutral_loss, chem_mod)
        except InvalidFormula as error:
            raise BadQuestion(str(error)) from None
        names = self.database_names()
        if database and database not in names:
            raise NotFound(f"this run has no database '{database}', only {', '.join(names)}")
        dataset = self.record["dataset"]
        mz_range = (dataset["mz_min"], dataset["mz_max"]) if "mz_min" in dataset else None
        measure = None if self.why_no_segments() else self._measure
        return [
            explain(asked, self._scored(name), self.config, mz_range, measure).to_json()
            for name in ([database] if database else names)
        ]

    def _measure(self, mz: npt.NDArray[np.float64], abundance: Float32s) -> MeasuredIon:
        with self._segments() as segments:
            peaks = segments.read(*window_bounds(mz[mz > 0], self.config.ppm))
            grid, options = Grid(self.images.mask), self.config.image_options
            return measure_ion(peaks, mz, abundance, grid, options, segments.mz_range)

    def _scored(self, name: str) -> ScoredDatabase:
        with self._lock:
            return self._read_scored(name)

    @functools.lru_cache(maxsize=2)  # noqa: B019 (a reader lives as long as its command)
    def _read_scored(self, name: str) -> ScoredDatabase:
        arrays = self._place.results.read_arrays(self._place.key(f"diagnostics/{name}.npz"))
        return ScoredDatabase(
            name,
            IonTable.from_arrays(_below("ions_", arrays)),
            IonScores.from_arrays(_below("scores_", arrays)),
            arrays["fdr"],
        )


def _below(prefix: str, arrays: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
