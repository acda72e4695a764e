"""The Fargate task: started by RunTask with the entry point and overrides it would have on AWS."""

from __future__ import annotations

import json
import signal
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.rehearsal.functions import CallRecord, account_variables
from tests.rehearsal.sandbox import Place, Sandbox
from tests.rehearsal.template import Template

STATE = "SortSpectra"
PRINCIPAL = f"{STATE}TaskRole"
"""What the task's requests are known by: the role that they are made with."""


class Tasks:
    """Tasks of an account.

    Parameters
    ----------
    template : Template
        Has the task definition.
    endpoint : str
        Where the account answers.
    place : Place
        What a task sees.
    folder : Path
        Has ``logs``.
    """

    def __init__(self, template: Template, endpoint: str, place: Place, folder: Path) -> None:
        self._template = template
        self._endpoint = endpoint
        self._place = place
        self._folder = folder
        self._lock = threading.Lock()
        # all below is guarded by _lock
        self._sandboxes: list[Sandbox] = []
        self._records: list[CallRecord] = []
        self._requests: list[dict[str, Any]] = []

    @property
    def records(self) -> list[CallRecord]:
        """Tasks that ended."""
        with self._lock:
            return list(self._records)

    @property
    def requests(self) -> list[dict[str, Any]]:
        """What RunTask was asked, in that order."""
        with self._lock:
            return list(self._requests)

    def run_task(self) -> Callable[..., str]:
        """Return what stands for moto's answer to RunTask, which starts nothing."""
        tasks = self

        def run_task(response: Any) -> str:
            return json.dumps(tasks._start(json.loads(response.body)))

        return run_task

    def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        ((_, definition),) = self._template.of_type("ECS::TaskDefinition").items()
        (container,) = definition["Properties"]["ContainerDefinitions"]
        overrides = request["overrides"]
        (override,) = overrides["containerOverrides"]
        assert override["name"] == container["Name"], "no such container"
        # of these types, or ECS refuses
        assert isinstance(overrides["cpu"], str)
        assert isinstance(overrides["memory"], str)
        assert isinstance(overrides["ephemeralStorage"]["sizeInGiB"], int)
        given = {each["Name"]: each["Value"] for each in container["Environment"]}
        told = {each["name"]: each["value"] for each in override["environment"]}
        number = len(self.requests) + 1
        sandbox = Sandbox(
            self._place,
            container["EntryPoint"],
            account_variables(self._endpoint, f"{PRINCIPAL}.{number}")
            | self._template.values(given)
            | told,
            int(overrides["memory"]),
            self._folder / "logs" / f"{STATE}.log",
        )
        with self._lock:
            self._sandboxes.append(sandbox)
            self._requests.append(request)
        threading.Thread(target=self._attend, args=(sandbox, number), daemon=True).start()
        arn = self._template.arn("ecs", f"task/rehearsal/{uuid.uuid4().hex}")
        return {"tasks": [{"taskArn": arn, "lastStatus": "PROVISIONING"}], "failures": []}

    def _attend(self, sandbox: Sandbox, number: int) -> None:
        started = time.monotonic()
        status = sandbox.exit_code()
        record = CallRecord(
            function=STATE,
            sandbox=f"{PRINCIPAL}.{number}",
            started=started,
            ended=time.monotonic(),
            init_s=0.0,
            peak_mb=sandbox.peak_mb,
            error="" if status == 0 else f"exit status {status}",
        )
        with self._lock:
            self._records.append(record)

    def close(self) -> None:
        """Kill all tasks."""
        with self._lock:
            sandboxes = list(self._sandboxes)
        for sandbox in sandboxes:
            sandbox.signal(signal.SIGKILL)
            sandbox.close()
