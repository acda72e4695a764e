"""ReportFailure: a status that a human can act on, whatever went wrong.

Where every error that ends a run leads. Reads the plan, if the run came so far, and the call
records; writes the execution's ``status.json``. The execution then fails under the error's name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set

from ionbox_cloud import keys
from ionbox_cloud.error_words import read_words
from ionbox_cloud.errors import AccessDenied
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.ladder import OUT_OF_MEMORY
from ionbox_cloud.messages import Done, RunFailureReport
from ionbox_cloud.records.run_record import RunStatus
from ionbox_cloud.records.run_totals import bill, total_states, write_status
from ionbox_cloud.run_plan import RunPlan, read_plan
from ionbox_cloud.store import Store, Stores
from ionbox_cloud.stored.segments_present import has_segments

_UNWRITABLE = "Make room or get permission there, then run again: finished work is kept."
_NOT_STARTED = (
    "ECS did not start the sort task, though asked many times; most likely there was no room. Run "
    "again later: finished work is kept. 'ionbox doctor' says how many may run at once."
)
_NO_TASK = {"AmazonECS.Unknown", "ECS.AmazonECSException", "ECS.ThrottlingException"}
_ADVICE = {
    "invalid_input": "Correct the input and run again.",
    "failed": "Run again: finished work is kept. If it fails the same way, report it.",
}

# What is called outside of Maps, in this order, by the way of sorting; then what comes after it.
_SORT_STATES = {
    "lambda": ("SegmentSpectra",),
    "map": ("PlanMerge", "FinishSegments"),
    "fargate": ("SortSpectra",),
}
_AFTERWARDS = ("PlanAnnotation", "EstimateFdr", "PublishResults")
_UNKNOWN = "A function"

_SORTING = {"SegmentSpectra", "SortSpans", "MergeSegments"}
"""What a higher max_lambda_mb and the Fargate task spare."""

_OF_ITEM = re.compile(r"(\w+) item \d+ ")  # as `gather` names it


@state_handler("ReportFailure", RunFailureReport)
def lambda_handler(message: RunFailureReport, stores: Stores) -> Done:
    """Write the status of a failed execution."""
    planned = stores.work.exists(keys.run_plan(message.execution_id))
    plan = read_plan(stores.work, message.execution_id) if planned else None
    states = total_states(stores.work, message.execution_id, plan)
    words = read_words(stores.work, message.error.Cause)
    write_status(
        stores.results,
        RunStatus(
            message.kind,
            message.execution_id,
            error=message.error.Error,
            message=words,
            advice=_advise(message, words, plan, states.keys(), stores.results),
            dataset=message.request.dataset.name,
            run_id=message.run_id,
            cost=bill(states, on_aws=stores.results.is_remote),
        ),
    )
    return Done()


def _advise(
    message: RunFailureReport, words: str, plan: RunPlan | None, called: Set[str], results: Store
) -> str:
    """Say what to do; ``called`` are the states that have succeeded at least once."""
    if message.error.Error == AccessDenied.__name__:
        return _UNWRITABLE
    if message.error.Error in _NO_TASK:
        return _NOT_STARTED
    if message.error.Error not in OUT_OF_MEMORY or plan is None:
        return _ADVICE[message.kind]
    sorted_before = has_segments(results, plan)
    suspects = _find_failed(words, plan, called, sorted_before)
    # whatever kills a function looks like this; the second time it was memory
    said = (
        "Run again: finished work is kept. If it fails the same way, "
        f"{' or '.join(suspects)} ran out of memory in the largest function there is."
    )
    if not _SORTING.isdisjoint(suspects):
        return (
            f"{said} Sorting was expected to take {plan.sort.memory_mb:,} MB. Deploy with a higher "
            'max_lambda_mb, or run again with "sort": "fargate" in the config.'
        )
    return f"{said} Deploy with a higher max_lambda_mb; if it is the highest already, report it."


def _find_failed(cause: str, plan: RunPlan, called: Set[str], sorted_before: bool) -> list[str]:
    """Return the state that failed; two if they ran side by side and neither ended.

    The error names the state if an item of a Map failed. Otherwise it is one that left no record of
    a call, as all do that succeed.
    """
    if item := _OF_ITEM.match(cause):
        return [item[1]]
    sorting = () if sorted_before else _SORT_STATES.get(plan.sort.way, ())
    # of states that follow each other, only the first can have been called
    branches = (_first_missing(sorting, called), _first_missing(("BuildIons",), called))
    return [state for state in branches if state] or [
        _first_missing(_AFTERWARDS, called) or _UNKNOWN
    ]


def _first_missing(states: Sequence[str], called: Set[str]) -> str | None:
    """Return the first state without a call that succeeded; None if all have one."""
    return next((state for state in states if state not in called), None)
