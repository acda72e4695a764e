"""ChecksumIbd: the checksum of a whole ibd, for datasets that many calls sort.

Runs beside SortSpans, whose calls see a span each and nobody the file from end to end; the other
ways of sorting make the checksum in passing. Reads the ibd in the inbox; writes
``sort/<sort>/checksum.json``, which FinishSegments compares with what the imzML declares.
"""

from __future__ import annotations

import functools
import time

from ionbox_cloud import keys
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import Done, RunRef
from ionbox_cloud.planning.work_items import cut
from ionbox_cloud.run_plan import read_plan
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.dataset import open_planned_ibd
from ionbox_cloud.stored.segments import read_ahead
from ionbox_science.imzml.ibd import PassingDigest

_PIECE_BYTES = 32 << 20  # of one request; two pieces are in memory at a time
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
    digest = PassingDigest(plan.checksum_algorithm, read_range)
    deadline = time.monotonic() + ALLOWANCE_S
    pieces = list(cut(plan.ibd_bytes, _PIECE_BYTES))
    reads = [functools.partial(read_range, start, stop - start) for start, stop in pieces]
    found = ""
    for (start, _), piece in zip(pieces, read_ahead(reads), strict=True):
        digest(start, memoryview(piece))
        if time.monotonic() > deadline:
            break
    else:  # not broken off: every piece was seen
        found = digest.finish(plan.ibd_bytes)
    stores.work.write_sealed(key, {"digest": found})
    return Done()
