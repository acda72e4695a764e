"""What a run was: its dataset, settings and databases."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ionbox_cloud.published import TABLE
from ionbox_cloud.run_record import RunRecord
from ionbox_science.errors import InvalidConfig

from ionbox.errors import NotInResults
from ionbox.reading.annotation_frame import read_frame
from ionbox.reading.folder import ResultsFolder
from ionbox.results.filters import check_fdr

if TYPE_CHECKING:
    import pandas as pd

_NEEDED = (
    *("database", "formula", "chemMod", "neutralLoss", "adduct", "ion", "mz", "msm", "fdr"),
    *("rhoChaos", "maxIntensity", "moleculeNames", "moleculeIds"),
)

Database = str | tuple[str, str]
"""A database: its name, or name and version."""


@dataclass(frozen=True)
class RunDatabase:
    """A database as a run knows it.

    Attributes
    ----------
    name : str
        That of its file, without the extension.
    id : str
        Checksum of the file's content.
    n_molecules, n_skipped : int
        Rows that were read, and bad ones that were left out.
    n_annotations : int
        Rows that the run's table has of it.
    version : str or None
        None where the run does not know one: tables of molecules say none.
    """

    name: str
    id: str
    n_molecules: int
    n_skipped: int
    n_annotations: int
    version: str | None = None


class RunFacts:
    """Facts; a part of `ionbox.run.Run`.

    Parameters
    ----------
    folder : ResultsFolder
        The files of the run.
    """

    def __init__(self, folder: ResultsFolder) -> None:
        self._folder = folder

    def __repr__(self) -> str:
        return f"Run({self.name} | {self._folder.place})"

    # --- what the run was ---

    @property
    def record(self) -> dict[str, Any]:
        """``run.json``: everything that is known of the run."""
        return copy.deepcopy(self._folder.document)

    @property
    def _record(self) -> RunRecord:
        return self._folder.record

    @property
    def id(self) -> str:
        """Identity of the run: equal for equal input, settings and version."""
        return self._record.run_id

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return self._record.dataset.name

    @property
    def config(self) -> dict[str, Any]:
        """The settings with which the run was made, defaults included.

        Examples
        --------
        >>> import ionbox
        >>> ionbox.open("results").config["polarity"]
        'positive'
        """
        return copy.deepcopy(dict(self._folder.document["config"]))

    @property
    def metadata(self) -> dict[str, Any]:
        """What is known of the dataset: size, spectra, peaks, checksums."""
        return copy.deepcopy(dict(self._folder.document["dataset"]))

    @property
    def status(self) -> str:
        """``FINISHED``, as METASPACE says it: a run that can be opened is."""
        return "FINISHED"

    @property
    def database_details(self) -> list[RunDatabase]:
        """What is known of the databases, in the order of the run.

        Examples
        --------
        >>> import ionbox
        >>> [(each.name, each.n_molecules) for each in ionbox.open("results").database_details]
        [('acids', 240), ('waxes', 304)]
        """
        return [
            RunDatabase(
                name=known.name,
                id=known.content_id,
                n_molecules=known.n_molecules,
                n_skipped=known.n_skipped,
                n_annotations=known.n_annotations,
                version=known.version,
            )
            for known in self._record.databases
        ]

    @property
    def databases(self) -> list[str]:
        """Names of the databases, in the order of the run."""
        return [database.name for database in self._record.databases]

    @property
    def adducts(self) -> list[str]:
        """Adducts that were looked for."""
        return list(self._record.config.adducts)

    @property
    def polarity(self) -> str:
        """``Positive`` or ``Negative``."""
        return self._record.config.polarity.capitalize()

    @property
    def _sign(self) -> str:
        return "+" if self._record.config.polarity == "positive" else "-"

    @functools.cached_property
    def _table(self) -> pd.DataFrame:
        data = self._folder.read(TABLE)
        with self._folder.reading(TABLE):
            frame = read_frame(data)
            missing = [name for name in _NEEDED if name not in frame]
            if missing:
                raise ValueError(f"no column {', '.join(missing)}")
        return frame

    def _find_database(self, database: Database) -> str:
        """Return the name of a database; a version is compared where the run knows one."""
        name, version = (database, None) if isinstance(database, str) else _as_pair(database)
        known = {each.name: each.version for each in self._record.databases}
        if name not in known:
            raise NotInResults(
                f"{self._folder.place} has no database '{name}'; it has {', '.join(known)}"
            )
        if version and known[name] and str(known[name]) != version:
            raise NotInResults(
                f"{self._folder.place} has '{name}' of version {known[name]}, not {version}"
            )
        return name

    def _select(self, database: Database | None, fdr: float | None) -> pd.DataFrame:
        """Return rows of the table, the best FDR first."""
        check_fdr(fdr)
        frame = self._table
        if database is not None:
            frame = frame[frame["database"] == self._find_database(database)]
        return frame if fdr is None else frame[frame["fdr"] <= fdr]


def _as_pair(database: object) -> tuple[str, str]:
    if isinstance(database, tuple) and len(database) == 2 and isinstance(database[0], str):
        return database[0], str(database[1])
    raise InvalidConfig(f"database: expected a name, or a name and a version, got {database!r}")
