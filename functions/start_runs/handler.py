"""StartRuns: something changed; start waiting runs while there is room for them.

Stands between the run queue, which Intake fills, and the state machine. Woken by messages of the
kick queue; reads the run queue and the list of running executions; starts executions.
"""

from __future__ import annotations

from aws_lambda_powertools.utilities.data_classes import SQSEvent
from ionbox_cloud.aws_clients import open_client
from ionbox_cloud.environment import StartRunsEnvironment
from ionbox_cloud.events.executions import open_executions
from ionbox_cloud.events.run_queue import (
    RunQueue,
    ended_executions,
    kick_bodies,
    start_waiting_runs,
)
from ionbox_cloud.handlers import event_handler
from ionbox_cloud.logs import logger


@event_handler("StartRuns", SQSEvent, StartRunsEnvironment)
def lambda_handler(event: SQSEvent, environment: StartRunsEnvironment) -> None:
    """Start waiting runs up to the number that may run at once."""
    queue = RunQueue(open_client("sqs"), environment.run_queue_url, environment.kick_queue_url)
    executions = open_executions(environment.state_machine_arn)
    ended = ended_executions(kick_bodies(event))
    started = start_waiting_runs(queue, executions, environment.max_runs, ended)
    logger.info("done", extra={"started": started})
