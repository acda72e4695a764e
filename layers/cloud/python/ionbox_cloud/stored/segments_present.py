"""Which segments of a run are there already, and will be until it ends.

Each object is looked for: lifecycle rules remove them one by one, so a manifest may be younger than
a segment that it promises.
"""

from __future__ import annotations

from collections.abc import Collection

from ionbox_cloud import keys
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.store import Store


def has_segments(results: Store, plan: RunPlan) -> bool:
    """Say whether a dataset need not be sorted: manifest, TIC and all segments are there."""
    segments_id = plan.segments_id
    needed = {keys.segments_manifest(segments_id), keys.tic(segments_id)}
    needed |= {keys.segment(segments_id, index) for index in range(plan.n_segments)}
    return needed <= results.list_lasting(keys.segments(segments_id))


def find_merged(
    plan: RunPlan, work_keys: Collection[str], results_keys: Collection[str]
) -> list[tuple[int, int]]:
    """Return ranges of segments that need not be merged, each as a call merged it.

    Parameters
    ----------
    plan : RunPlan
        The run, which has the identities of sort and segments.
    work_keys, results_keys : collection of str
        Keys that will last, from `Store.list_lasting` on either bucket.
    """
    folder = f"{keys.all_merged_segments(plan.sort_id)}/"
    recorded = (keys.range_of(key) for key in work_keys if key.startswith(folder))

    def are_there(start: int, stop: int) -> bool:
        segments = (keys.segment(plan.segments_id, index) for index in range(start, stop))
        return all(key in results_keys for key in segments)

    return [each for each in filter(None, recorded) if are_there(*each)]
