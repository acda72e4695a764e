"""What can be compared: runs, METASPACE's exports, and results of METASPACE's engine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ionbox.annotation_frame import read_frame
from ionbox.run import open as open_run
from ionbox.run_errors import NoResults, NotInResults

KEY = ("formula", "chemMod", "neutralLoss", "adduct")
METRICS = ("msm", "fdr", "rhoSpatial", "rhoSpectral", "rhoChaos")

_ENGINE_NAMES = {
    "chem_mod": "chemMod",
    "neutral_loss": "neutralLoss",
    "spatial": "rhoSpatial",
    "spectral": "rhoSpectral",
    "chaos": "rhoChaos",
    "moldb_id": "database",
}


@dataclass(frozen=True)
class Side:
    """One of two tables.

    Attributes
    ----------
    name : str
        As given.
    frame : pandas.DataFrame
        `KEY`, ``database`` if the table has it, and `METRICS`.
    """

    name: str
    frame: pd.DataFrame

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
    if path.is_file():
        frame = _read_csv(path)
    else:
        results = open_run(place, profile=profile, region=region).results()
        frame = results.reset_index()
    missing = [name for name in (*KEY, *METRICS) if name not in frame]
    if missing:
        raise NoResults(
            f"{place}: no column {', '.join(missing)}; expected annotations.csv, an export of "
            "METASPACE, or results of its engine"
        )
    if database is not None and "database" in frame:
        known = sorted(set(frame["database"]))
        if database not in known:
            raise NotInResults(f"{place} has no database '{database}'; it has {', '.join(known)}")
        frame = frame[frame["database"] == database]
    columns = [*KEY, *(["database"] if "database" in frame else []), *METRICS]
    return Side(os.fspath(place), frame[columns].sort_values("fdr", kind="stable"))


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        frame = read_frame(path.read_bytes())
    except (UnicodeDecodeError, ValueError) as error:
        raise NoResults(f"{path}: cannot be read as CSV ({error})") from error
    names = {old: new for old, new in _ENGINE_NAMES.items() if new not in frame}
    return frame.rename(columns=names)
