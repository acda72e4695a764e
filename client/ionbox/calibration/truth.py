"""What was planted and what was found: how many annotations are wrong, how many ions are missed.

An annotation is right if its ion formula was planted, by whatever molecule: no measurement of m/z
and images tells a molecule from another of the same ion formula. Of the wrong ones some are *kin*
of a planted ion: its isobars, or isotopologues, whose first m/z window takes in a peak of it.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from ionbox_science.theory.formulas import build_ion_formula, join_modifier, plain_adduct
from ionbox_science.theory.isotope_model import IsotopeModel
from ionbox_science.theory.isotope_patterns import generate_patterns

from ionbox.simulation.section import TARGET

LEVELS = (0.05, 0.1, 0.2)
"""Claimed FDR at which it is looked at."""

FDR_ALONE = "fdrAlone"
"""Column of ``annotations.csv`` with the FDR without competition, where a run had any."""


@dataclass(frozen=True)
class Truth:
    """What was planted.

    Attributes
    ----------
    ions : frozenset of str
        Ion formulas, of all kinds of ions.
    seen : frozenset of str
        Those of the database's molecules that any pixel shows.
    peaks : (n_peaks,) float64
        m/z of all isotope peaks of all planted ions, ascending.
    line : (n_ions, 2) float64
        m/z, Da, of the ions that are seen, and how far the instrument's line is off there, ppm;
        empty where the table does not say so.
    """

    ions: frozenset[str]
    seen: frozenset[str]
    peaks: npt.NDArray[np.float64]
    line: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))


@dataclass(frozen=True)
class Annotation:
    """A row of ``annotations.csv``, as far as it matters here.

    Attributes
    ----------
    ion : str
        Ion formula.
    mz : float
        Theoretical, of its first isotope peak.
    fdr : float
        As claimed.
    fdr_alone : float or None
        The same without competition; None if the table does not say so.
    """

    ion: str
    mz: float
    fdr: float
    fdr_alone: float | None = None


@dataclass(frozen=True)
class Counts:
    """How many annotations there are up to an FDR, and how many are not right.

    Attributes
    ----------
    n : int
        Annotations.
    n_wrong : int
        Those whose ion formula was not planted.
    n_kin : int
        Those of the wrong ones that are isobars or isotopologues of a planted ion.
    n_found, n_seen : int
        Planted ions of the database's molecules that are annotated, and that can be seen.
    """

    n: int
    n_wrong: int
    n_kin: int
    n_found: int
    n_seen: int


def read_truth(path: Path, model: IsotopeModel) -> Truth:
    """Read a truth table.

    Parameters
    ----------
    path : Path
        ``…_truth.csv``, which a simulation writes.
    model : IsotopeModel
        What its isotope peaks were made with.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    visible = [row for row in rows if int(row["n_pixels"])]
    mz, _ = generate_patterns(sorted({row["ion"] for row in visible}), model)
    targets = [row for row in visible if row.get("kind", TARGET) == TARGET]
    line = [(float(row["mz"]), float(row["line_ppm"])) for row in targets if "line_ppm" in row]
    return Truth(
        ions=frozenset(row["ion"] for row in rows),
        seen=frozenset(row["ion"] for row in targets),
        peaks=np.sort(mz[mz > 0]),
        line=np.array(line, np.float64).reshape(-1, 2),
    )


def read_annotations(path: Path) -> list[Annotation]:
    """Read the rows of ``annotations.csv``."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return [
        Annotation(
            build_ion_formula(
                row["formula"],
                join_modifier(row["chemMod"], row["neutralLoss"], plain_adduct(row["adduct"])),
            ),
            float(row["mz"]),
            float(row["fdr"]),
            float(row[FDR_ALONE]) if row.get(FDR_ALONE) else None,
        )
        for row in rows
    ]


def without_competition(annotations: Sequence[Annotation]) -> list[Annotation] | None:
    """Return annotations with the FDR that each has without competition.

    None where the table does not say so: where there are no annotations, or was no competition.
    """
    alone = [
        replace(each, fdr=each.fdr_alone) for each in annotations if each.fdr_alone is not None
    ]
    return alone or None


def count(annotations: Sequence[Annotation], truth: Truth, level: float, ppm: float) -> Counts:
    """Compare annotations with what was planted.

    Parameters
    ----------
    annotations : sequence of Annotation
        All of a run, or those that are left of them.
    truth : Truth
        What was planted.
    level : float
        Those up to this FDR are looked at.
    ppm : float
        Half width of an m/z window.
    """
    claimed = [each for each in annotations if each.fdr <= level]
    wrong = [each for each in claimed if each.ion not in truth.ions]
    mz = np.array([each.mz for each in wrong])
    return Counts(
        n=len(claimed),
        n_wrong=len(wrong),
        n_kin=int(_is_near(mz, truth.peaks, ppm).sum()),
        n_found=len({each.ion for each in claimed} & truth.seen),
        n_seen=len(truth.seen),
    )


def _is_near(
    mz: npt.NDArray[np.float64], peaks: npt.NDArray[np.float64], ppm: float
) -> npt.NDArray[np.bool_]:
    """Say of each m/z whether its window and that of any peak overlap."""
    reach = 2 * ppm * 1e-6 * mz
    first, last = (np.searchsorted(peaks, mz + side * reach) for side in (-1, 1))
    near: npt.NDArray[np.bool_] = last > first
    return near
