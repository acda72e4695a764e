"""Annotations: the target ions that were found, with their metrics and FDR.

In: the ion table of a database and the scores of its ions. Out: which targets are annotated
(`rank_targets`), their rows (`collect_annotations`), and which of them can be confused with each
other (isomers, isobars). ``EstimateFdr`` in a run; `ionbox_science.annotation.table` writes them
down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ionbox_science.columns import Columns
from ionbox_science.scoring.fdr import estimate_fdr
from ionbox_science.scoring.ion_images import window_bounds
from ionbox_science.scoring.scores import IonScores
from ionbox_science.setting_table import FdrMethod
from ionbox_science.theory.ions import NO_ION, IonTable

Float64s = npt.NDArray[np.float64]
Strings = npt.NDArray[np.str_]


@dataclass(frozen=True)
class RankedTargets:
    """Every target of a database with its FDR, and which of them are annotations.

    Attributes
    ----------
    fdr : (n_formulas, n_targets) float64
        FDR of every target; 1 where nothing was found, and where another annotation explains what
        was found.
    fdr_alone : (n_formulas, n_targets) float64
        FDR of every target without competition; ``fdr`` itself if there was none.
    formula_index, target_index : (n,) int64
        Places in ``fdr`` of the annotations: the targets that score above 0 at an FDR below 1, with
        competition or without; of a targeted database, all that could be seen.
    score_row : (n,) int64
        Rows of their ions in the scores.
    n_dropped : int
        Targets that were found but are no annotations, as their FDR is 1 or their score is 0.
    """

    fdr: Float64s
    fdr_alone: Float64s
    formula_index: npt.NDArray[np.int64]
    target_index: npt.NDArray[np.int64]
    score_row: npt.NDArray[np.int64]
    n_dropped: int


@dataclass(frozen=True)
class Annotations(Columns):
    """Annotated target ions of one database, one row each.

    Attributes
    ----------
    formula, chem_mod, neutral_loss, adduct : (n,) str
        The molecule and what made it an ion.
    ion_formula : (n,) str
        The formula with all modifiers applied.
    ion : (n,) int32
        Ion number in the database's ion table.
    fdr : (n,) float64
        False discovery rate at which the ion is annotated, above 0 (metaspace-v1: one of its
        levels); 1 if another annotation explains it.
    fdr_alone : (n,) float64
        The same without competition.
    explained_by : (n,) str
        The ion that explains it, and how; empty if none does.
    msm : (n,) float64
        What they were ranked by, 0 to 1.
    chaos, spatial, spectral : (n,) float64
        Metrics, 0 to 1; see `IonScores`.
    mz_error_abs, mz_error_rel : (n,) float64
        m/z errors in Da; see `IonScores`.
    total_intensity, min_intensity, max_intensity : (n, n_peaks) float32
        Of each isotope image, counts.
    mz_mean, mz_stddev : (n, n_peaks) float64
        Measured m/z of each isotope peak, Da.
    pattern_mz : (n, n_peaks) float64
        Theoretical m/z, zero padded.
    pattern_intensity : (n, n_peaks) float32
        Theoretical abundance, base peak 100.
    """

    formula: Strings
    chem_mod: Strings
    neutral_loss: Strings
    adduct: Strings
    ion_formula: Strings
    ion: npt.NDArray[np.int32]
    fdr: Float64s
    fdr_alone: Float64s
    explained_by: Strings
    msm: Float64s
    chaos: Float64s
    spatial: Float64s
    spectral: Float64s
    mz_error_abs: Float64s
    mz_error_rel: Float64s
    total_intensity: npt.NDArray[np.float32]
    min_intensity: npt.NDArray[np.float32]
    max_intensity: npt.NDArray[np.float32]
    mz_mean: Float64s
    mz_stddev: Float64s
    pattern_mz: Float64s
    pattern_intensity: npt.NDArray[np.float32]


def msm_by_ion(table: IonTable, scores: IonScores) -> Float64s:
    """Return the score of every ion of a database, 0 where it was not found.

    Returns
    -------
    (n_ions + 1,) float64
        The last element is 0: `NO_ION`, -1, finds it.
    """
    msm = np.zeros(table.n_ions + 1)
    msm[scores.ion] = scores.msm
    return msm


_ABSENT = -1.0
"""Score of what was not found: a learned score can be 0, and then still takes part in ranking."""


def rank_targets(
    table: IonTable,
    scores: IonScores,
    method: FdrMethod,
    is_explained: npt.NDArray[np.bool_] | None = None,
    *,
    keep_all: bool = False,
) -> RankedTargets:
    """Estimate the FDR of every target of a database and choose the annotations.

    Parameters
    ----------
    table : IonTable
        Targets and decoys of the database.
    scores : IonScores
        Metrics of its ions, in any order.
    method : {"metaspace-v1", "metaspace-v3"}
        How FDR is estimated: see `ionbox_science.scoring.fdr`.
    is_explained : (n,) bool, optional
        By row of the scores, whether another annotation explains the ion
        (`ionbox_science.annotation.competition`): it then counts as not found.
    keep_all : bool
        Whether the database is targeted: all its ions with a row in ``scores`` are ranked, and all
        its targets kept (`ionbox_science.scoring.targeted`).
    """

    def estimate(score: Float64s) -> Float64s:
        targets, decoys = score[table.target_ion], score[table.decoy_ion]
        return estimate_fdr(targets, decoys, method, absent=_ABSENT)

    score = _score_by_ion(table, scores, keep_all=keep_all)
    fdr = alone = estimate(score)
    if is_explained is not None:
        score[scores.ion[is_explained]] = _ABSENT
        fdr = estimate(score)
    return choose_annotations(table, scores, fdr, alone, keep_all=keep_all)


def choose_annotations(
    table: IonTable,
    scores: IonScores,
    fdr: Float64s,
    fdr_alone: Float64s,
    *,
    keep_all: bool = False,
) -> RankedTargets:
    """Choose the annotations by the FDR of every target, where that is known.

    Parameters
    ----------
    table, scores, keep_all
        As `rank_targets` takes them.
    fdr, fdr_alone : (n_formulas, n_targets) float64
        With competition and without, as in `RankedTargets`.
    """
    target_score = _score_by_ion(table, scores, keep_all=keep_all)[table.target_ion]
    row = np.full(table.n_ions + 1, NO_ION, np.int64)
    row[scores.ion] = np.arange(len(scores.ion))
    is_annotated = (target_score > 0) & (np.minimum(fdr, fdr_alone) < 1)
    if keep_all:
        is_annotated = target_score > _ABSENT
    formula_index, target_index = np.nonzero(is_annotated)
    return RankedTargets(
        fdr=fdr,
        fdr_alone=fdr_alone,
        formula_index=formula_index,
        target_index=target_index,
        score_row=row[table.target_ion[formula_index, target_index]],
        n_dropped=int(np.count_nonzero((target_score > _ABSENT) & ~is_annotated)),
    )


def _score_by_ion(table: IonTable, scores: IonScores, *, keep_all: bool) -> Float64s:
    """Return what each ion is ranked by, (n_ions + 1,) float64; the last is that of `NO_ION`."""
    score = np.full(table.n_ions + 1, _ABSENT)
    score[scores.ion] = np.where(scores.is_found | keep_all, scores.msm, _ABSENT)
    return score


def collect_annotations(
    table: IonTable,
    scores: IonScores,
    ranked: RankedTargets,
    pattern_mz: Float64s,
    pattern_intensity: npt.NDArray[np.float32],
    explained_by: Strings | None = None,
) -> Annotations:
    """Put together the rows of the annotated targets.

    Parameters
    ----------
    table, scores, ranked
        As given to, and returned by, `rank_targets`.
    pattern_mz, pattern_intensity : (n, n_peaks) float64, float32
        Isotope patterns of the annotated ions, row by row of ``ranked``.
    explained_by : (n,) str, optional
        Which ion explains each; none if not given.
    """
    chosen = scores.take(ranked.score_row)
    parts = table.target_parts[ranked.target_index]
    return Annotations(
        formula=table.formulas[ranked.formula_index],
        chem_mod=parts[:, 0],
        neutral_loss=parts[:, 1],
        adduct=parts[:, 2],
        ion_formula=np.array(table.ion_formulas(chosen.ion), dtype=np.str_),
        fdr=ranked.fdr[ranked.formula_index, ranked.target_index],
        fdr_alone=ranked.fdr_alone[ranked.formula_index, ranked.target_index],
        explained_by=(np.full(len(parts), "", np.str_) if explained_by is None else explained_by),
        pattern_mz=pattern_mz,
        pattern_intensity=pattern_intensity,
        **chosen.to_arrays(),
    )


def count_isomers(ion_formula: Strings) -> npt.NDArray[np.int64]:
    """Count, for each annotated ion, the other annotated ions of its ion formula: (n,) int64."""
    _, group, size = np.unique(ion_formula, return_inverse=True, return_counts=True)
    return np.asarray(size[group] - 1)


def find_isobars(
    ion_formula: Strings, pattern_mz: Float64s, ppm: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Find, for each annotated ion, the annotated ions it can be confused with.

    Parameters
    ----------
    ion_formula : (n,) str
        Formulas with all modifiers applied.
    pattern_mz : (n, n_peaks) float64
        Theoretical m/z, zero padded.
    ppm : float
        Half width of an m/z window, in parts per million.

    Returns
    -------
    one, other : (n_pairs,) int64
        Rows of ions of different ion formulas whose first windows overlap, or of which two or more
        pairs of windows do. Every pair in both orders, ascending by ``one``, then by ``other``.
    """
    first, second = _overlapping_windows(pattern_mz, ppm)
    n_ions, n_peaks = pattern_mz.shape
    one, other = first // n_peaks, second // n_peaks
    differ = ion_formula[one] != ion_formula[other]
    both_first = (first % n_peaks == 0) & (second % n_peaks == 0)
    # a pair of ions as one number, so that its overlapping windows can be counted
    pair, index = np.unique((one * n_ions + other)[differ], return_inverse=True)
    overlaps = np.bincount(index, minlength=len(pair))
    firsts = np.bincount(index, both_first[differ], minlength=len(pair))
    isobaric = pair[(firsts > 0) | (overlaps > 1)]
    return isobaric // max(n_ions, 1), isobaric % max(n_ions, 1)


def count_isobars(ion_formula: Strings, pattern_mz: Float64s, ppm: float) -> npt.NDArray[np.int64]:
    """Count what `find_isobars` finds for each annotated ion: (n,) int64."""
    one, _ = find_isobars(ion_formula, pattern_mz, ppm)
    return np.bincount(one, minlength=len(ion_formula))


def _overlapping_windows(
    pattern_mz: Float64s, ppm: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return overlapping pairs of windows of different ions, in both orders, as flat indices."""
    lowest, highest = (bound.ravel() for bound in window_bounds(pattern_mz, ppm))
    real = np.flatnonzero(lowest > 0)  # without padding
    order = real[np.argsort(lowest[real], kind="stable")]
    # In order of their starts, the windows that begin before one ends are those right behind it.
    n_after = np.searchsorted(lowest[order], highest[order], side="right")
    n_after -= np.arange(1, len(order) + 1)
    left = np.repeat(np.arange(len(order)), n_after)
    right = left + 1 + np.arange(left.size) - np.repeat(np.cumsum(n_after) - n_after, n_after)
    first, second = order[left], order[right]
    apart = first // pattern_mz.shape[1] != second // pattern_mz.shape[1]
    first, second = first[apart], second[apart]
    return np.concatenate([first, second]), np.concatenate([second, first])
