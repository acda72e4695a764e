"""A CSV with a row per measured pixel and a column per ion."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ionbox_science.csv_cells import guard_but_modifiers

from ionbox.exports.selection import select

if TYPE_CHECKING:
    from ionbox.results.data import RunData
    from ionbox.results.facts import Database


def write(run: RunData, out: Path, fdr: float, database: Database | None, use_tic: bool) -> int:
    """Write ``x``, ``y`` and the intensities, with 6 significant digits.

    Rows are those of the mask, from top left to bottom right. Memory does not grow with the
    dataset; while it is written, a file of the intensities lies beside it.
    """
    selection = select(run, fdr, database, use_tic)
    y, x = (places.tolist() for places in np.nonzero(run.mask))
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["x", "y", *map(guard_but_modifiers, selection.names)])
        places = zip(x, y, strict=True)
        for block in selection.pixels(out.parent):
            for row in block:
                writer.writerow([*next(places), *(f"{value:.6g}" for value in row.tolist())])
    return len(selection.ions)
