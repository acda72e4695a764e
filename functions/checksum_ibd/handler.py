"""ChecksumIbd: whether an ibd is the one its imzML declares, where no other state reads all of it.

Runs beside everything from sorting to drawing. Asks, in this order, what was kept of an earlier
comparison, S3 and whoever sent the file, and reads the ibd in the inbox if nobody knows; writes
``contents/<dataset>/ibd-<tag>.json``, without which PublishResults publishes nothing.
"""

from __future__ import annotations

from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import Done, RunRef
from ionbox_cloud.run_plan import RunPlan, read_plan
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.dataset import open_planned_ibd
from ionbox_cloud.stored.ibd_checksum import find_checksum, keep_checksum, refuse_if_known_damaged
from ionbox_cloud.stored.ibd_digest import digest_ibd
from ionbox_cloud.stored.stated_checksum import ask_sender, ask_storage

# Of the 900 s that a call may take: after this many it gives up by itself, before it is killed.
ALLOWANCE_S = 780


@state_handler("ChecksumIbd", RunRef)
def lambda_handler(message: RunRef, stores: Stores) -> Done:
    """Keep what comes of comparing the ibd: "not compared" if time is too short for its size.

    That becomes a warning of the run: it must not fail for its checksum. Later runs do not read the
    file for it again.
    """
    plan = read_plan(stores.work, message.execution_id)
    known = find_checksum(stores.results, plan.dataset_id, plan.ibd_etag)
    if known is None or not known.digest:
        digest, source = _find_digest(stores, plan, may_read=known is None)
        keep_checksum(stores.results, plan, digest, source)
    refuse_if_known_damaged(stores.results, plan)
    return Done()


def _find_digest(stores: Stores, plan: RunPlan, *, may_read: bool) -> tuple[str, str]:
    """Return the checksum of the ibd, and who says so; empty if nobody can."""
    for source, ask in (("storage", ask_storage), ("sender", ask_sender)):
        digest = ask(stores.inbox, plan)
        if digest:
            return digest, source
    if not may_read:
        return "", "read"
    read_range = open_planned_ibd(stores.inbox, plan)
    digest = digest_ibd(plan.checksum_algorithm, read_range, plan.ibd_bytes, ALLOWANCE_S)
    open_planned_ibd(stores.inbox, plan)  # refuses what was replaced while it was read
    return digest, "read"
