"""Rows of a run's table with the types that pandas does not know."""

from __future__ import annotations

from typing import Any

import pandas as pd


def ion_of(row: pd.Series[Any]) -> tuple[str, str]:
    """Formula and adduct of a row, which are its name."""
    name: Any = row.name
    formula, adduct = name
    return formula, adduct


def records_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as values by column; the index is left out."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
