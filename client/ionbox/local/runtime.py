"""What Lambda's Python runtime does around a handler: load it, call it, answer result or error.

Standard library only: this is imported by every worker process, which should start in no time.
`handler_environment` has the variables that CDK gives functions on AWS (``cdk/functions.py``).
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from ionbox.local.functions import (
    IONBOX,
    REGION,
    FargateTask,
    Function,
    functions_by_state,
    read_functions,
    read_tasks,
)

# One thread per worker: the pool runs as many workers as there are cores.
_ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)

LASTING_ENVIRONMENT: Mapping[str, str] = {
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "POWERTOOLS_SERVICE_NAME": "ionbox",
    "POWERTOOLS_METRICS_NAMESPACE": "ionbox",
} | dict.fromkeys(_ONE_THREAD, "1")
"""What libraries read when they are imported, and what is the same for every run."""

MEMORY_TUNING: Mapping[str, str] = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1"
}
"""What the C library reads when a process starts; only glibc does.

Large blocks in pages of 2 MB: a sort touches most of its memory once, and each touched page costs
the system's time. And one arena for all threads: each further one keeps what its threads have given
back, some 30 MB, beside the memory that was planned.
"""


@dataclass(frozen=True, slots=True)
class StoreUrls:
    """Where the handlers find and leave their objects.

    Attributes
    ----------
    inbox, work, results : str
        URLs of what stands for the three buckets, such as ``file:///home/me/run``.
    """

    inbox: str
    work: str
    results: str


def handler_environment(
    stores: StoreUrls,
    functions: Mapping[str, Function] | None = None,
    tasks: Mapping[str, FargateTask] | None = None,
) -> dict[str, str]:
    """Return the environment variables every function sees, whichever it is.

    Parameters
    ----------
    stores
        What stands for the three buckets.
    functions
        The functions there are, whose rungs the planner chooses from; None for all of ionbox's.
    tasks
        The tasks there are, whose size the planner reckons with; None for all of ionbox's.

    Raises
    ------
    InvalidDefinition
        When ionbox's functions table is asked for and cannot be read.
    """
    by_state = functions_by_state(read_functions(IONBOX) if functions is None else functions)
    rungs_mb = {state: [rung.memory_mb for rung in rungs] for state, rungs in by_state.items()}
    task_table = read_tasks(IONBOX) if tasks is None else tasks
    sizes = {
        task.state: {"vcpu": task.vcpu, "memory_mb": task.memory_mb} for task in task_table.values()
    }
    return {
        "IONBOX_INBOX": stores.inbox,
        "IONBOX_WORK": stores.work,
        "IONBOX_RESULTS": stores.results,
        "IONBOX_RUNGS_MB": json.dumps(rungs_mb),
        "IONBOX_SORT_TASK": json.dumps(sizes.get("SortSpectra")),
        **LASTING_ENVIRONMENT,
    }


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one function, with everything a worker needs to know.

    Attributes
    ----------
    function, arn : str
        The name and ARN it was called by.
    handler : str
        Path of the file that defines ``lambda_handler``.
    memory_mb : int
        The function's memory size, MB.
    timeout_s : float
        The function's time limit, seconds.
    request_id : str
        Appears in logs and error messages.
    payload : str
        The event as JSON text.
    environment : mapping
        Variables that the handler needs. They stay with the process.
    log : str
        Path of the file that receives what the handler prints; empty for where it goes anyway.
    """

    function: str
    arn: str
    handler: str
    memory_mb: int
    timeout_s: float
    request_id: str
    payload: str
    environment: Mapping[str, str] = field(default_factory=dict)
    log: str = ""

    @classmethod
    def of(
        cls,
        function: Function,
        request_id: str,
        payload: str,
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> Call:
        """Return a call of a function with an event, JSON text."""
        return cls(
            function=function.name,
            arn=function.arn,
            handler=str(function.handler),
            memory_mb=function.memory_mb,
            timeout_s=function.timeout_s,
            request_id=request_id,
            payload=payload,
            environment=environment or {},
            log="" if log is None else str(log.absolute()),
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call came to.

    Attributes
    ----------
    error : str or None
        Error name as Step Functions sees it; None when the handler returned.
    payload : str
        JSON text: what the handler returned, or ``errorType``, ``errorMessage`` and so on.
    peak_memory_mb : float
        Highest resident memory of the process during the call, MB; 0 if not known.
    death : str
        How the process ended that had the call, if nobody here ended it; else empty.
    """

    error: str | None
    payload: str
    peak_memory_mb: float = 0.0
    death: str = ""


class LambdaContext:
    """The second argument of a handler, with the attributes it has on Lambda."""

    function_version = "$LATEST"
    identity = None
    client_context = None

    def __init__(self, call: Call) -> None:
        self.function_name = call.function
        self.invoked_function_arn = call.arn
        self.memory_limit_in_mb = str(call.memory_mb)  # a string on Lambda, too
        self.aws_request_id = call.request_id
        self.log_group_name = f"/aws/lambda/{call.function}"
        self.log_stream_name = call.request_id
        self._deadline = time.monotonic() + call.timeout_s

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the function's time limit, 0 if it has passed."""
        return max(0, round(1000 * (self._deadline - time.monotonic())))


Handler = Callable[[Any, LambdaContext], Any]


class RuntimeFault(Exception):  # noqa: N818 (Lambda's own word; not one of our errors)
    """The runtime could not call the handler or could not send what it returned."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type


def answer_call(call: Call) -> Answer:
    """Run a call in this process and answer as Lambda would, whatever the handler raises."""
    os.environ |= call.environment
    # as Lambda sets them, for what a handler imports
    os.environ["AWS_LAMBDA_FUNCTION_NAME"] = call.function
    os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = str(call.memory_mb)
    try:
        handler = load_handler(call.handler)
        return Answer(None, _to_json(handler(json.loads(call.payload), LambdaContext(call))))
    except Exception as error:  # noqa: BLE001 (as Lambda does: any error becomes the call's answer)
        return error_answer(_error_type(error), str(error), call.request_id, error.__traceback__)


def error_answer(
    error_type: str, message: str, request_id: str, trace: TracebackType | None = None
) -> Answer:
    """Return an error in the form in which Lambda answers it.

    Parameters
    ----------
    error_type
        Name of the error, by which the state machine's Retry and Catch go.
    message
        What went wrong, for people.
    request_id
        The call's id; may be empty.
    trace
        Where it was raised, if it was raised here.
    """
    # The first frame is answer_call's own.
    frames = traceback.format_tb(trace.tb_next) if trace and trace.tb_next else []
    payload: Mapping[str, Any] = {
        "errorMessage": message,
        "errorType": error_type,
        "requestId": request_id,
        "stackTrace": frames,
    }
    return Answer(error_type, json.dumps(payload))


@functools.cache
def load_handler(path: str) -> Handler:
    """Import a handler file, once per process, and return its ``lambda_handler``.

    Raises
    ------
    RuntimeFault
        When the file is not there or no Python, imports what is not there, or defines no
        ``lambda_handler``; its error type is Lambda's.
    """
    name = f"{Path(path).parent.name}_handler"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (ImportError, FileNotFoundError) as error:
        message = f"Unable to import module '{path}': {error}"
        raise RuntimeFault("Runtime.ImportModuleError", message) from error
    except SyntaxError as error:
        message = f"Syntax error in module '{path}': {error}"
        raise RuntimeFault("Runtime.UserCodeSyntaxError", message) from error
    handler: Handler | None = getattr(module, "lambda_handler", None)
    if handler is None:
        raise RuntimeFault("Runtime.HandlerNotFound", f"'{path}' defines no lambda_handler")
    return handler


def _to_json(result: object) -> str:
    try:
        return json.dumps(result, allow_nan=False)
    except (TypeError, ValueError) as error:
        message = f"Unable to marshal response: {error}"
        raise RuntimeFault("Runtime.MarshalError", message) from error


def _error_type(error: Exception) -> str:
    return error.error_type if isinstance(error, RuntimeFault) else type(error).__name__
