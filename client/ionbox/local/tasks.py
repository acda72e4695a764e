"""Fargate tasks on this machine: each is a process that reports to the state machine by token.

The interpreter asks us to run a task as it would ask ECS, and waits for the task's token to come
back; the task sends heartbeats and its result to an endpoint of ours, as it would to Step
Functions, and they are passed on to the interpreter.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ionbox.local.call_events import CallEnd, CallStarted, Listener, ignore
from ionbox.local.clients import Request, Response, ServiceFault
from ionbox.local.functions import ACCOUNT, REGION, FargateTask
from ionbox.local.memory import Watched
from ionbox.local.pool import WorkerPool
from ionbox.local.progress.pipe import Gauge
from ionbox.local.runtime import MEMORY_TUNING

if TYPE_CHECKING:
    from ionbox.local.endpoint import Endpoint

HEARTBEAT_S = 30.0
"""Seconds of silence after which a task on this machine is taken for dead."""
STOP_S = 5.0
"""Seconds from SIGTERM to SIGKILL; Fargate waits for longer (cdk/sort_task.py)."""

# The name AWS gives this service in a request's X-Amz-Target.
STEP_FUNCTIONS = "AWSStepFunctions"

_TOKEN = "IONBOX_TASK_TOKEN"
_MEMORY = "IONBOX_MEMORY_MB"
_HEARTBEAT = "IONBOX_HEARTBEAT_S"
# What the state machine tells a task. No other variable is taken from a request: PYTHONPATH, say,
# would let whoever sends it choose the code that runs.
_TOLD = frozenset({_TOKEN, "IONBOX_MESSAGE", _MEMORY})
_HEARTBEATS_PER_TIMEOUT = 4  # a few may be late or lost before a task is taken for dead
_NO_REPORT = "States.HeartbeatTimeout"  # how a task that died without a word ends on AWS


class Tokens(Protocol):
    """The states that wait for a task's token: `ionbox.local.interpreter.TaskTokens`.

    The first three methods raise `ServiceFault` if none waits for it.
    """

    def heartbeat(self, token: str) -> None: ...

    def succeed(self, token: str, output: str) -> None: ...

    def fail(self, token: str, error: str, cause: str) -> None: ...

    def silence(self, token: str) -> None: ...

    def renew(self, token: str) -> None: ...


@dataclass(slots=True, eq=False)
class _Run:
    """One run of a task, from the request to the process's end."""

    task: FargateTask
    token: str
    started_by: str
    memory_mb: int
    environment: dict[str, str]
    arn: str
    process: subprocess.Popen[bytes] | None = None
    gauge: Gauge = field(default_factory=Gauge)
    watched: Watched | None = None
    killer: threading.Timer | None = None
    queued: float = field(default_factory=time.monotonic)
    started: float = 0.0
    clock: float = 0.0
    begun: threading.Event = field(default_factory=threading.Event)
    recorded: bool = False
    refusal: str = "The run was stopped"  # why there is no process, if there is none

    def describe(self) -> Response:
        """Return it as ECS does."""
        if self.process is None:
            status = "PENDING"
        else:
            status = "RUNNING" if self.process.poll() is None else "STOPPED"
        return {
            "taskArn": self.arn,
            "taskDefinitionArn": self.task.arn,
            "startedBy": self.started_by,
            "lastStatus": status,
        }

    def record(self, error: str | None) -> CallEnd:
        assert self.process is not None
        return CallEnd(
            state=self.task.state,
            function=self.task.name,
            queued_s=self.clock - self.queued,
            started=self.started,
            duration_s=time.monotonic() - self.clock,
            error=error,
            worker_pid=self.process.pid,
            peak_memory_mb=self.watched.peak_mb if self.watched else 0.0,
        )

    def signal(self, number: int) -> None:
        """Send a signal to the process and all it started, if it runs."""
        if self.process is not None and self.process.returncode is None:
            _signal_group(self.process.pid, number)


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)


class LocalTasks:
    """Runs tasks as processes, beside the calls of a worker pool and within its memory.

    A task may use the memory it asks for, or all that the pool may use if that is less; it is
    told how much.

    Parameters
    ----------
    tasks
        What `read_tasks` returned.
    pool
        Shares cores and memory with the tasks, and keeps their records.
    environment
        All environment variables of the processes, without those that connect them to AWS.
    log
        File that receives what tasks print.
    heartbeat_s
        Seconds for which the state machine waits for a sign of life.
    stop_s
        Seconds that a task may live on once it is stopped, from SIGTERM to SIGKILL.
    listener
        Is told when tasks start and finish.
    """

    def __init__(
        self,
        tasks: Mapping[str, FargateTask],
        pool: WorkerPool,
        *,
        environment: Mapping[str, str],
        log: Path,
        heartbeat_s: float = HEARTBEAT_S,
        stop_s: float = STOP_S,
        listener: Listener = ignore,
    ) -> None:
        self._tasks = tasks
        self._pool = pool
        self._environment = dict(environment)
        self._log = log
        self._heartbeat_s = heartbeat_s
        self._stop_s = stop_s
        self._listener = listener
        self._tokens: Tokens | None = None
        self._lock = threading.Lock()
        # all below is guarded by _lock
        self._runs: dict[str, _Run] = {}  # by token, the latest of each
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._endpoint: Endpoint | None = None

    def connect(self, tokens: Tokens) -> None:
        """Take note of what waits for the reports of tasks."""
        self._tokens = tokens

    # --- ECS ---

    def answer_ecs(self, action: str, request: Request) -> Response:
        """Answer a request to ECS: starting, stopping, listing and describing tasks.

        Raises
        ------
        ServiceFault
            When there is no such action, task or run here, or the runner is stopping.
        """
        match action:
            case "RunTask":
                return {"tasks": [self._run_task(request).describe()], "failures": []}
            case "StopTask":
                return {"task": self._stop_task(request["task"]).describe()}
            case "ListTasks":
                return {"taskArns": [run.arn for run in self._list_running(request)]}
            case "DescribeTasks":
                return {"tasks": [self._find(arn).describe() for arn in request["tasks"]]}
        raise ServiceFault("InvalidActionException", f"No such action here: {action}")

    def _run_task(self, request: Request) -> _Run:
        run = self._prepare(request)
        with self._lock:
            former = self._runs.get(run.token)
            self._runs[run.token] = run
        if former is not None:  # a Retry: moto gives it the token of the attempt before
            former.signal(signal.SIGKILL)
            self._waiting.renew(run.token)
        life = threading.Thread(target=self._live, args=(run,), name=f"task {run.task.name}")
        with self._lock:
            self._threads.append(life)
            life.start()
        # The time until a heartbeat is due starts with this answer: not before there is room.
        run.begun.wait()
        if run.process is None:
            raise ServiceFault("ClientException", run.refusal)
        return run

    def _prepare(self, request: Request) -> _Run:
        name = request["taskDefinition"].rpartition("task-definition/")[2].partition(":")[0]
        if name not in self._tasks:
            known = ", ".join(sorted(self._tasks)) or "none"
            raise ServiceFault("ClientException", f"No task is called {name!r}; there is: {known}.")
        overrides = request["overrides"]
        (container,) = overrides["containerOverrides"]
        environment = {each["name"]: each["value"] for each in container["environment"]}
        unknown = sorted(environment.keys() - _TOLD)
        if unknown or _TOKEN not in environment:
            told = f"not {', '.join(map(repr, unknown))}" if unknown else f"but {_TOKEN} always"
            raise ServiceFault(
                "ClientException", f"A task is told {', '.join(sorted(_TOLD))}, {told}."
            )
        memory_mb = min(int(overrides["memory"]), self._pool.memory_mb)
        environment |= {
            _MEMORY: str(memory_mb),
            _HEARTBEAT: str(self._heartbeat_s / _HEARTBEATS_PER_TIMEOUT),
        }
        return _Run(
            task=self._tasks[name],
            token=environment[_TOKEN],
            started_by=request.get("startedBy", ""),
            memory_mb=memory_mb,
            environment=environment,
            arn=f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/local/{uuid.uuid4().hex}",
        )

    def _live(self, run: _Run) -> None:
        """Wait for room, start the process and see it to its end; a thread for each run."""
        try:
            with self._pool.admitted(run.memory_mb):
                process = self._start(run)
                run.begun.set()
                if process is not None:
                    self._attend(run, process)
        except OSError as error:  # the log's disk is full, say, or there are too many processes
            run.refusal = f"{run.task.name} could not be started: {error}"
        finally:
            run.begun.set()

    def _start(self, run: _Run) -> subprocess.Popen[bytes] | None:
        with self._lock, self._log.open("ab") as log_file:
            if self._closed:
                return None
            self._open_endpoint()
            self._listener(CallStarted(run.task.state, run.gauge))
            run.started, run.clock = time.time(), time.monotonic()
            with run.gauge.passed_on() as (told, descriptors):
                run.process = subprocess.Popen(
                    # -P: a file in the user's folder must not shadow a module
                    [sys.executable, "-P", "-m", "ionbox.local.task_process", str(run.task.entry)],
                    stdin=subprocess.PIPE,
                    stdout=log_file,
                    stderr=log_file,
                    env={**MEMORY_TUNING, **self._environment, **run.environment, **told},
                    pass_fds=descriptors,
                    start_new_session=True,
                )
            return run.process

    def _open_endpoint(self) -> None:
        """Open the endpoint that tasks report to, if there was no task before; under the lock."""
        if self._endpoint is None:
            from ionbox.local.endpoint import Endpoint  # few runs have a task

            self._endpoint = Endpoint({STEP_FUNCTIONS: self.pass_on})
            self._environment |= local_aws(self._endpoint.url, "SFN")

    def _attend(self, run: _Run, process: subprocess.Popen[bytes]) -> None:
        def kill() -> None:
            run.signal(signal.SIGKILL)

        with self._pool.memory_watch.limit(process.pid, run.memory_mb, kill) as run.watched:
            process.wait()
        _signal_group(process.pid, signal.SIGKILL)  # what it may have started
        if run.killer is not None:
            run.killer.cancel()
        assert process.stdin is not None
        process.stdin.close()
        if self._record(run, _NO_REPORT) and self._is_awaited(run):
            self._waiting.silence(run.token)  # AWS would wait for a heartbeat that cannot come
        run.gauge.close()

    def _record(self, run: _Run, error: str | None) -> bool:
        """Keep how a run went; returns False if that is known already."""
        with self._lock:
            if run.recorded:
                return False
            run.recorded = True
        self._pool.keep(run.record(error), run.gauge)
        return True

    def _is_awaited(self, run: _Run) -> bool:
        """Say whether a state waits for this run, and not for a later one with its token."""
        with self._lock:
            return self._runs.get(run.token) is run and not self._closed

    def _list_running(self, request: Request) -> list[_Run]:
        started_by = request.get("startedBy")
        with self._lock:
            runs = list(self._runs.values())
        return [
            run
            for run in runs
            if run.describe()["lastStatus"] != "STOPPED" and started_by in (None, run.started_by)
        ]

    def _stop_task(self, arn: str) -> _Run:
        run = self._find(arn)
        run.signal(signal.SIGTERM)
        run.killer = threading.Timer(self._stop_s, run.signal, (signal.SIGKILL,))
        run.killer.start()
        return run

    def _find(self, arn: str) -> _Run:
        with self._lock:
            for run in self._runs.values():
                if run.arn == arn:
                    return run
        raise ServiceFault("InvalidParameterException", f"The referenced task was not found: {arn}")

    # --- Step Functions ---

    def pass_on(self, action: str, request: Request) -> Response:
        """Pass a task's report on to the state that waits for it.

        Raises
        ------
        ServiceFault
            When there is no such action here, or no state waits for the token.
        """
        token = request["taskToken"]
        match action:
            case "SendTaskHeartbeat":
                self._waiting.heartbeat(token)
            case "SendTaskSuccess":
                self._finish(token, None)
                self._waiting.succeed(token, request["output"])
            case "SendTaskFailure":
                error = request.get("error", "")
                self._finish(token, error)
                self._waiting.fail(token, error, request.get("cause", ""))
            case _:
                raise ServiceFault("InvalidActionException", f"No such action here: {action}")
        return {}

    @property
    def _waiting(self) -> Tokens:
        assert self._tokens is not None, "not connected"
        return self._tokens

    def _finish(self, token: str, error: str | None) -> None:
        """Record a run when it reports, not when its process ends: the state goes on from here."""
        with self._lock:
            run = self._runs.get(token)
        if run is not None:
            self._record(run, error)

    # --- end ---

    def close(self) -> None:
        """Kill all tasks and start no more; those that wait for room end when the pool closes."""
        with self._lock:
            self._closed = True
            for run in self._runs.values():
                run.signal(signal.SIGKILL)
                # or the interpreter would wait for its heartbeat, although the run was stopped
                self._waiting.renew(run.token)

    def join(self) -> None:
        """Wait for all threads; to be called after the pool was closed."""
        for thread in self._threads:
            thread.join()
        if self._endpoint is not None:
            self._endpoint.close()


def local_aws(url: str, *services: str) -> dict[str, str]:
    """Return variables for a process that must not reach AWS, but our endpoint for ``services``."""
    return {f"AWS_ENDPOINT_URL_{service}": url for service in services} | {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": REGION,
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
