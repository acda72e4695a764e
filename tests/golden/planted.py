"""The made-up dataset that the expected annotations belong to, and the tables of this folder.

Without what `make` needs, whose import takes longer than annotating this dataset.
"""

from __future__ import annotations

import csv
from pathlib import Path

from tests.builders import Dataset, plant_dataset

GOLDEN = Path(__file__).parent

SIGMA = 0.000619
ADDUCTS = ("+H", "+Na", "+K")
FORMULAS = (
    *("C10H17N", "C10H8O", "C18H32O3", "C18H34O2", "C19H18N2O7S2", "C21H27ClN2O2"),
    *("C24H48NO7P", "C25H45NO", "C26H46NO7P", "C45H78NO8P", "C5H10O2", "C6H12O6"),
)
N_DECOYS = 3


def read_planted() -> Dataset:
    """Build the dataset that the expected annotations belong to."""
    rows = read_rows("planted_ions.csv")
    return plant_dataset(
        (
            [float(row[f"mz_{k}"]) for k in range(4)],
            [float(row[f"abundance_{k}"]) for k in range(4)],
            (float(row["y"]), float(row["x"]), float(row["radius"]), float(row["noise"])),
        )
        for row in rows
    )


def read_rows(name: str) -> list[dict[str, str]]:
    """Read a table of this folder; lines with # say where it comes from."""
    with (GOLDEN / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))
