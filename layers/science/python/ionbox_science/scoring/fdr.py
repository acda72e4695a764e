"""False discovery rate of annotations by the target-decoy method (``EstimateFdr`` in a run).

In: the scores of all targets and decoys of a database: MSM, or a learned score in its place. Out:
an FDR per target; what it makes of the targets is up to `ionbox_science.annotation.annotations`.

Targets are ions that may well be there, decoys ions of the same molecules that cannot, so decoys
score as false targets would. Among targets of at least some score, about as many are false as there
are decoys, of one draw, of at least that score. Both methods rank the targets of one kind of ion
(adduct, loss, modification) against the decoys drawn for them:

``metaspace-v1`` (Palmer et al. 2017, doi:10.1038/nmeth.4072)
    One ranking per draw; the median of decoys over targets over the draws, rounded up to a fixed
    level.
``metaspace-v3`` (METASPACE's engine, ``fdr.py``)
    One ranking with the decoys of all draws; a decoy and a target more on either side (the rule of
    succession); made monotone; a continuous value.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ionbox_science.setting_table import FdrMethod

FDR_LEVELS = (0.05, 0.1, 0.2, 0.5)
"""Levels that metaspace-v1 rounds up to, and at which every summary counts annotations."""

Float64s = npt.NDArray[np.float64]


def estimate_fdr(
    target_score: Float64s,
    decoy_score: Float64s,
    method: FdrMethod,
    levels: tuple[float, ...] = FDR_LEVELS,
    *,
    absent: float = 0.0,
) -> Float64s:
    """Estimate the FDR at which each target is annotated.

    Parameters
    ----------
    target_score : (n_formulas, n_targets) float64
        Score of each formula with each target modifier.
    decoy_score : (n_formulas, n_targets, n_decoys) float64
        Score of the decoys drawn for each target.
    method : {"metaspace-v1", "metaspace-v3"}
        How to estimate; see above.
    levels : tuple of float
        Ascending levels that metaspace-v1 rounds up to.
    absent : float
        Score, in both, of what was not found; all that was found scores more.

    Returns
    -------
    (n_formulas, n_targets) float64
        FDR, at most 1; 1 where the target was not found. METASPACE's v3 can exceed 1 and drops
        such rows silently; here they are 1, and whoever selects rows can count them.

    Notes
    -----
    The result does not depend on the order of formulas. Each column, that is, each kind of ion, is
    estimated by itself.
    """
    fdr = np.ones_like(target_score)
    for modifier in range(target_score.shape[1]):
        found = target_score[:, modifier] > absent
        targets, decoys = target_score[found, modifier], decoy_score[:, modifier]
        if method == "metaspace-v1":
            fdr[found, modifier] = _round_up(targets, _median_fdr(targets, decoys), levels)
        else:
            fdr[found, modifier] = estimate_pooled_fdr(targets, decoys.ravel(), decoys.shape[1])
    return fdr


def _median_fdr(targets: Float64s, decoys: Float64s) -> Float64s:
    """Return decoys at least as good over targets at least as good, the median of the draws."""
    n_targets = _count_at_least(targets, targets)
    rankings = [_count_at_least(draw, targets) / n_targets for draw in decoys.T]
    median: Float64s = np.median(rankings, axis=0)
    return median


def _round_up(targets: Float64s, fdr: Float64s, levels: tuple[float, ...]) -> Float64s:
    """Give each target the smallest level whose threshold its score reaches, else 1."""
    rounded = np.ones_like(targets)
    # from the loosest level on, so that a stricter one a target reaches replaces it
    for level in reversed(levels):
        below = fdr < level
        if below.any():
            rounded[targets >= targets[below].min()] = level
    return rounded


def estimate_pooled_fdr(targets: Float64s, decoys: Float64s, decoys_per_target: float) -> Float64s:
    """Return (decoys + 1) per draw over (targets + 1), made to never fall as scores fall.

    Parameters
    ----------
    targets : (n,) float64
        Scores of the targets that were found.
    decoys : (n_decoys,) float64
        Scores of the decoys of all draws; those that were not found may be left out.
    decoys_per_target : float
        Decoys that were looked for, per target that was.

    Returns
    -------
    (n,) float64
        Of each target the lowest value among itself and the targets of lower score; at most 1.
    """
    n_targets = _count_at_least(targets, targets)
    n_decoys = _count_at_least(decoys, targets)
    fdr = (n_decoys + 1) / decoys_per_target / (n_targets + 1)
    # Ascending scores: the minimum so far is that over all targets that score no higher.
    by_score = np.argsort(targets, kind="stable")
    monotone = np.empty_like(fdr)
    monotone[by_score] = np.minimum.accumulate(fdr[by_score])
    clipped: Float64s = np.minimum(monotone, 1.0)
    return clipped


def _count_at_least(scores: Float64s, thresholds: Float64s) -> Float64s:
    """Count the scores that reach each threshold, equal ones included: float64, as thresholds."""
    below = np.searchsorted(np.sort(scores), thresholds, side="left")
    return np.asarray(len(scores) - below, np.float64)
