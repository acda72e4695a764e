"""PlanRun: check everything before money is spent, resolve the config, name what is computed."""

from __future__ import annotations

from ionbox_cloud import keys
from ionbox_cloud.accepted_request import accept_request
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import PlannedRun, PlanRequest
from ionbox_cloud.run_plan import make_plan
from ionbox_cloud.store import Stores


@state_handler("PlanRun", PlanRequest)
def lambda_handler(message: PlanRequest, stores: Stores) -> PlannedRun:
    """Plan a run; write its plan, its header and its databases."""
    accepted = accept_request(message.request, stores.inbox)
    plan = make_plan(message.request, accepted, stores.inbox)
    header = accepted.dataset.header
    stores.work.write_arrays(keys.header(plan.dataset_id), header.to_arrays())
    for planned, (_, data) in zip(plan.databases, accepted.databases, strict=True):
        stores.work.write(keys.database(planned.content_id), data)
    stores.work.write_json(keys.run_plan(message.execution_id), plan.to_json())
    sorted_already = stores.results.exists(keys.segments_manifest(plan.segments_id))
    return PlannedRun(
        execution_id=message.execution_id,
        run_id=plan.run_id,
        published=stores.results.exists(keys.results(plan.dataset_id, plan.run_id, "run.json")),
        sort="reuse" if sorted_already else plan.sort,
    )
