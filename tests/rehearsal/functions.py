"""The stack's functions, each called in sandboxes as Lambda has them.

A sandbox takes one call at a time and is used again; a call that finds none idle starts one, up to
a number of calls at once, in which other calls wait.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.rehearsal.runtime_api import Event, Result, RuntimeApi
from tests.rehearsal.sandbox import Place, Sandbox

REGION = "us-east-1"
_LOOK_S = 0.05


@dataclass(frozen=True)
class Function:
    """A function as the template has it.

    Attributes
    ----------
    logical_id : str
        Its name in the template.
    name, arn : str
        Its name and ARN in the account.
    memory_mb, timeout_s : int
        Memory, MB; time limit of a call, seconds.
    handler : str
        What the runtime client imports.
    variables : mapping
        Its variables.
    place : Place
        Its code and layers.
    """

    logical_id: str
    name: str
    arn: str
    memory_mb: int
    timeout_s: int
    handler: str
    variables: Mapping[str, str]
    place: Place


@dataclass(frozen=True)
class CallRecord:
    """One call that ended.

    Attributes
    ----------
    function : str
        Logical id.
    sandbox : str
        Key id that the sandbox signed its requests with.
    started, ended : float
        Seconds on the monotonic clock.
    init_s : float
        Seconds from starting the sandbox to its first question for an event; 0 in a used one.
    peak_mb : float
        Most memory of the sandbox so far, MB.
    error : str
        What went wrong, JSON; empty if nothing.
    """

    function: str
    sandbox: str
    started: float
    ended: float
    init_s: float
    peak_mb: float
    error: str


@dataclass
class _Environment:
    """A sandbox of a function, with the server that its runtime client asks."""

    function: Function
    key_id: str
    memory_mb: int
    api: RuntimeApi
    sandbox: Sandbox
    started: float = field(default_factory=time.monotonic)

    def close(self) -> None:
        self.sandbox.close()
        self.api.close()


class Functions:
    """All functions of an account.

    Parameters
    ----------
    endpoint : str
        Where the emulated account answers.
    logs : Path
        Folder for what functions print, a file for each.
    n_calls : int
        Calls at once.
    """

    def __init__(self, endpoint: str, logs: Path, n_calls: int) -> None:
        self._endpoint = endpoint
        self._logs = logs
        self._room = threading.Semaphore(n_calls)
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        # all below is guarded by _lock
        self._functions: dict[str, Function] = {}
        self._memory_mb: dict[str, int] = {}
        self._idle: dict[str, list[_Environment]] = {}
        self._all: list[_Environment] = []
        self._records: list[CallRecord] = []
        self._n_running = 0

    def add(self, function: Function) -> None:
        """Make a function known by its name."""
        with self._lock:
            self._functions[function.name] = function

    def named(self, logical_id: str) -> Function:
        """Return the function of a logical id."""
        with self._lock:
            return next(f for f in self._functions.values() if f.logical_id == logical_id)

    @property
    def records(self) -> list[CallRecord]:
        """Calls that ended, in that order."""
        with self._lock:
            return list(self._records)

    @property
    def n_running(self) -> int:
        """How many calls have not ended."""
        with self._lock:
            return self._n_running

    def limit(self, logical_id: str, memory_mb: int) -> None:
        """Give the sandboxes of a function less memory than it has, from here on."""
        with self._lock:
            self._memory_mb[logical_id] = memory_mb
            idle = self._idle.pop(logical_id, [])
        for environment in idle:
            environment.close()

    def call(self, name: str, payload: bytes) -> tuple[bool, bytes]:
        """Call a function and wait.

        Returns
        -------
        bool
            Whether it returned; if not, the bytes say why, as Lambda does.
        bytes
            What it returned, JSON.
        """
        with self._lock:
            function = self._functions[name]
            self._n_running += 1  # also while it waits
        try:
            with self._room:
                return self._call(function, payload)
        finally:
            with self._lock:
                self._n_running -= 1

    def _call(self, function: Function, payload: bytes) -> tuple[bool, bytes]:
        environment, is_new = self._take(function)
        started = time.monotonic()
        request_id = str(uuid.uuid4())
        deadline = time.time() + function.timeout_s
        environment.api.put(Event(request_id, payload, deadline, function.arn))
        result = self._await(environment, request_id, started + function.timeout_s)
        returned = result.kind == "response"
        record = CallRecord(
            function=function.logical_id,
            sandbox=environment.key_id,
            started=started,
            ended=time.monotonic(),
            init_s=environment.api.first_asked - environment.started if is_new else 0.0,
            peak_mb=environment.sandbox.peak_mb,
            error="" if returned else result.body.decode(errors="replace"),
        )
        with self._lock:
            self._records.append(record)
            if environment.sandbox.is_alive:
                self._idle.setdefault(function.logical_id, []).append(environment)
        return returned, result.body

    def _await(self, environment: _Environment, request_id: str, until: float) -> Result:
        while True:
            result = environment.api.result(_LOOK_S)
            if result is None and not environment.sandbox.is_alive:
                result = _exit(environment, request_id)
            elif result is None and time.monotonic() > until:
                environment.sandbox.close()
                text = f"Task timed out after {environment.function.timeout_s:.2f} seconds"
                result = _platform("Sandbox.Timedout", text, request_id)
            if result is not None:
                return result

    def _take(self, function: Function) -> tuple[_Environment, bool]:
        with self._lock:
            idle = self._idle.get(function.logical_id, [])
            while idle:
                environment = idle.pop()
                if environment.sandbox.is_alive:
                    return environment, False
        return self._start(function), True

    def _start(self, function: Function) -> _Environment:
        with self._lock:
            memory_mb = self._memory_mb.get(function.logical_id, function.memory_mb)
            key_id = f"{function.logical_id}.{next(self._numbers)}"
        api = RuntimeApi()
        sandbox = Sandbox(
            function.place,
            ["/var/lang/bin/python3", "-m", "awslambdaric", function.handler],
            self._variables(function, key_id, api) | dict(function.variables),
            memory_mb,
            self._logs / f"{function.logical_id}.log",
        )
        environment = _Environment(function, key_id, memory_mb, api, sandbox)
        with self._lock:
            self._all.append(environment)
        return environment

    def _variables(self, function: Function, key_id: str, api: RuntimeApi) -> dict[str, str]:
        """Variables that Lambda sets, and those that lead to the emulated account."""
        return {
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "_HANDLER": function.handler,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/rehearsal/{function.logical_id}",
            "AWS_LAMBDA_LOG_STREAM_NAME": key_id,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "PYTHONPATH": "/opt/python:/var/runtime",
            **account_variables(self._endpoint, key_id),
        }

    def close(self) -> None:
        """Kill all sandboxes."""
        with self._lock:
            environments, self._all = self._all, []
        for environment in environments:
            environment.close()


def account_variables(endpoint: str, key_id: str) -> dict[str, str]:
    """Return variables of a process that belongs to the emulated account.

    Parameters
    ----------
    endpoint : str
        Where the account answers.
    key_id : str
        What the process signs its requests with, by which they are known as its own.
    """
    return {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true",  # to the storage library
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _exit(environment: _Environment, request_id: str) -> Result:
    """Say how a sandbox ended that gave no answer, unless it gave one after all."""
    given = environment.api.result(_LOOK_S)
    if given is not None:
        return given
    status = environment.sandbox.exit_code()
    killed = status in (-9, 128 + 9)  # of the process itself, or of the shell that became it
    how = "signal: killed" if killed else f"exit status {status}"
    return _platform("Runtime.ExitError", f"Runtime exited with error: {how}", request_id)


def _platform(error: str, text: str, request_id: str) -> Result:
    said = {"errorType": error, "errorMessage": f"RequestId: {request_id} Error: {text}"}
    return Result("error", json.dumps(said).encode())
