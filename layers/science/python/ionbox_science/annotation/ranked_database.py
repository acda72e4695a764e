"""A database of a run between two rankings: by itself, and in competition with all others.

In: its ions, scores and patterns. Out: its annotations. ``EstimateFdr`` in a run, which ranks all
databases first, as annotations of each compete for the peaks of the ions of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ionbox_science.annotation.annotations import (
    Annotations,
    RankedTargets,
    collect_annotations,
    rank_targets,
)
from ionbox_science.annotation.competition import (
    COMPETITOR_FDR,
    NOBODY,
    Competitors,
    Explained,
    explain_ions,
    settle,
)
from ionbox_science.annotation.table import name_ions
from ionbox_science.config import RunConfig
from ionbox_science.scoring.scores import IonScores, Patterns
from ionbox_science.theory.ions import IonTable


def find_target_ions(
    table: IonTable, scores: IonScores, *, keep_all: bool = False
) -> npt.NDArray[np.int64]:
    """Return the rows of the scores that are of targets which were found: (n,) int64.

    With ``keep_all`` also of those which were not, as of a targeted database.
    """
    return np.flatnonzero(table.is_target[scores.ion] & (scores.is_found | keep_all))


@dataclass(frozen=True)
class RankedDatabase:
    """A database whose targets were ranked by themselves.

    Attributes
    ----------
    name : str
        What users call it.
    table, scores
        Its ions, and the metrics of those that were found.
    ranked : RankedTargets
        The first ranking.
    patterns : Patterns
        Of the ions that `find_target_ions` returns, in this order.
    keep_all : bool
        Whether the database is targeted (`ionbox_science.scoring.targeted`).
    """

    name: str
    table: IonTable
    scores: IonScores
    ranked: RankedTargets
    patterns: Patterns
    keep_all: bool = False

    def compete(self, config: RunConfig) -> Competitors:
        """Return the annotations that may claim the peaks of other ions."""
        sure = self.ranked.fdr[self.ranked.formula_index, self.ranked.target_index]
        rows = np.flatnonzero(sure <= COMPETITOR_FDR)
        annotations = self._collect(self.ranked).take(rows)
        return Competitors(
            np.array(name_ions(annotations, config.polarity), np.str_),
            annotations.msm,
            annotations.pattern_mz,
            annotations.pattern_intensity,
            annotations.total_intensity[:, 0],
        )

    def annotate(
        self, competitors: Competitors | None, config: RunConfig
    ) -> tuple[Annotations, RankedTargets]:
        """Rank the targets again, without those that others explain, and collect the annotations.

        Parameters
        ----------
        competitors : Competitors or None
            Of all databases, settled; None if there is no competition.
        config : RunConfig
            Config of the run.
        """
        if competitors is None:
            return self._collect(self.ranked), self.ranked
        explained = self._explain(competitors, config.ppm)
        ranked = rank_targets(
            self.table,
            self.scores,
            config.fdr_method,
            explained.by != NOBODY,
            keep_all=self.keep_all,
        )
        rows = ranked.score_row
        reasons = _describe(explained, rows, competitors)
        return self._collect(ranked, reasons), ranked

    def _explain(self, competitors: Competitors, ppm: float) -> Explained:
        # measured less its error: the theoretical m/z, which is stored of few ions only
        mz = self.scores.mz_mean[:, 0] - self.scores.mz_error_abs
        total = self.scores.total_intensity[:, 0]
        explained = explain_ions(mz, self.scores.msm, total, competitors, ppm)
        # an ion without any signal claims none
        return replace(explained, by=np.where(total > 0, explained.by, NOBODY))

    def _collect(
        self, ranked: RankedTargets, explained_by: npt.NDArray[np.str_] | None = None
    ) -> Annotations:
        rows = find_target_ions(self.table, self.scores, keep_all=self.keep_all)
        place = np.searchsorted(rows, ranked.score_row)
        patterns = self.patterns.take(place)
        return collect_annotations(
            self.table, self.scores, ranked, patterns.mz, patterns.intensity, explained_by
        )


def find_competitors(databases: Sequence[RankedDatabase], config: RunConfig) -> Competitors:
    """Return the annotations of all databases that keep their claim among each other."""
    return settle(Competitors.concatenate([each.compete(config) for each in databases]), config.ppm)


def _describe(
    explained: Explained, rows: npt.NDArray[np.int64], competitors: Competitors
) -> npt.NDArray[np.str_]:
    """Say for each row who explains it: ``C40H80NO8P+H+``, ``C40H80NO8P+H+ isotope 2``."""
    by, isotope = explained.by[rows], explained.isotope[rows]
    names = [
        "" if rival == NOBODY else f"{competitors.name[rival]}{f' isotope {peak + 1}' * (peak > 0)}"
        for rival, peak in zip(by.tolist(), isotope.tolist(), strict=True)
    ]
    return np.array(names, np.str_)
