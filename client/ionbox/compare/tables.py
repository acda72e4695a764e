"""What can be compared: runs, METASPACE's exports, and results of METASPACE's engine."""

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
METRICS = ("msm", "fdr", "rhoSpatial", "rhoSpectral", "rhoChaos")

_CONTENT = re.compile("[0-9a-f]{32}")
"""How ionbox writes a dataset's identity."""

_ADVICE = (
    "give a results folder, s3://BUCKET/results/DATASET/RUN, or a CSV: annotations.csv, an export "
    "of METASPACE, or results.csv of its engine"
)

_NAMED = 12  # columns

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

        Identities of ionbox are hashes of the data, wherever it lies, so they settle it; METASPACE
        numbers what is uploaded, so that only the name can tell.
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
    """One of two tables.

    Attributes
    ----------
    name : str
        As given.
    frame : pandas.DataFrame
        `KEY`, ``database`` if the table has it, and `METRICS`.
    dataset : DatasetNames
        Which dataset they are annotations of, as far as the table says.
    record : mapping
        The run record; empty if it is no run.
    """

    name: str
    frame: pd.DataFrame
    dataset: DatasetNames = field(default_factory=DatasetNames)
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def databases(self) -> set[str]:
        """Names of its databases; empty if it does not say."""
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
        For a bucket.

    Raises
    ------
    NoResults
        If there is no such table, or columns are missing.
    NotInResults
        If it has no such database.
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
    except ValueError as error:  # of UTF-8 and of pandas' parser, too
        raise NoResults(
            f"{path} cannot be read as a table: its lines are no rows of UTF-8 text, separated by "
            f"commas\n  {_ADVICE}"
        ) from error
    names = {old: new for old, new in _ENGINE_NAMES.items() if new not in frame}
    return frame.rename(columns=names)
