"""PlanRun: check everything before money is spent, resolve the config, name what is computed.

First state of the state machine. Reads imzML, a sample of the ibd (all of it where an equal sample
was of another file), sidecar and molecule tables in
the inbox; writes ``executions/<execution>/plan.json``, which every later state reads, the header,
the tables, and the items of SortSpans. Answers with the choices the state machine makes.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from ionbox_cloud import keys
from ionbox_cloud.forecast.planned_run import PlannedWork, require_affordable
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.ladder import Ladder
from ionbox_cloud.logs import logger, refer_to
from ionbox_cloud.messages import (
    ItemList,
    PlannedRun,
    PlanRequest,
    RunRequest,
    SortChoice,
    SortItem,
)
from ionbox_cloud.planning.accepted_request import AcceptedRequest, accept_request
from ionbox_cloud.planning.call_memory import plan_calls, require_memory
from ionbox_cloud.planning.inspection import ibd_reader
from ionbox_cloud.planning.make_plan import make_plan
from ionbox_cloud.planning.map_items import plan_items
from ionbox_cloud.repair import set_aside
from ionbox_cloud.report.published_run import is_published
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.store import Store, Stores
from ionbox_cloud.stored.dataset import open_planned_ibd, write_header
from ionbox_cloud.stored.ibd_checksum import (
    find_checksum,
    keep_checksum,
    refuse_if_known_damaged,
)
from ionbox_cloud.stored.ibd_digest import digest_ibd
from ionbox_cloud.stored.known_contents import KnownContents
from ionbox_cloud.stored.segments_present import has_segments

# Of the 600 s that a call may take: after this many, the ibd's tag stands for its checksum.
ALLOWANCE_S = 400


@state_handler("PlanRun", PlanRequest)
def lambda_handler(message: PlanRequest, stores: Stores) -> PlannedRun:
    """Plan a run; write its header, its databases and its plan.

    Reached again, in the same execution, when a later state met an object that cannot be used: it
    is removed first, so that it is planned as what is absent is.

    With ``force`` a run counts as not published: its results are written anew. What is cached under
    hashes of its content (segments, patterns, scores) is used all the same.
    """
    work, execution_id = stores.work, message.execution_id
    ladder = Ladder.from_environment()
    with work.side_by_side() as calls:
        removed = calls.start(set_aside, stores, execution_id)
        planning_mb = require_memory(message.request.dataset, stores.inbox, message.rung, ladder)
        accepted = accept_request(message.request, stores.inbox)
    for key in removed.result():
        logger.warning("an object is computed again", extra=refer_to(key))
    plan = _make_plan(message.request, accepted, stores, planning_mb)
    expected, on_aws = PlannedWork.of(plan, accepted, ladder), stores.inbox.is_remote
    if on_aws:  # a run on one machine costs nothing
        least = expected.reading_checksum(needed=False)
        require_affordable(least.here(on_aws=True), accepted.max_dollars)
    with work.side_by_side() as calls:
        calls.start(write_header, work, plan.segments_id, accepted.dataset.header)
        for planned, (_, data) in zip(plan.databases, accepted.databases, strict=True):
            calls.start(work.write, keys.database(planned.content_id), data)
        listed = calls.start(_list_spans, work, execution_id, plan)
        has_sorted = calls.start(has_segments, stores.results, plan)
        compared = calls.start(find_checksum, stores.results, plan.dataset_id, plan.ibd_etag)
        has_published = calls.start(is_published, stores.results, plan)
    spans, checksum = listed.result(), compared.result()
    published = has_published.result()
    if not published:  # else nothing is computed, and planning would take as long again
        expected = expected.reading_checksum(needed=not (checksum and checksum.digest))
        plan = replace(plan, forecast=expected.here(on_aws=on_aws))
    # after what it names: later states take what a plan names for granted
    work.write_json(keys.run_plan(execution_id), plan.to_json())
    way = "reuse" if has_sorted.result() else plan.sort.way
    if way == "reuse" and checksum is not None and checksum.verdict == "differs":
        refuse_if_known_damaged(stores.results, plan)  # as an earlier run of the segments ended
    return PlannedRun(
        execution_id=execution_id,
        run_id=plan.run_id,
        published=published,
        recalibrate=plan.config.recalibrate,
        # the other ways see the whole file while they sort
        checksum_apart=way in ("map", "reuse") and not (checksum and checksum.digest),
        sort=SortChoice(
            way=way,
            rung=ladder.start_rung("SegmentSpectra", plan.sort.memory_mb),
            n_items=spans.n_items,
            items_key=spans.items_key,
            task_cpu=str(plan.sort.vcpu * 1024),
            task_memory=str(plan.sort.memory_mb),
            task_disk_gb=plan.sort.disk_gb,
        ),
        calls=plan_calls(plan, ladder),
    )


def _make_plan(
    request: RunRequest, accepted: AcceptedRequest, stores: Stores, planning_mb: int
) -> RunPlan:
    """Make the plan, and remember the content that it is made for."""
    algorithm = accepted.dataset.header.checksum_algorithm
    read_range = ibd_reader(stores.inbox, request.dataset.ibd_key)
    contents = KnownContents(
        stores.results,
        accepted.ibd.etag,
        algorithm,
        lambda: digest_ibd(algorithm, read_range, accepted.ibd.n_bytes, ALLOWANCE_S),
    )
    plan = make_plan(request, accepted, contents.settle, planning_mb)
    if not contents.remember(plan):
        plan = make_plan(request, accepted, contents.settle, planning_mb)
    if contents.found_digest:
        open_planned_ibd(stores.inbox, plan)  # refuses what was replaced while it was read
        keep_checksum(stores.results, plan, contents.found_digest)
    return plan


def _list_spans(work: Store, execution_id: str, plan: RunPlan) -> ItemList:
    """List the spans of spectra that are still to be sorted, if many calls sort the dataset."""
    if not plan.span_cuts:
        return ItemList(0, "")
    present = work.list_lasting(keys.sort(plan.sort_id))
    missing = [
        (index, start, stop)
        for index, (start, stop) in enumerate(pairwise(plan.span_cuts))
        if keys.sorted_span_summary(plan.sort_id, index) not in present
    ]
    items = [
        SortItem(
            execution_id,
            plan.run_id,
            item,
            keys.sorted_span_summary(plan.sort_id, index),
            index,
            start,
            stop,
            memory_mb=plan.sort.memory_mb,
        )
        for item, (index, start, stop) in enumerate(missing)
    ]
    return plan_items(work, "SortSpans", execution_id, items)
