"""Competition: a measured peak is evidence for one ion, not for all whose windows it lies in.

In: what was found of the ions of a run, and which of them are annotated. Out: which ions another
annotation explains better, so that they lose their claim. ``EstimateFdr`` in a run, between a first
ranking and the last.

Where a molecule is, the windows of other formulas catch its peaks: those of isobars, whose first
isotope peak is as heavy to within the window, and of isotopologues, which are as heavy as one of
its further isotope peaks. Decoys hardly ever are either, so estimates of FDR without competition
leave them out: at a claimed 5 % in a dense database, 12 to 17 % are not there, nearly all of them
for this reason.

Two rules, by annotations at an FDR of at most `COMPETITOR_FDR`:

- Of ions whose first windows overlap, the one of the highest score keeps its claim.
- An ion loses its claim to one whose isotope peak lies in its first window and should be at least
  `EXPLAINED_SHARE` of what was measured there: its abundance, relative to the first, times what was
  measured of the first.

They hold for decoys as for targets: a decoy that sits on the peaks of a molecule that is there says
nothing about how often chance alone makes a false target. So the FDR that is estimated of what is
left is one of what is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ionbox_science.columns import Columns

COMPETITOR_FDR = 0.2
"""FDR, before competition, up to which annotations compete for others' peaks."""

EXPLAINED_SHARE = 0.3
"""Part of an ion's first image that another one's isotope peak must account for."""

_SAME_ION = 1e-9
"""Relative difference of m/z up to which two ions are one: isomers do not compete."""

NOBODY = -1

Float64s = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Competitors(Columns):
    """Annotations that compete for the peaks of other ions.

    Attributes
    ----------
    name : (n,) str
        As people read them.
    score : (n,) float64
        What ions were ranked by.
    mz : (n, n_peaks) float64
        Theoretical m/z of the isotope peaks, zero padded.
    abundance : (n, n_peaks) float32
        Theoretical abundances, of any scale.
    total : (n,) float32
        What was measured of the first isotope peak, counts.
    """

    name: npt.NDArray[np.str_]
    score: Float64s
    mz: Float64s
    abundance: npt.NDArray[np.float32]
    total: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Explained:
    """Which ions lose their claim, and to whom.

    Attributes
    ----------
    by : (n_ions,) int64
        Row of the competitor, or `NOBODY`.
    isotope : (n_ions,) int64
        Which of its isotope peaks lies in the ion's first window: 0 for an isobar.
    """

    by: npt.NDArray[np.int64]
    isotope: npt.NDArray[np.int64]


def settle(competitors: Competitors, ppm: float) -> Competitors:
    """Let annotations compete with each other, and return those that keep their claim.

    Parameters
    ----------
    competitors : Competitors
        Annotations; an ion of several databases may be there several times.
    ppm : float
        Half width of an m/z window, in parts per million.

    Notes
    -----
    From the highest score down: whoever has lost its claim takes none from others.
    """
    order = np.argsort(-competitors.score, kind="stable")
    ranked = competitors.take(order)
    ion, rival, peak = _overlaps(ranked.mz[:, 0], ranked.mz, ppm)
    loses = _loses(ion, rival, peak, ranked.score, ranked.total, ranked)
    losers, winners = ion[loses], rival[loses]
    keeps = np.ones(len(order), np.bool_)
    # by rank of the winner, whose own claim is settled by then unless an isotope peak takes it
    for row in np.argsort(winners, kind="stable").tolist():
        if keeps[winners[row]]:
            keeps[losers[row]] = False
    return ranked.take(keeps)


def explain_ions(
    mz: Float64s,
    score: Float64s,
    total: npt.NDArray[np.float32],
    competitors: Competitors,
    ppm: float,
) -> Explained:
    """Find the ions that an annotation explains.

    Parameters
    ----------
    mz : (n_ions,) float64
        Theoretical m/z of the first isotope peak, targets and decoys.
    score : (n_ions,) float64
        What they are ranked by.
    total : (n_ions,) float32
        What was measured of their first isotope peak, counts.
    competitors : Competitors
        As `settle` returns them.
    ppm : float
        Half width of an m/z window, in parts per million.

    Returns
    -------
    Explained
        Of several competitors, the one of the highest score.
    """
    ion, rival, peak = _overlaps(mz, competitors.mz, ppm)
    loses = _loses(ion, rival, peak, score, total, competitors)
    ion, rival, peak = ion[loses], rival[loses], peak[loses]
    by = np.full(len(mz), NOBODY, np.int64)
    isotope = np.zeros(len(mz), np.int64)
    weakest_first = np.argsort(competitors.score[rival], kind="stable")  # so that the best stays
    by[ion[weakest_first]] = rival[weakest_first]
    isotope[ion[weakest_first]] = peak[weakest_first]
    return Explained(by, isotope)


def _loses(
    ion: npt.NDArray[np.int64],
    rival: npt.NDArray[np.int64],
    peak: npt.NDArray[np.int64],
    score: Float64s,
    total: npt.NDArray[np.float32],
    competitors: Competitors,
) -> npt.NDArray[np.bool_]:
    """Return which of the pairs of an ion and a rival's isotope peak cost the ion its claim."""
    is_isobar = (peak == 0) & (competitors.score[rival] > score[ion])
    share = competitors.abundance[rival, peak] / competitors.abundance[rival, 0]
    expected = share * competitors.total[rival]
    is_isotopologue = (peak > 0) & (expected >= EXPLAINED_SHARE * total[ion])
    return np.asarray(is_isobar | is_isotopologue)


def _overlaps(
    mz: Float64s, rival_mz: Float64s, ppm: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Find the pairs of an ion and another one's isotope peak whose windows overlap.

    Returns
    -------
    ion, rival, peak : (n_pairs,) int64
        Row of the ion, row of the rival, and which of its isotope peaks it is.
    """
    n_peaks = rival_mz.shape[1]
    flat = rival_mz.ravel()
    order = np.argsort(flat, kind="stable")
    ordered = flat[order]
    # windows overlap if the middles are less than both half widths apart
    reach = mz * ppm * 2e-6
    start = np.searchsorted(ordered, mz - reach, side="left")
    stop = np.searchsorted(ordered, mz + reach, side="right")
    n_found = stop - start
    ion = np.repeat(np.arange(len(mz)), n_found)
    place = np.arange(ion.size) + np.repeat(start - (np.cumsum(n_found) - n_found), n_found)
    rival, peak = np.divmod(order[place], n_peaks)
    # its own windows, in whichever database it stands
    differs = np.abs(mz[ion] - rival_mz[rival, 0]) > _SAME_ION * mz[ion]
    return ion[differs], rival[differs], peak[differs]
