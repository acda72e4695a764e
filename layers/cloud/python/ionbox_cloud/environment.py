"""What a handler needs to know from its environment, read once.

One frozen class per kind of function. On AWS the stack sets the variables (``cdk/functions.py``,
``cdk/events.py``, ``cdk/sort_task.py``), on one machine the local runner does
(``ionbox/local/runtime.py``). Nothing else in this ring reads the environment.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ionbox_cloud.errors import InvalidMessage

INBOX_VARIABLE = "IONBOX_INBOX"
WORK_VARIABLE = "IONBOX_WORK"
RESULTS_VARIABLE = "IONBOX_RESULTS"

TOKEN_VARIABLE = "IONBOX_TASK_TOKEN"
MESSAGE_VARIABLE = "IONBOX_MESSAGE"
MEMORY_VARIABLE = "IONBOX_MEMORY_MB"
HEARTBEAT_VARIABLE = "IONBOX_HEARTBEAT_S"
STATE_MACHINE_VARIABLE = "IONBOX_STATE_MACHINE"
RUN_QUEUE_VARIABLE = "IONBOX_RUN_QUEUE"
KICK_QUEUE_VARIABLE = "IONBOX_KICK_QUEUE"
MAX_RUNS_VARIABLE = "IONBOX_MAX_RUNS"
TOPIC_VARIABLE = "IONBOX_TOPIC"
DEFAULT_CONFIG_VARIABLE = "IONBOX_DEFAULT_CONFIG"
EVENT_BUS_VARIABLE = "IONBOX_EVENT_BUS"

EXPIRY_VARIABLES = ("IONBOX_WORK_EXPIRY_DAYS", "IONBOX_SEGMENTS_EXPIRY_DAYS")

RUNGS_VARIABLE = "IONBOX_RUNGS_MB"
SORT_TASK_VARIABLE = "IONBOX_SORT_TASK"
SORT_THREADS_VARIABLE = "IONBOX_SORT_THREADS"
MAP_WORKERS_VARIABLE = "IONBOX_MAP_WORKERS"

USUAL_MAP_WORKERS = 99
"""Calls of a Map at once in an account of the usual 1,000 functions at once and five runs."""
FAN_OUT_VARIABLE = "IONBOX_FAN_OUT"

INITIALIZATION_VARIABLE = "AWS_LAMBDA_INITIALIZATION_TYPE"

USUAL_ARCHITECTURE = "x86_64"
ARM = "arm64"
_OTHER_NAMES = {"amd64": USUAL_ARCHITECTURE, "aarch64": ARM}  # of Windows and of Linux


def read_architecture() -> str:
    """Return the architecture of the processor this runs on, by Lambda's name of it."""
    machine = platform.machine().lower()
    return _OTHER_NAMES.get(machine, machine)


def is_start_billed(environment: Mapping[str, str] = os.environ) -> bool:
    """Say whether this is a process of Lambda, started for a call.

    Lambda sets the variable. Processes that are made ready beforehand are billed otherwise.
    """
    return environment.get(INITIALIZATION_VARIABLE) == "on-demand"


@dataclass(frozen=True)
class StoresEnvironment:
    """Where objects live: ``s3://bucket`` on AWS, ``file:///folder`` on a laptop.

    Attributes
    ----------
    inbox_url : str
        What users drop: datasets, sidecar configs, databases. Only read.
    work_url : str
        Caches and intermediates; may be emptied at any time between runs.
    results_url : str
        Segments, results and the status of every execution.
    work_expiry_days, segments_expiry_days : int
        Age in days at which storage removes intermediates, and segments; 0 for never. What is
        nearly that old is not used again.
    """

    inbox_url: str
    work_url: str
    results_url: str
    work_expiry_days: int = 0
    segments_expiry_days: int = 0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> StoresEnvironment:
        """Read what is needed from the environment.

        Raises
        ------
        InvalidMessage
            If a variable is not set or empty; all that are missing are named.
        """
        inbox, work, results = _read(environment, INBOX_VARIABLE, WORK_VARIABLE, RESULTS_VARIABLE)
        work_days, segments_days = (int(environment.get(name, 0)) for name in EXPIRY_VARIABLES)
        return cls(inbox, work, results, work_days, segments_days)


@dataclass(frozen=True)
class TaskEnvironment:
    """What the state machine tells a task through its environment.

    Attributes
    ----------
    task_token : str
        Given back with the result, it tells Step Functions which waiting state it is for.
    message : str
        The state's message as JSON text.
    memory_mb : int
        Memory of the task, MB.
    heartbeat_s : float
        Time between two heartbeats, seconds; well below the state's HeartbeatSeconds.
    """

    task_token: str
    message: str
    memory_mb: int
    heartbeat_s: float

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> TaskEnvironment:
        """Read what is needed from the environment.

        Raises
        ------
        InvalidMessage
            If a variable is missing.
        """
        token, message, memory = _read(
            environment, TOKEN_VARIABLE, MESSAGE_VARIABLE, MEMORY_VARIABLE
        )
        return cls(
            task_token=token,
            message=message,
            memory_mb=int(memory),
            heartbeat_s=float(environment.get(HEARTBEAT_VARIABLE, "30")),
        )


@dataclass(frozen=True)
class IntakeEnvironment:
    """What Intake needs to know.

    Attributes
    ----------
    stores : StoresEnvironment
        Where the three stores are.
    state_machine_arn : str
        Whose executions the runs become.
    run_queue_url, kick_queue_url : str
        Runs that wait for their turn, and what wakes StartRuns.
    topic_arn : str
        Where people are told what they must know.
    default_config : str
        A JSON object: settings that apply where neither the user nor the imzML says anything.
    """

    stores: StoresEnvironment
    state_machine_arn: str
    run_queue_url: str
    kick_queue_url: str
    topic_arn: str
    default_config: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> IntakeEnvironment:
        """Read what is needed from the environment.

        Raises
        ------
        InvalidMessage
            If a variable is missing, or the default config is no JSON object.
        """
        values = _read(
            environment,
            STATE_MACHINE_VARIABLE,
            RUN_QUEUE_VARIABLE,
            KICK_QUEUE_VARIABLE,
            TOPIC_VARIABLE,
            DEFAULT_CONFIG_VARIABLE,
        )
        found = cls(StoresEnvironment.from_environment(environment), *values)
        found.default_settings()  # refuses a bad one here, before anything is claimed
        return found

    def default_settings(self) -> dict[str, Any]:
        """Return the default config as settings by name.

        Raises
        ------
        InvalidMessage
            If it is no JSON object.
        """
        try:
            settings = json.loads(self.default_config)
        except ValueError:
            settings = None
        if not isinstance(settings, dict):
            raise InvalidMessage(
                f"{DEFAULT_CONFIG_VARIABLE}: no JSON object: {self.default_config}"
            )
        return settings


@dataclass(frozen=True)
class StartRunsEnvironment:
    """What StartRuns needs to know.

    Attributes
    ----------
    state_machine_arn : str
        Whose executions the runs become.
    run_queue_url, kick_queue_url : str
        Runs that wait for their turn, and what wakes StartRuns.
    max_runs : int
        Executions that may run at once.
    """

    state_machine_arn: str
    run_queue_url: str
    kick_queue_url: str
    max_runs: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> StartRunsEnvironment:
        """Read what is needed from the environment.

        Raises
        ------
        InvalidMessage
            If a variable is missing, or the number of runs is not one above 0.
        """
        arn, run_queue, kick_queue, max_runs = _read(
            environment,
            STATE_MACHINE_VARIABLE,
            RUN_QUEUE_VARIABLE,
            KICK_QUEUE_VARIABLE,
            MAX_RUNS_VARIABLE,
        )
        if not max_runs.isdecimal() or int(max_runs) < 1:
            raise InvalidMessage(f"{MAX_RUNS_VARIABLE}: no whole number above 0: {max_runs}")
        return cls(arn, run_queue, kick_queue, int(max_runs))


@dataclass(frozen=True)
class AnnounceEndEnvironment:
    """What AnnounceEnd needs to know.

    Attributes
    ----------
    stores : StoresEnvironment
        Where the three stores are.
    topic_arn : str
        Where people are told how a run ended.
    event_bus : str
        Where programs are told.
    """

    stores: StoresEnvironment
    topic_arn: str
    event_bus: str

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] = os.environ
    ) -> AnnounceEndEnvironment:
        """Read what is needed from the environment.

        Raises
        ------
        InvalidMessage
            If a variable is missing.
        """
        values = _read(environment, TOPIC_VARIABLE, EVENT_BUS_VARIABLE)
        return cls(StoresEnvironment.from_environment(environment), *values)


def _read(environment: Mapping[str, str], *variables: str) -> list[str]:
    """Return the values of variables, all of which must be set."""
    missing = [name for name in variables if not environment.get(name)]
    if missing:
        raise InvalidMessage(f"not set in the environment: {', '.join(missing)}")
    return [environment[name] for name in variables]


def read_json_variable(variable: str, environment: Mapping[str, str] = os.environ) -> Any:
    """Read a variable whose value is JSON.

    Raises
    ------
    InvalidMessage
        If the variable is not set, or its value is not JSON.
    """
    (text,) = _read(environment, variable)
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidMessage(f"{variable} in the environment is not JSON: {text!r}") from error


@dataclass(frozen=True)
class FanOutEnvironment:
    """How many calls of a Map may be on at once, and which Maps' items are EXPRESS executions."""

    n_workers: int
    express: tuple[str, ...]


def read_fan_out(environment: Mapping[str, str] = os.environ) -> FanOutEnvironment | None:
    """Read how far Maps of this deployment fan out; None where nothing is said about it.

    Raises
    ------
    InvalidMessage
        If the variable is neither empty nor an object with both.
    """
    if not environment.get(FAN_OUT_VARIABLE):
        return None
    given = read_json_variable(FAN_OUT_VARIABLE, environment)
    try:
        found = FanOutEnvironment(int(given["n_workers"]), tuple(map(str, given["express"])))
    except (KeyError, TypeError, ValueError):
        found = FanOutEnvironment(0, ())
    if found.n_workers < 1:
        raise InvalidMessage(f"{FAN_OUT_VARIABLE} in the environment is no fan-out: {given!r}")
    return found


def count_threads(environment: Mapping[str, str] = os.environ) -> int:
    """Return how many threads a call may compute with.

    All cores of its function or task; one where the environment says so, because as many calls run
    side by side as there are cores.
    """
    return int(environment.get("OMP_NUM_THREADS", 0)) or _count_cores()


def count_sort_threads(environment: Mapping[str, str] = os.environ) -> int:
    """Return how many threads may sort a dataset in one call.

    One, unless the environment says otherwise: on one machine next to nothing runs beside that
    call, and reading is cheap.
    """
    return int(environment.get(SORT_THREADS_VARIABLE, 1))


def count_map_workers(environment: Mapping[str, str] = os.environ) -> int:
    """Return how many calls of a Map run at once on one machine: its workers."""
    return int(environment.get(MAP_WORKERS_VARIABLE, 1))


def _count_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
