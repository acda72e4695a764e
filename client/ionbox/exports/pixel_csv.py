"""A CSV with a row per measured pixel and a column per ion."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ionbox.csv_cells import guard
from ionbox.exports.selection import select

if TYPE_CHECKING:
    from ionbox.run import Run
    from ionbox.run_facts import Database


def write(run: Run, out: Path, fdr: float, database: Database | None, use_tic: bool) -> int:
    """Write ``x``, ``y`` and the intensities, with 6 significant digits.

    Rows are those of the mask, from top left to bottom right. Memory does not grow with the
    dataset: so many rows of pixels are read at a time as fit.
    """
    selection = select(run, fdr, database, use_tic)
    incoming = out.with_name(f".{out.name}.incoming")
    with incoming.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["x", "y", *map(guard, selection.names)])
        for first, strip in selection.strips():
            rows, columns = np.nonzero(run.mask[first : first + strip.shape[1]])
            for y, x in zip(rows.tolist(), columns.tolist(), strict=True):
                values = (f"{value:.6g}" for value in strip[:, y, x].tolist())
                writer.writerow([x, first + y, *values])
    incoming.replace(out)
    return len(selection.ions)
