"""Where an execution finds the scores of a database.

PlanAnnotation writes it, EstimateFdr reads it. Scores of an earlier run may be among them, cut as
they were then.
"""

from __future__ import annotations

from dataclasses import dataclass

from ionbox_cloud import keys
from ionbox_cloud.json_record import JsonRecord
from ionbox_cloud.planning.fan_out import Range
from ionbox_cloud.store import Store


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
