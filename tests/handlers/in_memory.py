"""Handlers called one by one as the state machine would, on stores in memory."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, get_type_hints

from ionbox.local.functions import IONBOX, Function, read_functions
from ionbox.local.runtime import Call, LambdaContext, load_handler
from ionbox_cloud import keys
from ionbox_cloud.messages import (
    ConfigLayer,
    DatabaseFile,
    DatasetFiles,
    ErrorOutput,
    ItemFailureReport,
    Message,
    PlannedRun,
    PlanRequest,
    RunCall,
    RunRef,
    RunRequest,
)
from ionbox_cloud.run_plan import RunPlan, read_plan
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.file_records import IbdChecksum
from ionbox_cloud.stored.ibd_checksum import read_checksum

from tests.cloud_builders import database_table, lipid_like_formulas
from tests.imzml_builder import Pair

FORMULAS = lipid_like_formulas(8, 9)
DATABASES = {
    "acids": database_table(FORMULAS[:18]),
    "waxes": database_table(FORMULAS[6:]),
}

# what AWS sends events to, outside the state machine
EVENT_FUNCTIONS = ("Intake", "StartRuns", "AnnounceEnd")

ALL_FUNCTIONS: dict[str, Function] = {}
"""Each at its lowest rung."""
for _function in read_functions(IONBOX).values():
    ALL_FUNCTIONS.setdefault(_function.state, _function)

FUNCTIONS = {name: each for name, each in ALL_FUNCTIONS.items() if name not in EVENT_FUNCTIONS}

STATES = (
    "SegmentSpectra",
    "BuildIons",
    "GenerateIsotopePatterns",
    "PlanRecalibration",
    "MeasureMzErrors",
    "PlanAnnotation",
    "AnnotateSegments",
    "EstimateFdr",
    "RenderImages",
    "CompareImages",
    "PublishResults",
)
MAPS = (
    *("SortSpans", "MergeSegments"),
    *("GenerateIsotopePatterns", "MeasureMzErrors", "AnnotateSegments"),
    *("RenderImages", "CompareImages"),
)
FIRST_PASS = ("PlanRecalibration", "MeasureMzErrors")
"""States that are left out where m/z are taken as they are."""
SORT_BY_MANY = ("SortSpans", "PlanMerge", "MergeSegments", "ChecksumIbd", "FinishSegments")

SETTINGS: Mapping[str, Any] = {
    "polarity": "positive",
    "analyzer": "orbitrap",
    "resolving_power": 140_000,
    "adducts": ["+H", "+Na"],
    "decoys": 3,
}


def call(state: str, message: Message) -> dict[str, Any]:
    """Call the handler of a state with a message as JSON."""
    function = FUNCTIONS[state]
    context = LambdaContext(Call.of(function, "request-1", ""))
    answer: dict[str, Any] = load_handler(str(function.handler))(message.to_json(), context)
    return answer


@dataclass
class InMemoryRun:
    """A run in the making: what the user dropped, and how far it is."""

    stores: Stores
    request: RunRequest
    execution_id: str = "20261124-attempt-1"
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        stores: Stores,
        pair: Pair,
        databases: Mapping[str, bytes],
        *layers: Mapping[str, Any],
        name: str = "tissue",
        sidecar: bytes | None = None,
        defaults: Mapping[str, Any] | None = None,
        named: bool = False,
    ) -> InMemoryRun:
        """Drop files; ``layers`` are settings, strongest first, `SETTINGS` if there are none.

        ``defaults`` are the stack's; with ``named`` the settings say which databases are meant.
        """
        stores.inbox.write(f"{name}.imzML", pair.source)
        if stores.inbox.read_if_there(f"{name}.ibd") != pair.ibd:  # else it keeps its tag
            stores.inbox.write(f"{name}.ibd", pair.ibd)
        if sidecar is not None:
            stores.inbox.write(f"{name}.json", sidecar)
        for database, table in databases.items():
            stores.inbox.write(f"databases/{database}.tsv", table)
        request = RunRequest(
            DatasetFiles(
                name, f"{name}.imzML", f"{name}.ibd", None if sidecar is None else f"{name}.json"
            ),
            tuple(DatabaseFile(each, f"databases/{each}.tsv") for each in databases if not named),
            tuple(
                ConfigLayer(f"layer {number}", dict(settings))
                for number, settings in enumerate(layers or (SETTINGS,))
            ),
            () if defaults is None else (ConfigLayer("the stack's defaults", dict(defaults)),),
        )
        return cls(stores, request)

    def plan(self) -> PlannedRun:
        """Call PlanRun."""
        request = PlanRequest(self.execution_id, self.request, rung=0)
        self.answers["PlanRun"] = call("PlanRun", request)
        return PlannedRun.from_json(self.answers["PlanRun"])

    @property
    def ref(self) -> RunRef:
        return RunRef(self.execution_id, self.answers["PlanRun"]["run_id"])

    @property
    def planned(self) -> RunPlan:
        return read_plan(self.stores.work, self.ref.execution_id)

    @property
    def checksum(self) -> IbdChecksum:
        """What came of comparing the ibd."""
        plan = self.planned
        return read_checksum(self.stores.results, plan.dataset_id, plan.ibd_etag)

    def message(self, state: str) -> RunRef:
        """What a state that works on the whole run is sent."""
        if message_type(state) is not RunCall:
            return self.ref
        planned = self.answers["PlanRun"]["calls"][state]
        if state == "PublishResults" and "EstimateFdr" in self.answers:
            planned = self.answers["EstimateFdr"]["publication"]
        return RunCall(self.ref.execution_id, self.ref.run_id, planned["memory_mb"])

    def run(self, state: str) -> dict[str, Any]:
        """Call a state; a Map's function once per item of its list."""
        if state in MAPS:
            item_type = message_type(state)
            for item in self.items(state):
                self.answers[state] = call(state, item_type.from_json(item))
        else:
            self.answers[state] = call(state, self.message(state))
        return self.answers.get(state, {})

    def run_before(self, state: str) -> InMemoryRun:
        """Call everything that comes before a state."""
        return self.run_all(STATES[: STATES.index(state)])

    def run_all(self, states: Sequence[str] = STATES) -> InMemoryRun:
        """Plan, then call states in order."""
        self.plan()
        for each in states:
            if each == "SegmentSpectra" and self.answers["PlanRun"]["sort"]["way"] == "map":
                self.sort_by_many()
            elif each not in FIRST_PASS or self.answers["PlanRun"]["recalibrate"]:
                self.run(each)
        return self

    def sort_by_many(self) -> None:
        """Make the segments by many calls."""
        for each in SORT_BY_MANY:
            self.run(each)

    def again(self, execution_id: str = "20261125-attempt-2") -> InMemoryRun:
        """Another attempt at the same request."""
        return InMemoryRun(self.stores, self.request, execution_id)

    def items(self, state: str) -> list[dict[str, Any]]:
        """The list a Map works on."""
        listed = self.stores.work.read_json(keys.items(self.execution_id, state))
        return [entry["item"] for entry in listed]

    def fail_item(self, state: str, item: int, error: str, cause: str) -> None:
        """Record the failure of an item, as the state machine does."""
        report = ItemFailureReport(self.execution_id, state, item, ErrorOutput(error, cause))
        call("RecordFailure", report)


def message_type(state: str) -> type[Message]:
    """What the handler of a state parses its event as."""
    found: type[Message] = get_type_hints(step_of(state))["message"]
    return found


def step_of(state: str) -> FunctionType:
    """The function inside a state's handler."""
    step = inspect.unwrap(load_handler(str(FUNCTIONS[state].handler)))
    assert isinstance(step, FunctionType)
    return step
