"""A CSV with a row per measured pixel and a column per ion, for R, spreadsheets and the like."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ionbox_science.csv_cells import guard_but_modifiers

from ionbox.exports.selection import select

if TYPE_CHECKING:
    from ionbox.results.description import Database
    from ionbox.results.measurement import RunMeasurement


def write(
    run: RunMeasurement, out: Path, fdr: float, database: Database | None, use_tic: bool
) -> int:
    """Write ``x``, ``y`` (pixels, from 0) and the intensities, with 6 significant digits.

    Rows are the measured pixels, from top left to bottom right. Memory does not grow with the
    dataset, but while the CSV is written, an unnamed file as large as all intensities lies in the
    same folder. Arguments and result are those of every format's ``write``.
    """
    selection = select(run, fdr, database, use_tic)
    column_x, row_y = run.pixel_positions
    rows, columns = np.nonzero(run.mask)
    x, y = column_x[columns].tolist(), row_y[rows].tolist()
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["x", "y", *map(guard_but_modifiers, selection.names)])
        places = zip(x, y, strict=True)
        for block in selection.pixels(out.parent):
            for row in block:
                writer.writerow([*next(places), *(f"{value:.6g}" for value in row.tolist())])
    return len(selection.ions)
