"""Whether a run is published, and everything still as it was written.

Damaged results are never handed out again: their record is removed, and the run published anew.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from ionbox_cloud import keys
from ionbox_cloud.errors import DamagedObject, InvalidMessage, MissingObject
from ionbox_cloud.logs import logger
from ionbox_cloud.published import RECORD, REPORT
from ionbox_cloud.records.run_record import RunRecord
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.store import Store

_PARALLEL_CHECKS = 16  # questions to a bucket: the time is in waiting


def read_record(results: Store, plan: RunPlan) -> RunRecord | None:
    """Read the record of a published run; None if there is none that can be used."""
    try:
        return _read_record(results, plan)
    except (MissingObject, DamagedObject, InvalidMessage):
        return None


def _read_record(results: Store, plan: RunPlan) -> RunRecord:
    key = keys.results(plan.dataset_id, plan.run_id, RECORD)
    return RunRecord.from_json(results.read_sealed(key))


def is_published(results: Store, plan: RunPlan) -> bool:
    """Say whether the results are there, as they were written, and new ones were not asked for.

    If any file is not what the record says, the record is removed: the run is published anew.
    """
    if plan.force:
        return False
    try:
        wrong = find_damage(results, plan, _read_record(results, plan))
    except MissingObject:
        return False
    except (DamagedObject, InvalidMessage):
        wrong = [RECORD]
    if not wrong:
        return True
    kinds = sorted({name.partition("/")[0] for name in wrong})  # files below have names in them
    logger.warning("published anew: damaged or missing in %s", ", ".join(kinds))
    results.delete([keys.results(plan.dataset_id, plan.run_id, RECORD)])
    return False


def find_damage(results: Store, plan: RunPlan, record: RunRecord) -> list[str]:
    """Return the files of a run that are not what its record says, those that are missing too."""

    def is_whole(name: str) -> bool:
        file = record.files[name]
        key = keys.results(plan.dataset_id, plan.run_id, name)
        return results.has_content(key, file.n_bytes, file.sha256)

    if REPORT not in record.files:
        return [REPORT]
    names = list(record.files)
    with ThreadPoolExecutor(_PARALLEL_CHECKS) as threads:
        whole = list(threads.map(is_whole, names))
    return [name for name, good in zip(names, whole, strict=True) if not good]
