"""Puts the seeds of a scenario together: observed shares, and how sure they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ionbox.calibration.trials import Trial
from ionbox.calibration.truth import LEVELS, Counts

FEWEST_SEEDS = 5
"""Seeds from which on intervals are taken from how much they differ."""

_N_RESAMPLED = 2_000
_Z_95 = 1.959964  # of the normal distribution, two-sided


@dataclass(frozen=True)
class Share:
    """A share of something, pooled over seeds, and its 95 % interval.

    Attributes
    ----------
    value, low, high : float
        0 to 1; no number where there is nothing to take a share of.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """One scenario annotated in one way, up to one claimed FDR.

    Attributes
    ----------
    scenario, variant : str
        Their names.
    claimed : float
        FDR.
    n_seeds, n_annotations : int
        Datasets, and annotations in all of them.
    wrong : Share
        Of annotations, whose ion was not planted: the observed FDR.
    noise : Share
        The same without isobars and isotopologues of planted ions.
    recall : Share
        Of planted ions that can be seen, which are annotated.
    alone, alone_recall : Share or None
        ``wrong`` and ``recall`` by the FDR without competition, where the table says so.
    interval : str
        Where the intervals come from: ``bootstrap`` over seeds, or ``wilson``.
    """

    scenario: str
    variant: str
    claimed: float
    n_seeds: int
    n_annotations: int
    wrong: Share
    noise: Share
    recall: Share
    alone: Share | None
    alone_recall: Share | None
    interval: str


def pool(trials: Iterable[Trial]) -> Iterator[Row]:
    """Pool the seeds of each scenario and variant, in the order in which these come.

    Parameters
    ----------
    trials : iterable of Trial
        In any order.
    """
    order: dict[tuple[str, str], list[Trial]] = {}
    for trial in trials:
        order.setdefault((trial.scenario, trial.variant), []).append(trial)
    for (scenario, variant), of_row in order.items():
        for level in LEVELS:
            yield _pool_level(scenario, variant, level, of_row)


def _pool_level(scenario: str, variant: str, level: float, trials: Sequence[Trial]) -> Row:
    counts = [trial.counts[level] for trial in trials]
    alone = [trial.alone[level] for trial in trials if trial.alone]
    return Row(
        scenario=scenario,
        variant=variant,
        claimed=level,
        n_seeds=len(trials),
        n_annotations=sum(each.n for each in counts),
        wrong=_share(counts, _wrong),
        noise=_share(counts, _noise),
        recall=_share(counts, _recall),
        alone=_share(alone, _wrong) if alone else None,
        alone_recall=_share(alone, _recall) if alone else None,
        interval="bootstrap" if len(trials) >= FEWEST_SEEDS else "wilson",
    )


_Part = Callable[[Counts], tuple[int, int]]
"""Says of counts what the share is: of how many, how many."""


def _wrong(counts: Counts) -> tuple[int, int]:
    return counts.n_wrong, counts.n


def _noise(counts: Counts) -> tuple[int, int]:
    return counts.n_wrong - counts.n_kin, counts.n - counts.n_kin


def _recall(counts: Counts) -> tuple[int, int]:
    return counts.n_found, counts.n_seen


def _share(counts: Sequence[Counts], part: _Part) -> Share:
    parts = np.array([part(each) for each in counts], np.float64)
    hits, total = parts.sum(axis=0).tolist()
    if not total:
        return Share(float("nan"), float("nan"), float("nan"))
    low, high = _bootstrap(parts) if len(counts) >= FEWEST_SEEDS else wilson(hits, total)
    return Share(hits / total, low, high)


def _bootstrap(parts: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, float]:
    """Draw seeds again and again, with replacement; annotations of a dataset hang together."""
    rng = np.random.default_rng(0)  # the same figures give the same interval
    sums = parts[rng.integers(0, len(parts), (_N_RESAMPLED, len(parts)))].sum(axis=1)
    some = sums[sums[:, 1] > 0]
    low, high = np.quantile(some[:, 0] / some[:, 1], (0.025, 0.975)).tolist()
    return low, high


def wilson(hits: float, total: float) -> tuple[float, float]:
    """Return the 95 % interval of a share, as if all were independent.

    Source: Wilson 1927, doi:10.1080/01621459.1927.10502953.

    Parameters
    ----------
    hits, total : float
        How many, of how many; the latter above 0.
    """
    share, z2 = hits / total, _Z_95**2
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _Z_95 * np.sqrt(share * (1 - share) / total + z2 / (4 * total**2)) / (1 + z2 / total)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))
