"""What is asked about an ion, what a run and its data know of it, and the answer: the types.

Someone asks why an ion is annotated in a finished run or why not. `parse_ion` reads the question,
`ScoredDatabase` is what the run stored, `measure_ion` looks into the peaks where they are still
there; `ionbox_science.annotation.why` makes an `Explanation` of these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ionbox_science.errors import InvalidFormula
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.scoring.ion_images import Grid, find_windows
from ionbox_science.scoring.options import ImageOptions
from ionbox_science.scoring.scores import IonScores, Patterns, score_ions
from ionbox_science.theory.formulas import (
    NO_FORMULA_CHANGE,
    join_modifier,
    parse_formula,
    parse_modifier,
    read_adduct,
)
from ionbox_science.theory.ions import IonTable

Float64s = npt.NDArray[np.float64]


@dataclass(frozen=True)
class AskedIon:
    """The ion in question: a molecule's formula, and what makes it an ion, as signed formulas."""

    formula: str
    adduct: str
    neutral_loss: str = ""
    chem_mod: str = ""

    @property
    def modifier(self) -> str:
        """All that is added to and taken from the formula, as one signed formula."""
        return join_modifier(self.chem_mod, self.neutral_loss, self.adduct)

    @property
    def kind(self) -> str:
        """What makes it an ion, as people write it: ``M+H``, ``[M]+``."""
        if self.adduct in NO_FORMULA_CHANGE:
            return f"[M{self.chem_mod}{self.neutral_loss}]{self.adduct[-1]}"
        return f"M{self.chem_mod}{self.neutral_loss}{self.adduct}"


def parse_ion(formula: str, adduct: str, neutral_loss: str = "", chem_mod: str = "") -> AskedIon:
    """Read an ion as people write it; the adduct as `read_adduct` takes it.

    Raises
    ------
    InvalidFormula
        If the formula is missing, or the formula, the adduct or a modifier cannot be read.
    """
    if not formula.strip():
        raise InvalidFormula("no formula given; write that of the molecule, such as C6H12O6")
    asked = AskedIon(formula.strip(), read_adduct(adduct), neutral_loss.strip(), chem_mod.strip())
    try:
        parse_formula(asked.formula)
    except InvalidFormula as error:
        if asked.formula[0].islower():
            raise InvalidFormula(f"{error}; write elements as C, H, Na") from None
        raise
    parse_modifier(asked.modifier)
    return asked


@dataclass(frozen=True)
class ScoredDatabase:
    """What a run found out about one database.

    Attributes
    ----------
    name : str
        Name of the database.
    table : IonTable
        Its targets and decoys.
    scores : IonScores
        Metrics of every ion that was scored, annotated or not.
    fdr : (n_formulas, n_targets) float64
        FDR of every target, 1 where nothing was found.
    """

    name: str
    table: IonTable
    scores: IonScores
    fdr: Float64s


@dataclass(frozen=True)
class MeasuredIon:
    """What the peaks of a dataset say of an ion.

    Attributes
    ----------
    n_peaks : list of int
        Measured peaks in each isotope window.
    n_pixels : list of int
        Pixels that these lie in.
    scores : IonScores
        Its metrics: one row, or none if its first isotope image is empty.
    """

    n_peaks: list[int]
    n_pixels: list[int]
    scores: IonScores


MeasureIon = Callable[[Float64s, npt.NDArray[np.float32]], MeasuredIon]
"""Measures an ion in the peaks of a dataset: takes m/z and abundances of its isotope pattern,
(n_peaks,) each."""


@dataclass(frozen=True)
class Finding:
    """One question about an ion, and its answer.

    Attributes
    ----------
    topic : str
        The question in a word or two.
    holds : bool or None
        Whether the answer speaks for the ion; None if it speaks neither for nor against it.
    sentence : str
        The answer, without a full stop.
    """

    topic: str
    holds: bool | None
    sentence: str


@dataclass(frozen=True)
class Explanation:
    """All that is known of an ion in one database of a run.

    Attributes
    ----------
    ion, database : str
        Their names.
    annotated : bool
        Whether the ion is in the table of annotations.
    verdict : str
        Why it is, or why not, in one sentence.
    findings : tuple of Finding
        Question by question, as far as there are answers.
    mz, abundance : list of float
        The theoretical pattern, zero padded: m/z, and abundance relative to a base peak of 100.
    n_peaks, n_pixels : list of int or None
        Measured peaks and their pixels per isotope window; None if the peaks are no longer there.
    metrics : dict of str to float
        The three metrics and ``msm``, what ions are ranked by; empty if the ion was not scored.
    fdr : float or None
        Its FDR; None if its MSM is 0 or the run did not look for it.
    rank, n_ranked : int or None
        Place, from 1, among the targets of its kind that were found, and how many these are.
    n_decoys : int or None
        Decoys drawn for its kind that score at least as high.
    decoys : list of (str, float)
        The best of these: ion and score.
    """

    ion: str
    database: str
    annotated: bool
    verdict: str
    findings: tuple[Finding, ...]
    mz: list[float] = field(default_factory=list)
    abundance: list[float] = field(default_factory=list)
    n_peaks: list[int] | None = None
    n_pixels: list[int] | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    fdr: float | None = None
    rank: int | None = None
    n_ranked: int | None = None
    n_decoys: int | None = None
    decoys: list[tuple[str, float]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as plain JSON values."""
        return asdict(self)


def measure_ion(
    peaks: Peaks,
    mz: Float64s,
    abundance: npt.NDArray[np.float32],
    grid: Grid,
    options: ImageOptions,
    mz_range: tuple[float, float],
) -> MeasuredIon:
    """Count the peaks of an ion and score it, in the database or not.

    Parameters
    ----------
    peaks : Peaks
        Sorted by m/z; must cover the windows of the pattern.
    mz, abundance : (n_peaks,) float64, float32
        The theoretical pattern, zero padded.
    grid, options, mz_range
        As for `ionbox_science.scoring.scores.score_ions`.

    Raises
    ------
    ValueError
        If the pattern has more than 16 peaks, or a measured peak lies outside the grid.
    """
    pattern = mz[None, :]
    windows = find_windows(peaks.mz, pattern, options.ppm)
    bounds = list(zip(windows.start[0].tolist(), windows.stop[0].tolist(), strict=True))
    patterns = Patterns(pattern, abundance[None, :], np.array([True]))
    return MeasuredIon(
        n_peaks=windows.n_found[0].tolist(),
        n_pixels=[len(np.unique(peaks.pixel[start:stop])) for start, stop in bounds],
        scores=score_ions(peaks, patterns, grid, options, mz_range),
    )
