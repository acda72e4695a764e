"""Run the state machine on this machine, from its input to its result.

The interpreter is moto's, inside this process. It believes it talks to AWS: clients of ours stand
for Lambda, S3 and ECS, and a pool of worker processes runs the handlers. Objects lie in the
folders that the stores name, so a run that broke off goes on where it was when it is run again.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ionbox_cloud.environment import MAP_WORKERS_VARIABLE, SORT_THREADS_VARIABLE

from ionbox.local.call_events import CallEnd, Listener, ignore
from ionbox.local.cancelling import check
from ionbox.local.clients import Clients, EcsClient, LambdaClient, S3Client
from ionbox.local.definition import (
    WORK_BUCKET,
    adapt_to_machine,
    fill_placeholders,
    placeholder_values,
)
from ionbox.local.errors import InterpreterDied, InvalidDefinition
from ionbox.local.functions import IONBOX, Project, read_functions, read_tasks
from ionbox.local.interpreter import (
    Interpreter,
    TaskTokens,
    interpreter_alive,
    interpreter_threads,
    start_interpreter,
    without_aws,
)
from ionbox.local.pool import WorkerPool, default_workers
from ionbox.local.runtime import StoreUrls, handler_environment
from ionbox.local.tasks import HEARTBEAT_S, LocalTasks
from ionbox.local.worker_process import Reserve

_POLL_S = 0.02  # between two looks at how the execution is; it has no call that waits
_GRACE_S = 5.0  # for the interpreter's threads to end after their calls were answered


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
    reserve: Reserve | None = None,
    parsed: Path | None = None,
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
    reserve
        Workers that were started before, and may be used after.
    parsed
        Folder that keeps parsed state machines for the next run; None to parse them.

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
    environment = {
        **handler_environment(stores, functions, task_table),
        SORT_THREADS_VARIABLE: str(n_workers or default_workers()),
        MAP_WORKERS_VARIABLE: str(n_workers or default_workers()),
    }
    pool = WorkerPool(
        functions,
        environment=environment,
        log=log,
        n_workers=n_workers,
        memory_mb=memory_mb,
        listener=listener,
        reserve=reserve,
    )
    tasks = LocalTasks(
        task_table,
        pool,
        environment=without_aws(os.environ) | environment,
        log=log,
        heartbeat_s=heartbeat_s,
        listener=listener,
    )
    clients = Clients(
        {
            "lambda": LambdaClient(pool.invoke),
            "s3": S3Client(buckets, listener),
            "ecs": EcsClient(tasks.answer_ecs),
        }
    )
    with (
        pool,
        start_interpreter(clients, parsed) as interpreter,
        _quiet_end(pool, tasks),
    ):
        tasks.connect(TaskTokens(interpreter))
        definition = adapt_to_machine(filled, pool.n_workers, heartbeat_s)
        return _execute(interpreter, name, definition, execution_input, pool)


def _folder(url: str) -> Path:
    parts = urlsplit(url)
    if parts.scheme != "file":
        raise InvalidDefinition(f"A local run keeps its work in a folder; {url} is none.")
    return Path(unquote(parts.path))


def _execute(
    interpreter: Interpreter,
    name: str,
    definition: str,
    execution_input: Mapping[str, Any],
    pool: WorkerPool,
) -> ExecutionResult:
    interpreter.start(name, definition, execution_input)
    try:
        _wait(interpreter)
    except BaseException:
        # Whatever ends the waiting (most likely Ctrl-C) must not leave it running.
        _stop(interpreter)
        raise
    status, output, error, cause = interpreter.end()
    if status == "SUCCEEDED":
        failed = _failed_children(interpreter)
        if failed is None:
            return ExecutionResult(status, output, error, cause, pool.calls)
        status, error, cause = "FAILED", "States.ExceedToleratedFailureThreshold", failed
    return ExecutionResult(status, None, error, cause, pool.calls)


def _wait(interpreter: Interpreter) -> None:
    """Wait until the execution has ended."""
    while True:
        # asked first: threads may end with a result between the two questions
        alive = interpreter_alive()
        if not interpreter.runs:
            return
        check()
        if not alive:
            raise InterpreterDied(
                "The state machine's interpreter stopped without a result. This is a bug; the "
                "same command again resumes from what is stored."
            )
        time.sleep(_POLL_S)


def _stop(interpreter: Interpreter) -> None:
    while interpreter_alive():
        if interpreter.has_begun:
            interpreter.stop()
            return
        time.sleep(_POLL_S)


def _failed_children(interpreter: Interpreter) -> str | None:
    # moto's distributed Map succeeds whatever its children did; AWS's would have failed thus.
    for label, counts in interpreter.map_runs():
        n_bad = counts["failed"] + counts["timedOut"] + counts["aborted"]
        if n_bad:
            return f"{n_bad} of {counts['total']} items of Map {label} failed."
    return None


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
