"""A run, read piece by piece as it is looked at: bounded memory, whatever the run's size.

`RunReader` adds to `MeasuredData` (images, any m/z, spectra) what only the viewer and ``ionbox
why`` ask: the run as the page wants it, and why an ion is annotated or not.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from ionbox_cloud.published import COLOCALIZATION, RECORD, TABLE, diagnostics
from ionbox_cloud.records.run_record import RunRecord
from ionbox_cloud.report.report_file import read_partners
from ionbox_cloud.stored.annotations import unpack_diagnostics
from ionbox_science.annotation.explanations import (
    MeasuredIon,
    ScoredDatabase,
    measure_ion,
    parse_ion,
)
from ionbox_science.annotation.why import explain
from ionbox_science.errors import InvalidFormula
from ionbox_science.scoring.ion_images import Grid, window_bounds
from ionbox_science.scoring.recalibration import Recalibration

from ionbox.errors import BadQuestion, Gone, NotFound
from ionbox.reading.damage import read_record, reading, require_listed
from ionbox.reading.measured_data import MeasuredData
from ionbox.reading.place import Place
from ionbox.view.further_rows import describe_further
from ionbox.view.run_of_report import read_run

Float32s = npt.NDArray[np.float32]

T = TypeVar("T")


class RunReader(MeasuredData):
    """Answers questions about one run; may be used by several threads.

    Parameters
    ----------
    place : Place
        Where results and data are.

    Raises
    ------
    NotFound
        If the place has no run record.
    NoResults
        If the record is damaged (as `DamagedResults`), or a newer ionbox wrote it.
    """

    def __init__(self, place: Place) -> None:
        if not place.results.exists(place.key(RECORD)):
            raise NotFound(f"no results at {place.name}: there is no {RECORD}")
        self.record = _read_record(place)
        self.config = self.record.config
        super().__init__(place, self.record)

    def describe(self) -> dict[str, Any]:
        """Return the run as the page wants it.

        All annotations are in it, also those that the report has no room for. ``served`` says what
        can be asked besides: under ``anyMz`` and ``spectrum`` an empty text, or why not.

        Raises
        ------
        Gone
            If there is no report, or it cannot be read.
        """
        served = {
            "ppm": self.config.ppm,
            "anyMz": self.why_no_segments(),
            "spectrum": self.why_no_spectra(),
        }
        run = read_run(self._place, self.record.files)
        if run.get("omitted", {}).get("annotations"):
            run["annotations"] += self._further_rows(len(run["annotations"]))
            run["omitted"]["annotations"] = 0
        return {**run, "served": served}

    def _further_rows(self, n_known: int) -> list[dict[str, Any]]:
        table = self._read(TABLE, self._read_listed_table)
        scored = {name: functools.partial(self._scored, name) for name in self.database_names()}
        read = functools.partial(read_partners, self._place.results)
        partners = self._read(COLOCALIZATION, read)
        return describe_further(n_known, table, self.config, scored, self.images, partners)

    def _read_listed_table(self, key: str) -> bytes:
        return require_listed(self._place.results.read(key), TABLE, self.record.files)

    def require_unchanged(self) -> None:
        """Refuse to mix two runs in one page.

        A local folder may get the results of another run while the viewer is open. In a bucket each
        run has a key of its own, so nothing is asked.

        Raises
        ------
        Gone
            If the folder has the results of another run by now; start ``ionbox view`` again.
        """
        place = self._place
        if not place.results.is_remote and _read_record(place).run_id != self.record.run_id:
            raise Gone(
                f"{place.name} has the results of another run by now; start 'ionbox view' again"
            )

    # --- why, or why not ---

    def database_names(self) -> list[str]:
        """Return the names of the run's databases."""
        return [database.name for database in self.record.databases]

    def why(
        self,
        formula: str,
        adduct: str | None = None,
        neutral_loss: str = "",
        chem_mod: str = "",
        database: str = "",
    ) -> list[dict[str, Any]]:
        """Say why an ion is annotated or not, once per database.

        Parameters
        ----------
        formula : str
            Formula of the molecule.
        adduct : str or None
            As ``+H``, ``M+H`` or ``[M]+``; None for each adduct of the run.
        neutral_loss, chem_mod : str
            Neutral loss and chemical modification; empty for none.
        database : str
            Name of one of the run's databases; empty for each.

        Returns
        -------
        list of dict
            An answer per adduct and database: ``verdict``, a sentence, and ``findings``, each with
            ``topic``, ``holds`` (True, False or None) and ``sentence``.

        Raises
        ------
        BadQuestion
            If the ion cannot be read.
        NotFound
            If the run has no such database.
        """
        try:
            adducts = self.config.adducts if adduct is None else [adduct]
            asked = [parse_ion(formula, each, neutral_loss, chem_mod) for each in adducts]
        except InvalidFormula as error:
            raise BadQuestion(str(error)) from None
        names = self.database_names()
        if database and database not in names:
            raise NotFound(f"this run has no database '{database}', only {', '.join(names)}")
        mz_range = self.record.dataset.mz_range
        measure = None if self.why_no_segments() else self._measure
        return [
            explain(ion, self._scored(name), self.config, mz_range, measure).to_json()
            for ion in asked
            for name in ([database] if database else names)
        ]

    def _measure(self, mz: npt.NDArray[np.float64], abundance: Float32s) -> MeasuredIon:
        with self.open_segments() as segments:
            mz = _recalibration_of(self.record).place(mz)
            peaks = segments.read(*window_bounds(mz[mz > 0], self.config.ppm))
            grid, options = Grid(self.images.mask), self.config.image_options
            return measure_ion(peaks, mz, abundance, grid, options, segments.mz_range)

    def _scored(self, name: str) -> ScoredDatabase:
        with self._lock:
            return self._read_scored(name)

    # kept, since who asks about one ion soon asks about another; few, since databases may be large
    @functools.lru_cache(maxsize=2)  # noqa: B019 (a reader lives as long as its command)
    def _read_scored(self, name: str) -> ScoredDatabase:
        def read(key: str) -> ScoredDatabase:
            return unpack_diagnostics(name, self._place.results.read_arrays(key))

        return self._read(diagnostics(name), read)

    def _read(self, name: str, read: Callable[[str], T]) -> T:
        """Read a file of the results with a function that takes its key.

        Raises
        ------
        DamagedResults
            If it is missing, or cannot be read as what it should be.
        """
        with reading(self._place.name, name):
            return read(self._place.key(name))


def _recalibration_of(record: RunRecord) -> Recalibration:
    """Return the line by which the run moved its windows."""
    found = record.recalibration
    if found is None:
        return Recalibration()
    return Recalibration(
        found.offset_ppm, found.slope_ppm, found.mz_min, found.mz_max, found.n_calibrants
    )


def _read_record(place: Place) -> RunRecord:
    with reading(place.name, RECORD):
        document = place.results.read_json(place.key(RECORD))
    return read_record(document, place.name)
