"""What can be compared: runs, METASPACE's exports, and results of METASPACE's engine.

`read_side` reads any of them into a `Side`, a frame with the same columns whatever it came from.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ionbox.errors import NoResults, NotInResults
from ionbox.reading.annotation_frame import read_frame
from ionbox.reading.nearby import find_results
from ionbox.run import Run

KEY = ("formula", "chemMod", "neutralLoss", "adduct")
"""Columns that together name an ion."""

METRICS = ("msm", "fdr", "rhoSpatial", "rhoSpectral", "rhoChaos")
"""Columns that are compared; all run from 0 to 1."""

_CONTENT = re.compile("[0-9a-f]{32}")
"""How ionbox writes a dataset's identity, a hash of its content; METASPACE's looks different."""

_ADVICE = (
    "give a results folder, s3://BUCKET/results/DATASET/RUN, or a CSV: annotations.csv, an export "
    "of METASPACE, or results.csv of its engine"
)

_NAMED = 12  # columns that the message on a wrong table lists

_ENGINE_NAMES = {
    "chem_mod": "chemMod",
    "neutral_loss": "neutralLoss",
    "spatial": "rhoSpatial",
    "spectral": "rhoSpectral",
    "chaos": "rhoChaos",
    "moldb_id": "database",
}


@dataclass(frozen=True)
class DatasetNames:
    """Names and identities of the datasets that a table is about; empty if it does not say."""

    names: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()

    def differs_from(self, other: DatasetNames) -> bool:
        """Say whether two tables are certainly not about the same dataset.

        ionbox's identities are hashes of the data, so two of them settle it. METASPACE gives every
        upload a new one, so between its exports, or with one of them, only the name can tell.
        """
        if self.ids & other.ids:
            return False
        if self.ids and other.ids and all(map(_CONTENT.fullmatch, self.ids | other.ids)):
            return True
        return bool(self.names and other.names) and not self.names & other.names

    def __str__(self) -> str:
        named = ", ".join(sorted(self.names)) or "a dataset without a name"
        return f"{named} ({', '.join(sorted(self.ids))})" if self.ids else named


@dataclass(frozen=True)
class Side:
    """One of the two tables that are compared.

    Attributes
    ----------
    name : str
        The path or URL, as given.
    frame : pandas.DataFrame
        Columns `KEY`, ``database`` if the table has it, and `METRICS`; the best FDR first.
    dataset : DatasetNames
        Which dataset the annotations are of, as far as the table says.
    record : mapping
        The run record, as in ``run.json``; empty if the table is a CSV.
    """

    name: str
    frame: pd.DataFrame
    dataset: DatasetNames = field(default_factory=DatasetNames)
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def databases(self) -> set[str]:
        """Names of the databases in the table; empty if it has no such column."""
        return set(self.frame["database"]) if "database" in self.frame else set()


def read_side(
    place: str,
    database: str | None = None,
    *,
    profile: str | None = None,
    region: str | None = None,
) -> Side:
    """Read a table of annotations.

    Parameters
    ----------
    place : str
        A results folder, ``s3://BUCKET/results/DATASET/RUN``, or a CSV: ``annotations.csv``,
        METASPACE's export, or the engine's ``results.csv``.
    database : str, optional
        Only rows of one database; a table that does not name any is taken whole.
    profile, region : str, optional
        For a bucket: as in the AWS command line.

    Raises
    ------
    NoResults
        If there is no such table, it cannot be read, or columns are missing; the message says
        which, and what can be given.
    NotInResults
        If the table has no such database.
    UserMustAct
        For a bucket: if there are no AWS credentials, the login has expired, or no region is set.
    """
    path = Path(place).expanduser()
    record: Mapping[str, Any] = {}
    if path.is_file():
        frame = _read_csv(path)
        dataset = DatasetNames(_values("datasetName", frame), _values("datasetId", frame))
    else:
        run = _open(place, profile, region)
        frame, record = run.results().reset_index(), run.record
        dataset = DatasetNames(frozenset({run.name}), frozenset({str(record["dataset"]["id"])}))
    _require_columns(place, frame)
    if database is not None and "database" in frame:
        known = sorted(set(frame["database"]))
        if database not in known:
            raise NotInResults(f"{place} has no database '{database}'; it has {', '.join(known)}")
        frame = frame[frame["database"] == database]
    columns = [*KEY, *(["database"] if "database" in frame else []), *METRICS]
    rows = frame[columns].sort_values("fdr", kind="stable")
    return Side(os.fspath(place), rows, dataset, record)


def _open(place: str, profile: str | None, region: str | None) -> Run:
    if not place.startswith("s3://") and not Path(place).expanduser().exists():
        raise NoResults(f"there is no file or folder '{place}' here\n  {_ADVICE}")
    return Run(find_results(place, profile, region))


def _values(column: str, frame: pd.DataFrame) -> frozenset[str]:
    return frozenset(frame[column]) - {""} if column in frame else frozenset()


def _require_columns(place: str, frame: pd.DataFrame) -> None:
    missing = [name for name in (*KEY, *METRICS) if name not in frame]
    if not missing:
        return
    found = [str(name) for name in frame]
    tabs = "; it is separated by tabs, not by commas" if any("\t" in name for name in found) else ""
    found = [name for text in found for name in text.split("\t")]
    listed = ", ".join(found[:_NAMED]) + (", …" if len(found) > _NAMED else "")
    raise NoResults(
        f"{place} is no table of annotations: no column {', '.join(missing)}\n"
        f"  expected: {', '.join((*KEY, *METRICS))}, or the names of METASPACE's engine\n"
        f"  found: {listed or 'nothing'}{tabs}\n"
        f"  {_ADVICE}"
    )


def _read_csv(path: Path) -> pd.DataFrame:
    data = path.read_bytes()
    if not data.strip():
        raise NoResults(f"{path} is empty\n  {_ADVICE}")
    try:
        frame = read_frame(data)
    except ValueError as error:  # also the base of errors of UTF-8 and of pandas' parser
        raise NoResults(
            f"{path} cannot be read as a table: its lines are no rows of UTF-8 text, separated by "
            f"commas\n  {_ADVICE}"
        ) from error
    names = {old: new for old, new in _ENGINE_NAMES.items() if new not in frame}
    return frame.rename(columns=names)
