"""ReportFailure: a status a human can act on, whatever went wrong."""

from __future__ import annotations

from ionbox_cloud.gather import describe_cause
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import Done, RunFailureReport
from ionbox_cloud.run_record import write_status
from ionbox_cloud.store import Stores

_ADVICE = {
    "invalid_input": "Correct the input and run again.",
    "failed": "Run again: finished work is kept. If it fails the same way, report it.",
}


@state_handler("ReportFailure", RunFailureReport)
def lambda_handler(message: RunFailureReport, stores: Stores) -> Done:
    """Write the status of a failed execution."""
    write_status(
        stores.results,
        message.execution_id,
        {
            "status": message.kind,
            "error": message.error.Error,
            "message": describe_cause(message.error.Cause),
            "advice": _ADVICE[message.kind],
            "dataset": message.request.dataset.name,
            "run_id": message.run_id,
        },
    )
    return Done()
