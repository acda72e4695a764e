import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from ionbox.local.call_events import Listener, ignore
from ionbox.local.definition import State
from ionbox.local.functions import Function, Project, read_functions
from ionbox.local.machine import ExecutionResult, run_execution
from ionbox.local.pool import WorkerPool
from ionbox.local.runtime import StoreUrls, handler_environment
from ionbox.local.tasks import HEARTBEAT_S
from ionbox.local.worker_process import Reserve

TOY_HANDLER = Path(__file__).with_name("toy_handler.py")
TOY_TASK = Path(__file__).with_name("toy_task.py")

States = dict[str, State]
"""States of a state machine, by their names."""

NewThreads = Callable[[], list[str]]
"""The fixture ``new_threads``: names the threads that were not there when the test began."""


class Entry(TypedDict, total=False):
    """What a function's entry in the table says, where it differs from the toys' defaults."""

    rungs_mb: list[int]
    timeout_s: float


@dataclass
class Toy:
    """A project in a temporary folder whose functions are all copies of the toy handler."""

    root: Path

    @property
    def project(self) -> Project:
        return Project.at(self.root)

    @property
    def stores(self) -> StoreUrls:
        return StoreUrls(*((self.root / name).as_uri() for name in ("inbox", "work", "results")))

    @property
    def log(self) -> Path:
        return self.root / "log.txt"

    def functions(self, **entries: Entry) -> dict[str, Function]:
        """Write a functions table; ``Echo={"timeout_s": 1}`` overrides the defaults."""
        table: dict[str, dict[str, object]] = {}
        for state, entry in entries.items():
            folder = re.sub("(?<!^)([A-Z])", r"_\1", state).lower()
            handler = self.project.handlers / folder / "handler.py"
            handler.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TOY_HANDLER, handler)
            defaults = {"handler": f"{folder}/handler.py", "rungs_mb": [100], "timeout_s": 30}
            table[state] = {**defaults, **entry}
        task_file = self.project.handlers / "sort_spectra" / "task.py"
        task_file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TOY_TASK, task_file)
        tasks = {"SortSpectra": {"entry": "sort_spectra/task.py", "vcpu": 2, "memory_mb": 900}}
        self.project.table.parent.mkdir(exist_ok=True)
        self.project.table.write_text(json.dumps({"functions": table, "tasks": tasks}))
        return read_functions(self.project)

    def pool(
        self,
        *,
        n_workers: int = 2,
        memory_mb: int = 10_000,
        listener: Listener = ignore,
        reserve: Reserve | None = None,
        **entries: Entry,
    ) -> WorkerPool:
        functions = self.functions(**(entries or {"Echo": {}}))
        return WorkerPool(
            functions,
            environment=handler_environment(self.stores, functions),
            log=self.log,
            n_workers=n_workers,
            memory_mb=memory_mb,
            listener=listener,
            reserve=reserve,
        )

    def items(self, state: str, items: list[Any]) -> str:
        """Write a Map's items; returns their key in the work bucket."""
        key = f"runs/r/items/{state}.json"
        path = self.root / "work" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(items))
        return key

    def run(
        self,
        states: States,
        event: Mapping[str, Any],
        entries: Mapping[str, Entry] | None = None,
        *,
        machine: Mapping[str, Any] | None = None,
        n_workers: int = 2,
        memory_mb: int | None = None,
        heartbeat_s: float = HEARTBEAT_S,
        listener: Listener = ignore,
        parsed: Path | None = None,
    ) -> ExecutionResult:
        """Run a state machine that starts at its first state."""
        self.functions(**(entries or {"Echo": {}}))
        definition = {**(machine or {}), "StartAt": next(iter(states)), "States": states}
        self.project.definition.write_text(json.dumps(definition))
        return run_execution(
            "run-1",
            event,
            stores=self.stores,
            log=self.log,
            project=self.project,
            n_workers=n_workers,
            memory_mb=memory_mb,
            heartbeat_s=heartbeat_s,
            listener=listener,
            parsed=parsed,
        )


def task(function: str = "Echo", **fields: Any) -> State:
    """A Task that hands its input to a function."""
    end = {} if "Next" in fields else {"End": True}
    parameters = {"FunctionName": f"${{{function}}}", "Payload.$": "$"}
    resource = "arn:aws:states:::lambda:invoke"
    return {"Type": "Task", "Resource": resource, "Parameters": parameters} | fields | end


def fargate_task(memory_mb: int = 500, **fields: Any) -> State:
    """A Task that hands its input to a Fargate task, as AWS wants it written."""
    environment = {
        "IONBOX_TASK_TOKEN": "$$.Task.Token",
        "IONBOX_MESSAGE": "States.JsonToString($)",
        "IONBOX_MEMORY_MB": f"States.Format('{memory_mb}')",
    }
    network = {
        "Subnets.$": "States.StringSplit('${Subnets}', ',')",
        "SecurityGroups": ["${SecurityGroup}"],
        "AssignPublicIp": "ENABLED",
    }
    container = {
        "Name": "sort",
        "Environment": [{"Name": name, "Value.$": path} for name, path in environment.items()],
    }
    end = {} if "Next" in fields else {"End": True}
    return (
        {
            "Type": "Task",
            "Resource": "arn:aws:states:::ecs:runTask.waitForTaskToken",
            "HeartbeatSeconds": 600,
            "TimeoutSeconds": 21600,
            "Parameters": {
                "Cluster": "${Cluster}",
                "TaskDefinition": "${SortTask}",
                "LaunchType": "FARGATE",
                "StartedBy.$": "$$.Execution.Name",
                "NetworkConfiguration": {"AwsvpcConfiguration": network},
                "Overrides": {
                    "Cpu.$": "States.Format('4096')",
                    "Memory.$": f"States.Format('{memory_mb}')",
                    "EphemeralStorage": {"SizeInGiB.$": "States.MathAdd(10, 11)"},
                    "ContainerOverrides": [container],
                },
            },
        }
        | fields
        | end
    )


def distributed_map(states: States | None = None, **fields: Any) -> State:
    """A Map over the items at ``$.key``."""
    states = states or {"Call": task(OutputPath="$.Payload.value")}
    end = {} if "Next" in fields else {"End": True}
    return (
        {
            "Type": "Map",
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {"InputType": "JSON"},
                "Parameters": {"Bucket": "${WorkBucket}", "Key.$": "$.key"},
            },
            "MaxConcurrency": 40,
            "ItemProcessor": {
                "ProcessorConfig": {
                    "Mode": "DISTRIBUTED",
                    "ExecutionType": "${AnnotateSegmentsChildren}",
                },
                "StartAt": next(iter(states)),
                "States": states,
            },
        }
        | fields
        | end
    )


def process_runs(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")
