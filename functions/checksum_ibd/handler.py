"""ChecksumIbd: the checksum of a whole ibd, for datasets that many calls sort.

Runs beside SortSpans, whose calls see a span each and nobody the file from end to end; the other
ways of sorting make the checksum in passing. Reads the ibd in the inbox; writes
``sort/<sort>/checksum.json``, which FinishSegments compares with what the imzML declares.
"""

from __future__ import annotations

from ionbox_cloud import keys
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import Done, RunRef
from ionbox_cloud.run_plan import read_plan
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.dataset import open_planned_ibd
from ionbox_cloud.stored.ibd_digest import digest_ibd

# Of the 900 s that a call may take: after this many it gives up by itself, before it is killed.
ALLOWANCE_S = 780


@state_handler("ChecksumIbd", RunRef)
def lambda_handler(message: RunRef, stores: Stores) -> Done:
    """Write the checksum; an empty one if time is too short for so large a file.

    An empty one becomes a warning of the run ("not compared"): it must not fail for its checksum.
    """
    plan = read_plan(stores.work, message.execution_id)
    key = keys.ibd_checksum(plan.sort_id)
    if key in stores.work.list_lasting(keys.sort(plan.sort_id)):
        return Done()
    read_range = open_planned_ibd(stores.inbox, plan)
    found = digest_ibd(plan.checksum_algorithm, read_range, plan.ibd_bytes, ALLOWANCE_S)
    stores.work.write_sealed(key, {"digest": found})
    return Done()
