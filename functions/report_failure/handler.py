"""ReportFailure: a status that a human can act on, whatever went wrong.

Where every error that ends a run leads. Reads the plan, if the run came so far, and the call
records; writes the execution's ``status.json``. The execution then fails under the error's name.
"""

from __future__ import annotations

from ionbox_cloud import keys
from ionbox_cloud.errors import AccessDenied
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.ladder import OUT_OF_MEMORY
from ionbox_cloud.messages import Done, RunFailureReport
from ionbox_cloud.planning.map_items import describe_cause
from ionbox_cloud.run_plan import RunPlan, read_plan
from ionbox_cloud.run_record import RunStatus
from ionbox_cloud.run_totals import bill, total_states, write_status
from ionbox_cloud.store import Store, Stores
from ionbox_cloud.stored.segments_present import has_segments

_UNWRITABLE = "Make room or get permission there, then run again: finished work is kept."
_ADVICE = {
    "invalid_input": "Correct the input and run again.",
    "failed": "Run again: finished work is kept. If it fails the same way, report it.",
}


@state_handler("ReportFailure", RunFailureReport)
def lambda_handler(message: RunFailureReport, stores: Stores) -> Done:
    """Write the status of a failed execution."""
    planned = stores.work.exists(keys.run_plan(message.execution_id))
    plan = read_plan(stores.work, message.execution_id) if planned else None
    states = total_states(stores.work, message.execution_id, plan)
    write_status(
        stores.results,
        RunStatus(
            message.kind,
            message.execution_id,
            error=message.error.Error,
            message=describe_cause(message.error.Cause),
            advice=_advise(message, plan, stores.results),
            dataset=message.request.dataset.name,
            run_id=message.run_id,
            cost=bill(states, on_aws=stores.results.is_remote),
        ),
    )
    return Done()


def _advise(message: RunFailureReport, plan: RunPlan | None, results: Store) -> str:
    """Say what to do; as long as there are no segments, sorting is taken for what lacked memory."""
    lacked_memory = message.error.Error in OUT_OF_MEMORY
    if lacked_memory and plan is not None and not has_segments(results, plan):
        return (
            f"A worker ran out of memory, the largest there is; sorting was expected to take "
            f"{plan.sort.memory_mb:,} MB. Deploy with a higher max_lambda_mb, or run again with "
            '"sort": "fargate" in the config.'
        )
    if message.error.Error == AccessDenied.__name__:
        return _UNWRITABLE
    return _ADVICE[message.kind]
