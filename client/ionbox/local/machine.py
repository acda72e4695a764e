"""Run the state machine on this machine, from its input to its result.

The interpreter is moto's, inside this process. It believes it talks to AWS: an endpoint of ours
stands for Lambda, S3 and ECS, and a pool of worker processes runs the handlers. Objects lie in the
folders that the stores name, so a run that broke off goes on where it was when it is run again.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ionbox.local.call_events import CallEnd, Listener, ignore
from ionbox.local.cancelling import check
from ionbox.local.definition import (
    WORK_BUCKET,
    adapt_to_machine,
    fill_placeholders,
    placeholder_values,
)
from ionbox.local.endpoint import Endpoint
from ionbox.local.errors import InterpreterDied, InvalidDefinition
from ionbox.local.functions import ACCOUNT, IONBOX, Project, read_functions, read_tasks
from ionbox.local.interpreter import (
    TaskTokens,
    execution_runs,
    interpreter_alive,
    interpreter_threads,
    start_interpreter,
    without_aws,
)
from ionbox.local.pool import WorkerPool
from ionbox.local.runtime import StoreUrls, handler_environment
from ionbox.local.tasks import HEARTBEAT_S, LocalTasks

_POLL_S = 0.05  # between two looks at how the execution is; it has no call that waits
_GRACE_S = 5.0  # for the interpreter's threads to end after their calls were answered
_ROLE = f"arn:aws:iam::{ACCOUNT}:role/local"


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """How an execution ended, with every call that was made for it.

    Attributes
    ----------
    status : str
        SUCCEEDED, FAILED, TIMED_OUT or ABORTED, as Step Functions has it.
    output : object
        The last state's output, parsed; None unless it succeeded.
    error, cause : str or None
        Error name and cause; None unless it failed.
    calls : tuple of CallEnd
        Every finished call of a function, in the order in which they finished.
    """

    status: str
    output: Any
    error: str | None
    cause: str | None
    calls: tuple[CallEnd, ...]


def run_execution(
    name: str,
    execution_input: Mapping[str, Any],
    *,
    stores: StoreUrls,
    log: Path,
    project: Project = IONBOX,
    n_workers: int | None = None,
    memory_mb: int | None = None,
    max_lambda_mb: int | None = None,
    heartbeat_s: float = HEARTBEAT_S,
    listener: Listener = ignore,
) -> ExecutionResult:
    """Run one execution and wait for its end.

    Parameters
    ----------
    name
        The execution's name, which the state machine sees as ``$$.Execution.Name``.
    execution_input
        Its input, as JSON values: an `ionbox_cloud.messages.RunRequest`.
    stores
        Where the handlers find and leave their objects; ``work`` must be a ``file://`` URL,
        because the items of Maps are read from there.
    log
        File that receives what handlers print; it is appended to.
    project
        The state machine and its functions.
    n_workers, memory_mb
        Limits of the worker pool: calls at once, and their memory in MB; None for what the machine
        has.
    max_lambda_mb
        Memory of the largest function, MB; None for that of the functions table.
    heartbeat_s
        Seconds of silence after which a Fargate task is taken for dead.
    listener
        Is told what happens meanwhile, from other threads.

    Raises
    ------
    InvalidDefinition
        When the functions table cannot be read, the state machine cannot be filled in, the
        interpreter refuses it, or ``work`` is no folder.
    InterpreterDied
        When the interpreter's threads ended without a result.
    KeyboardInterrupt
        When interrupted, also by SIGTERM in a block of `ionbox.local.cancelling.deferred`. The
        execution has been stopped and its workers are dead by then, and everything that was
        finished is still in the stores.
    """
    functions = read_functions(project, max_lambda_mb=max_lambda_mb)
    task_table = read_tasks(project)
    filled = fill_placeholders(
        project.definition.read_text(encoding="utf-8"), placeholder_values(functions, task_table)
    )
    buckets = {WORK_BUCKET: _folder(stores.work)}
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = handler_environment(stores, functions, task_table)
    pool = WorkerPool(
        functions,
        environment=environment,
        log=log,
        n_workers=n_workers,
        memory_mb=memory_mb,
        listener=listener,
    )
    tasks = LocalTasks(
        task_table,
        pool,
        environment=without_aws(os.environ) | environment,
        log=log,
        heartbeat_s=heartbeat_s,
        listener=listener,
    )
    with (
        pool,
        Endpoint(pool.invoke, buckets, services=tasks.services, listener=listener) as endpoint,
        start_interpreter(endpoint.url) as client,
        _quiet_end(pool, tasks),
    ):
        tasks.connect(endpoint.url, TaskTokens())
        definition = adapt_to_machine(filled, pool.n_workers, heartbeat_s)
        return _execute(client, name, definition, execution_input, pool)


def _folder(url: str) -> Path:
    parts = urlsplit(url)
    if parts.scheme != "file":
        raise InvalidDefinition(f"A local run keeps its work in a folder; {url} is none.")
    return Path(unquote(parts.path))


def _execute(
    client: Any,
    name: str,
    definition: str,
    execution_input: Mapping[str, Any],
    pool: WorkerPool,
) -> ExecutionResult:
    arn = _create_machine(client, definition)
    execution = client.start_execution(
        stateMachineArn=arn, name=name, input=json.dumps(execution_input)
    )["executionArn"]
    try:
        end = _wait(client, execution)
    except BaseException:
        # Whatever ends the waiting (most likely Ctrl-C) must not leave it running.
        _stop(client, execution)
        raise
    if end["status"] == "SUCCEEDED":
        end |= _failed_children(client, execution)
    output = _parse_output(end["output"]) if end["status"] == "SUCCEEDED" else None
    return ExecutionResult(end["status"], output, end.get("error"), end.get("cause"), pool.calls)


def _create_machine(client: Any, definition: str) -> str:
    from botocore.exceptions import ClientError

    try:
        machine = client.create_state_machine(name="ionbox", definition=definition, roleArn=_ROLE)
    except ClientError as error:
        reason = error.response["Error"]["Message"].partition(" in definition '")[0]
        raise InvalidDefinition(f"The interpreter refuses the state machine: {reason}") from error
    arn: str = machine["stateMachineArn"]
    return arn


def _wait(client: Any, execution: str) -> dict[str, Any]:
    """Wait until the execution has ended; return what Step Functions says of it."""
    while True:
        # asked first: threads may end with a result between the two questions
        alive = interpreter_alive()
        if not execution_runs(execution):
            end: dict[str, Any] = client.describe_execution(executionArn=execution)
            return end
        check()
        if not alive:
            raise InterpreterDied(
                "The state machine's interpreter stopped without a result. This is a bug; the "
                "same command again resumes from what is stored."
            )
        time.sleep(_POLL_S)


def _parse_output(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text  # moto does not quote an output that is one string


def _stop(client: Any, execution: str) -> None:
    while interpreter_alive():
        # moto cannot stop an execution that has not entered its first state yet.
        if client.get_execution_history(executionArn=execution)["events"]:
            client.stop_execution(executionArn=execution)
            return
        time.sleep(_POLL_S)


def _failed_children(client: Any, execution: str) -> dict[str, Any]:
    # moto's distributed Map succeeds whatever its children did; AWS's would have failed thus.
    for run in client.list_map_runs(executionArn=execution)["mapRuns"]:
        counts = client.describe_map_run(mapRunArn=run["mapRunArn"])["itemCounts"]
        n_bad = counts["failed"] + counts["timedOut"] + counts["aborted"]
        if n_bad:
            label = run["mapRunArn"].rpartition("/")[2].partition(":")[0]
            return {
                "status": "FAILED",
                "error": "States.ExceedToleratedFailureThreshold",
                "cause": f"{n_bad} of {counts['total']} items of Map {label} failed.",
            }
    return {}


@contextlib.contextmanager
def _quiet_end(pool: WorkerPool, tasks: LocalTasks) -> Iterator[None]:
    """Stop tasks, answer calls and let the interpreter's threads end while moto is still there."""
    try:
        yield
    finally:
        # in this order: tasks that wait for room are let go by the pool, and only then can end
        tasks.close()
        pool.close()
        tasks.join()
        deadline = time.monotonic() + _GRACE_S
        for thread in interpreter_threads():
            # One that sleeps before a retry may stay: a daemon that finds the execution stopped.
            thread.join(max(0.0, deadline - time.monotonic()))
        interpreter_threads().clear()
