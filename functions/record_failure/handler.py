"""RecordFailure: write down which item of a Map failed and how, for the next state to find.

Where the branch of every failed item ends. Reads nothing; writes
``executions/<execution>/failures/<State>/<n>.json``. The item then counts as done for Step
Functions, so one failure does not stop the others; the state that gathers raises it.
"""

from __future__ import annotations

from ionbox_cloud import keys
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import Done, ItemFailureReport
from ionbox_cloud.store import Stores


@state_handler("RecordFailure", ItemFailureReport)
def lambda_handler(message: ItemFailureReport, stores: Stores) -> Done:
    """Write the failure of one item, as it was reported."""
    key = keys.failure(message.execution_id, message.state, message.item)
    stores.work.write_json(key, message.to_json())
    return Done()
