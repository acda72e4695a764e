"""How the scores of a database are cut, and where an execution finds them.

PlanRecalibration and PlanAnnotation cut their items by the chunks of patterns and the measured
peaks that scoring each has to read (`ionbox_cloud.planning.work_items`), from summaries and indices
alone. PlanAnnotation writes where the scores are, EstimateFdr reads it; scores of an earlier run
may be among them, cut as they were then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ionbox_science.scoring.ion_images import window_bounds

from ionbox_cloud import keys
from ionbox_cloud.json_record import JsonRecord
from ionbox_cloud.planning.fan_out import Range, cover
from ionbox_cloud.planning.work_items import IonRange, cut_score_items
from ionbox_cloud.run_plan import PlannedDatabase, RunPlan
from ionbox_cloud.store import Store
from ionbox_cloud.stored.patterns import read_summaries
from ionbox_cloud.stored.segments import SegmentReader


@dataclass(frozen=True)
class ScoreRanges(JsonRecord):
    """The scores of one database.

    Attributes
    ----------
    scores_id : str
        Their identity, recalibrated or not.
    ranges : tuple of (int, int)
        Ions (start, stop) of each object; together they cover all.
    """

    scores_id: str
    ranges: tuple[Range, ...]

    def write(self, work: Store, execution_id: str, database: int) -> None:
        """Write it for the database of this place in the plan."""
        work.write_json(keys.score_ranges(execution_id, database), self.to_json())

    @classmethod
    def read(cls, work: Store, execution_id: str, database: int) -> ScoreRanges:
        """Read it.

        Raises
        ------
        MissingObject
            If PlanAnnotation has not written it.
        """
        return cls.from_json(work.read_json(keys.score_ranges(execution_id, database)))

    def names(self) -> list[str]:
        """Return the keys of the scores, in order of ions."""
        return [keys.score_item(self.scores_id, start, stop) for start, stop in self.ranges]


def read_ion_ranges(
    work: Store, plan: RunPlan, database: PlannedDatabase, n_ions: int, segments: SegmentReader
) -> list[IonRange]:
    """Return the chunks of a database of ``n_ions``, and count the measured peaks of each.

    Raises
    ------
    MissingObject
        If a chunk of their patterns is not complete.
    """
    summaries = read_summaries(work, database.patterns_id, n_ions)
    ends = np.array([(summary.mz_min, summary.mz_max) for summary in summaries]).reshape(-1, 2)
    lowest, highest = window_bounds(ends, plan.config.ppm)
    segments.read_indices(lowest[:, 0], highest[:, 1])
    n_isotopes, ppm = plan.config.isotope_peaks, plan.config.ppm
    chunks = []
    for summary, low, high in zip(summaries, lowest[:, 0], highest[:, 1], strict=True):
        n_peaks = segments.count_peaks(low, high)
        # as if windows were spread evenly over the range
        windows = (summary.stop - summary.start) * n_isotopes * (low + high) * ppm * 1e-6
        overlap = windows / (high - low) if high > low else 0.0
        chunks.append(IonRange(summary.start, summary.stop, n_peaks, int(n_peaks * overlap)))
    return chunks


def choose_ranges(
    chunks: Sequence[IonRange], per_item: int, finished: set[Range]
) -> tuple[list[Range], dict[Range, IonRange]]:
    """Cut the ions of a database, and use what is finished of them.

    Parameters
    ----------
    chunks : sequence of IonRange
        All ions of the database.
    per_item : int
        Measured peaks that an item may have in its range of m/z.
    finished : set of (int, int)
        Ranges that are done.

    Returns
    -------
    ranges : list of (int, int)
        That cover all ions, finished or not.
    missing : dict of (int, int) to IonRange
        Those that are yet to be done.
    """
    parts = cut_score_items(chunks, per_item)
    planned = {(part.start, part.stop): part for part in parts}
    ranges = cover(parts[-1].stop if parts else 0, finished, list(planned))
    return ranges, {each: planned[each] for each in ranges if each not in finished}
