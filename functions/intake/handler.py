"""Intake: an object came into the inbox; queue the run or register the database it completes.

First step of all: called by EventBridge for every object in the inbox that may be ours. Reads the
inbox; writes a claim and a message of the run queue (for a complete dataset), or
``databases/<name>.json`` (for a molecule table). Events may come twice, late and in any order.
"""

from __future__ import annotations

from aws_lambda_powertools.utilities.data_classes import S3EventBridgeNotificationEvent
from ionbox_cloud.aws_clients import open_client
from ionbox_cloud.environment import IntakeEnvironment
from ionbox_cloud.events.claims import claim_run
from ionbox_cloud.events.drops import DroppedDataset, Ignored, find_drop
from ionbox_cloud.events.executions import open_executions
from ionbox_cloud.events.intake_notices import complain_of_database, complain_of_key
from ionbox_cloud.events.notices import Topic
from ionbox_cloud.events.run_queue import RunQueue
from ionbox_cloud.handlers import event_handler
from ionbox_cloud.logs import logger, refer_to
from ionbox_cloud.planning.database_tables import register_database
from ionbox_cloud.store import open_stores


def _topic(environment: IntakeEnvironment) -> Topic:
    return Topic(open_client("sns"), environment.topic_arn)  # most calls complain of nothing


@event_handler("Intake", S3EventBridgeNotificationEvent, IntakeEnvironment, "Object Created")
def lambda_handler(event: S3EventBridgeNotificationEvent, environment: IntakeEnvironment) -> None:
    """Find out what an object belongs to, and do once what follows from it."""
    stores = open_stores(environment.stores)
    drop = find_drop(stores.inbox, event.detail.object["key"])
    if isinstance(drop, Ignored):
        logger.info("nothing to do", extra={"reason": drop.reason, **refer_to(drop.key)})
        if drop.warn:
            complain_of_key(_topic(environment), drop)
    elif isinstance(drop, DroppedDataset):
        executions = open_executions(environment.state_machine_arn)
        run = claim_run(drop, stores.inbox, stores.work, executions, environment.default_settings())
        queued = run.execution_id if run else None
        logger.info("claimed", extra={"queued": queued, **refer_to(drop.files.imzml_key)})
        if run is not None:
            queue = RunQueue(
                open_client("sqs"), environment.run_queue_url, environment.kick_queue_url
            )
            queue.add(run)
    else:
        record = register_database(
            drop,
            stores.inbox,
            stores.results,
            lambda record: complain_of_database(_topic(environment), record),
        )
        found = {"status": record.status, "n_molecules": record.n_molecules}
        logger.info("registered", extra={"database": found, **refer_to(record.key)})
