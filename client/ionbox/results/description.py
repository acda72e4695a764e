"""What a run was: its dataset, settings and databases, as ``run.json`` says it.

`RunDescription` also keeps what the classes on top of it share: the files (``_folder``), the table
of annotations (``_table``) and how rows of it are chosen by database and FDR (``_select``).
"""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ionbox_cloud.published import TABLE
from ionbox_cloud.records.run_record import RunRecord
from ionbox_science.errors import InvalidConfig

from ionbox.errors import NotInResults
from ionbox.reading.annotation_frame import read_frame
from ionbox.reading.folder import ResultsFolder
from ionbox.results.filters import check_fdr

if TYPE_CHECKING:
    import pandas as pd

# columns of annotations.csv that members of Run read; others may be missing
_NEEDED = (
    *("database", "formula", "chemMod", "neutralLoss", "adduct", "ion", "mz", "msm", "fdr"),
    *("rhoChaos", "maxIntensity", "moleculeNames", "moleculeIds"),
)

Database = str | tuple[str, str]
"""How callers name a database: by its name, or by name and version as METASPACE's client does."""


@dataclass(frozen=True)
class RunDatabase:
    """A database as a run knows it; made by `Run.database_details`.

    Attributes
    ----------
    name : str
        Name of its file, without the extension.
    id : str
        Checksum of the file's content.
    n_molecules, n_skipped : int
        Rows that were read, and bad rows that were left out.
    n_annotations : int
        Rows of ``annotations.csv`` that are of this database.
    version : str or None
        None if the run does not know it; a table of molecules has no version.
    """

    name: str
    id: str
    n_molecules: int
    n_skipped: int
    n_annotations: int
    version: str | None = None


class RunDescription:
    """The part of `ionbox.run.Run` that says what the run was.

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
        """All of ``run.json`` as a dict, a copy; ``docs/results.md`` describes its fields."""
        return copy.deepcopy(self._folder.document)

    @property
    def _record(self) -> RunRecord:
        return self._folder.record

    @property
    def id(self) -> str:
        """Identity of the run, a hash: equal for equal data, databases, settings and version.

        That of the data alone is ``metadata["id"]``, the column ``datasetId``.
        """
        return self._record.run_id

    @property
    def name(self) -> str:
        """Name of the dataset, that of the imzML without its ending."""
        return self._record.dataset.name

    @property
    def config(self) -> dict[str, Any]:
        """The settings with which the run was made, defaults included; a copy.

        Examples
        --------
        >>> import ionbox
        >>> ionbox.open("results").config["polarity"]
        'positive'
        """
        return copy.deepcopy(dict(self._folder.document["config"]))

    @property
    def metadata(self) -> dict[str, Any]:
        """What ``run.json`` says of the dataset: id, size, spectra, peaks, checksums; a copy.

        ``docs/results.md`` lists the fields with their units.
        """
        return copy.deepcopy(dict(self._folder.document["dataset"]))

    @property
    def status(self) -> str:
        """``FINISHED``, as METASPACE says it: a run that can be opened is."""
        return "FINISHED"

    @property
    def database_details(self) -> list[RunDatabase]:
        """Name, checksum and counts of each database, in the order of the run.

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
        """Adducts that were looked for, as ``+H``."""
        return list(self._record.config.adducts)

    @property
    def polarity(self) -> str:
        """``Positive`` or ``Negative``, with a capital as METASPACE writes it."""
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
        """Return the name of a database that the run has.

        A version is compared only where the run knows one, so that METASPACE's ``("HMDB", "v4")``
        also finds a plain table of that name.
        """
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
        """Return rows of the table by database and FDR, in the file's order: the best FDR first."""
        check_fdr(fdr)
        frame = self._table
        if database is not None:
            frame = frame[frame["database"] == self._find_database(database)]
        return frame if fdr is None else frame[frame["fdr"] <= fdr]


def _as_pair(database: object) -> tuple[str, str]:
    if isinstance(database, tuple) and len(database) == 2 and isinstance(database[0], str):
        return database[0], str(database[1])
    raise InvalidConfig(f"database: expected a name, or a name and a version, got {database!r}")
