"""AnnounceEnd: an execution ended; make its status right, and tell people and programs once.

Called by EventBridge, outside the state machine. Reads what the run left (``status.json``,
``run.json``); writes ``status.json`` if the run did not, publishes to the topic (people) and to the
event bus (programs), and writes ``announced/<end>.json``, by which a repeated event is known.
"""

from __future__ import annotations

from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent
from ionbox_cloud import keys
from ionbox_cloud.aws_clients import open_client
from ionbox_cloud.environment import AnnounceEndEnvironment
from ionbox_cloud.events.end_message import write_message, write_subject
from ionbox_cloud.events.notices import EventBus, Topic
from ionbox_cloud.events.run_end import DETAIL_TYPE, ExecutionEnd, settle_status, summarise_end
from ionbox_cloud.handlers import event_handler
from ionbox_cloud.logs import logger
from ionbox_cloud.store import open_stores


@event_handler(
    "AnnounceEnd",
    EventBridgeEvent,
    AnnounceEndEnvironment,
    "Step Functions Execution Status Change",
)
def lambda_handler(event: EventBridgeEvent, environment: AnnounceEndEnvironment) -> None:
    """Settle the status of an execution, then announce it unless that was done.

    If a call breaks off, its event is delivered again and everything is done from the start.
    """
    end, stores = ExecutionEnd.of(event.detail), open_stores(environment.stores)
    status = settle_status(end, stores)
    told_key = keys.announcement(end.execution_id, end.ended_ms)
    if stores.work.exists(told_key):
        logger.info("announced before", extra={"execution_id": end.execution_id})
        return
    ended = summarise_end(end, status, stores, environment.stores.results_url)
    topic = Topic(open_client("sns"), environment.topic_arn)
    topic.tell(write_subject(ended), write_message(ended))
    EventBus(open_client("events"), environment.event_bus).tell(DETAIL_TYPE, ended.to_json())
    # last: a call that breaks off before this line tells twice, which is better than never
    stores.work.write_json(told_key, ended.to_json())
    told = {"execution_id": ended.execution_id, "run_id": ended.run_id, "status": ended.status}
    logger.info("announced", extra=told)
