"""Figures of how good a run is: FDR by rank, MSM of targets against decoys.

In: the ion table and scores of a database, the FDR of its annotations. Out: small tallies and
curves for the report, which also tell why a run found nothing: no peaks where targets should be, or
decoys that score as high.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ionbox_science.annotation.annotations import msm_by_ion
from ionbox_science.scoring.scores import IonScores
from ionbox_science.theory.ions import IonTable

N_BINS = 50
"""Bins of a histogram of MSM, from 0 to 1."""

Float64s = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ScoreTally:
    """What became of a database's ions, annotated or not.

    Attributes
    ----------
    n_targets : int
        Target ions that were looked for.
    n_measured : int
        How many of them have a first isotope image that is not empty.
    best_msm, best_decoy_msm : float
        Highest MSM of a target and of a decoy; 0 if none was found.
    """

    n_targets: int
    n_measured: int
    best_msm: float
    best_decoy_msm: float

    def to_json(self) -> dict[str, int | float]:
        """Return the figures by name."""
        return asdict(self)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the figures by name, each as an array of no dimension."""
        return {name: np.array(value) for name, value in self.to_json().items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Rebuild the figures from arrays that may hold more."""
        return cls(**{field.name: arrays[field.name].item() for field in fields(cls)})


def tally_scores(table: IonTable, scores: IonScores) -> ScoreTally:
    """Count the target ions of a database that were measured, and find the best scores.

    Parameters
    ----------
    table : IonTable
        Targets and decoys of a database.
    scores : IonScores
        Metrics of its ions, in any order.

    Notes
    -----
    An ion counts once, however many molecules it stands for.
    """
    msm = msm_by_ion(table, scores)
    targets = np.flatnonzero(table.is_target)
    return ScoreTally(
        n_targets=targets.size,
        n_measured=int(np.isin(targets, scores.ion[scores.total_intensity[:, 0] > 0]).sum()),
        best_msm=float(msm[table.target_ion].max(initial=0)),
        best_decoy_msm=float(msm[table.decoy_ion].max(initial=0)),
    )


def histogram_msm(table: IonTable, scores: IonScores) -> Float64s:
    """Count targets and decoys by MSM, decoys per draw, so that the two can be compared.

    Parameters
    ----------
    table : IonTable
        Targets and decoys of a database.
    scores : IonScores
        Metrics of its ions, in any order.

    Returns
    -------
    (2, N_BINS) float64
        Counts of targets, and of decoys in the mean of the draws, in equal bins from 0 to 1; those
        with an MSM of 0 are not counted.
    """
    msm = msm_by_ion(table, scores)
    counts = [
        np.histogram(found[found > 0], N_BINS, (0, 1))[0]
        for found in (msm[table.target_ion], msm[table.decoy_ion])
    ]
    return np.array([counts[0], counts[1] / max(1, table.decoy_ion.shape[2])])


def fdr_curve(fdr: Float64s, n_points: int = 500) -> list[tuple[int, float]]:
    """Return how many annotations there are up to each FDR: (rank, fdr), both ascending.

    Parameters
    ----------
    fdr : (n,) float64
        FDR of the annotations, in any order.
    n_points : int
        Most points to return, chosen evenly among the distinct FDRs; the last is always there.
    """
    levels, counts = np.unique(fdr, return_counts=True)
    ranks = np.cumsum(counts)
    chosen = np.unique(np.linspace(0, max(len(levels) - 1, 0), n_points).round().astype(int))
    chosen = chosen[: len(levels)]
    return list(zip(ranks[chosen].tolist(), levels[chosen].tolist(), strict=True))
