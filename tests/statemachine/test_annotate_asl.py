"""The state machine's file: what Step Functions would only find out in the middle of a run."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import ionbox_cloud.errors
import ionbox_cloud.messages
import ionbox_science.errors
import pytest
from ionbox.local.definition import fill_placeholders, placeholder_values
from ionbox.local.functions import IONBOX, read_functions
from ionbox_cloud.errors import InternalError, TransientError
from ionbox_cloud.messages import ItemFailureReport, Message, RunRef
from ionbox_science.errors import InvalidInput

TEXT = IONBOX.definition.read_text("utf-8")
MACHINE = json.loads(TEXT)
FUNCTIONS = json.loads(IONBOX.table.read_text("utf-8"))["functions"]
OTHER_PLACEHOLDERS = {"WorkBucket", "ChildExecutionType"}
PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
LAMBDA_TROUBLE = {
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
}

State = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """A state, the scope it lives in, and the states that contain that scope, outermost first."""

    name: str
    state: State
    scope: State
    containers: tuple[Place, ...]

    @property
    def next_names(self) -> list[str]:
        choices = [*self.state.get("Choices", []), *self.state.get("Catch", [])]
        found = [self.state.get("Next"), self.state.get("Default"), *(c["Next"] for c in choices)]
        return [name for name in found if name]

    @property
    def function(self) -> str:
        """The function a task calls."""
        match = PLACEHOLDER.fullmatch(self.state["Parameters"]["FunctionName"])
        assert match is not None
        return match[1]


def scopes(state: State) -> list[State]:
    """The state machines inside a state."""
    return [*state.get("Branches", []), *filter(None, [state.get("ItemProcessor")])]


def walk(scope: State, containers: tuple[Place, ...] = ()) -> Iterator[Place]:
    for name, state in scope["States"].items():
        place = Place(name, state, scope, containers)
        yield place
        for inner in scopes(state):
            yield from walk(inner, (*containers, place))


PLACES = list(walk(MACHINE))
BY_NAME = {place.name: place for place in PLACES}
TASKS = [place for place in PLACES if place.state["Type"] == "Task"]
MAPS = [place for place in PLACES if place.state["Type"] == "Map"]
OUTERMOST = [
    place
    for place in PLACES
    if not place.containers
    and place.state["Type"] in ("Task", "Map", "Parallel")
    and place.name != "ReportFailure"
]


def each(places: list[Place]) -> Any:
    return pytest.mark.parametrize("place", places, ids=lambda place: place.name)


def leaves(root: type[Exception]) -> set[str]:
    """The names of the most special classes below a root: those that are raised."""
    below = root.__subclasses__()
    return set().union(*map(leaves, below)) if below else {root.__name__}


def own_leaves(root: type[Exception]) -> set[str]:
    return leaves(root) & declared_errors()


def declared_errors() -> set[str]:
    modules = (ionbox_science.errors, ionbox_cloud.errors)
    classes = (found for module in modules for found in inspect.getmembers(module, inspect.isclass))
    return {name for name, kind in classes if issubclass(kind, Exception)}


def error_names(place: Place, kind: str) -> set[str]:
    return {name for entry in place.state.get(kind, []) for name in entry["ErrorEquals"]}


# --- structure ------------------------------------------------------------------------------------


def test_states_have_one_name_each() -> None:
    assert len(BY_NAME) == len(PLACES)


@each(PLACES)
def test_every_transition_leads_to_a_state_of_the_same_scope(place: Place) -> None:
    assert set(place.next_names) <= place.scope["States"].keys()
    assert not place.next_names or not place.state.get("End")


@each(PLACES)
def test_every_state_is_reachable(place: Place) -> None:
    reached: set[str] = set()
    waiting = [place.scope["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += BY_NAME[name].next_names
    assert place.name in reached


@each(PLACES)
def test_every_state_says_what_it_is_for(place: Place) -> None:
    assert re.fullmatch(r"[A-Z].{10,}\.", place.state["Comment"])


def test_the_machine_says_what_it_is_for_and_cannot_run_for_ever() -> None:
    assert MACHINE["Comment"].endswith(".")
    assert 0 < MACHINE["TimeoutSeconds"] <= 7 * 24 * 3600


# --- functions ------------------------------------------------------------------------------------


def handler_of(function: str) -> ast.Module:
    return ast.parse((IONBOX.handlers / FUNCTIONS[function]["handler"]).read_text("utf-8"))


def calls_of(tree: ast.Module, name: str) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]


def message_type(function: str) -> tuple[str, type[Message]]:
    """The state name and the message type in a handler's decorator."""
    (decorator,) = calls_of(handler_of(function), "state_handler")
    state, message = decorator.args
    assert isinstance(state, ast.Constant)
    assert isinstance(message, ast.Name)
    return str(state.value), getattr(ionbox_cloud.messages, message.id)


def test_every_placeholder_is_filled_from_the_functions_table() -> None:
    assert set(PLACEHOLDER.findall(TEXT)) == FUNCTIONS.keys() | OTHER_PLACEHOLDERS
    assert "${" not in fill_placeholders(TEXT, placeholder_values(read_functions(IONBOX)))


def test_every_folder_of_a_function_is_in_the_table() -> None:
    assert {entry["handler"] for entry in FUNCTIONS.values()} == {
        path.relative_to(IONBOX.handlers).as_posix() for path in IONBOX.handlers.glob("*/*.py")
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_the_folder_and_the_state_of_its_name(function: str) -> None:
    folder = re.sub(r"(?<!^)(?=[A-Z])", "_", function).lower()
    assert FUNCTIONS[function]["handler"] == f"{folder}/handler.py"
    assert message_type(function)[0] == function


@each(TASKS)
def test_a_task_is_named_like_its_function(place: Place) -> None:
    assert place.state["Resource"] == "arn:aws:states:::lambda:invoke"
    container = place.containers[-1].name if place.containers else ""
    allowed = {place.function}
    if place.function == container:
        allowed = {f"{container}Item"}
    elif place.function == "RecordFailure":
        allowed = {f"Record{container}Failure"}
    assert place.name in allowed


def field_names(parameters: State) -> set[str]:
    return {name.removesuffix(".$") for name in parameters}


@each(TASKS)
def test_a_tasks_payload_has_the_fields_of_its_message_type(place: Place) -> None:
    parameters = place.state["Parameters"]
    expected = {field.name for field in fields(message_type(place.function)[1])}
    if "Payload" in parameters:
        assert field_names(parameters["Payload"]) == expected
    elif parameters["Payload.$"] == "$.run":
        made = [BY_NAME[name].state["Parameters"]["run"] for name in ("Begin", "KeepPlan")]
        assert [field_names(run) for run in made] == [expected, expected]
        assert message_type(place.function)[1] is RunRef
    else:  # the item of a Map: handlers' tests parse what is really in the lists
        assert parameters["Payload.$"] == "$"
        assert place.containers[-1] in MAPS
        assert {"execution_id", "item", "output_key"} <= expected


@each(TASKS)
def test_a_task_gives_up_after_its_function_did(place: Place) -> None:
    limit = place.state["TimeoutSeconds"]
    assert FUNCTIONS[place.function]["timeout_s"] < limit < MACHINE["TimeoutSeconds"]


# --- errors ---------------------------------------------------------------------------------------


@each(TASKS)
def test_a_task_retries_what_is_transient_and_nothing_else(place: Place) -> None:
    (retry,) = place.state["Retry"]
    assert set(retry["ErrorEquals"]) == own_leaves(TransientError) | LAMBDA_TROUBLE
    assert retry["JitterStrategy"] == "FULL"
    assert retry["MaxAttempts"] >= 3
    assert retry["BackoffRate"] > 1


@each(TASKS)
def test_no_failure_of_a_task_escapes(place: Place) -> None:
    assert any(
        "States.ALL" in entry["ErrorEquals"]
        for around in (place, *place.containers)
        for entry in around.state.get("Catch", [])[-1:]
    )


@each(PLACES)
def test_every_error_name_is_a_class_or_a_service(place: Place) -> None:
    names = error_names(place, "Retry") | error_names(place, "Catch")
    foreign = {name for name in names if name.startswith(("States.", "Lambda.", "Runtime."))}
    assert names - foreign <= declared_errors()


@each(OUTERMOST)
def test_every_kind_of_invalid_input_is_reported_as_such(place: Place) -> None:
    first, last = place.state["Catch"]
    # the root too: it is raised for problems of several kinds at once
    assert set(first["ErrorEquals"]) == {"InvalidInput"} | own_leaves(InvalidInput)
    assert last["ErrorEquals"] == ["States.ALL"]
    assert [BY_NAME[entry["Next"]].state["Result"] for entry in (first, last)] == [
        "invalid_input",
        "failed",
    ]


def test_mistakes_of_ours_are_neither_retried_nor_blamed_on_the_user() -> None:
    named = {
        name for place in PLACES for kind in ("Retry", "Catch") for name in error_names(place, kind)
    }
    assert own_leaves(InternalError)
    assert not named & own_leaves(InternalError)


def test_every_failure_is_reported_once_and_ends_the_run_as_failed() -> None:
    for place in OUTERMOST:
        for entry in place.state["Catch"]:
            assert entry["ResultPath"] == "$.error"
            assert BY_NAME[entry["Next"]].state["ResultPath"] == "$.kind"
            assert BY_NAME[entry["Next"]].next_names == ["ReportFailure"]
    assert set(BY_NAME["ReportFailure"].next_names) == {"RunFailed"}
    assert BY_NAME["RunFailed"].state["Type"] == "Fail"
    assert BY_NAME["RunFailed"].state["ErrorPath"] == "$.error.Error"


# --- Maps -----------------------------------------------------------------------------------------


def following_tasks(place: Place) -> set[str]:
    """The functions of the next tasks after a state, wherever its scope ends."""
    if place.state.get("End"):
        return following_tasks(place.containers[-1])
    following = set()
    for name in [place.state.get("Next"), place.state.get("Default")]:
        if name and BY_NAME[name].state["Type"] == "Task":
            following.add(BY_NAME[name].function)
        elif name:
            following |= following_tasks(BY_NAME[name])
    return following


@each(MAPS)
def test_the_state_after_a_map_gathers_its_items(place: Place) -> None:
    (after,) = following_tasks(place)
    gathered = [call.args[1] for call in calls_of(handler_of(after), "gather")]
    assert [ast.literal_eval(name) for name in gathered] == [place.name]


@each(MAPS)
def test_a_map_reads_its_items_from_a_list_that_an_earlier_state_plans(place: Place) -> None:
    reader = place.state["ItemReader"]
    assert reader["ReaderConfig"] == {"InputType": "JSON"}
    assert reader["Parameters"]["Bucket"] == "${WorkBucket}"
    name, _, field = reader["Parameters"]["Key.$"].removeprefix("$.").partition(".")
    assert field == "list.items_key"
    (planner,) = [task for task in TASKS if task.state.get("ResultPath") == f"$.{name}"]
    planned = [call.args[1] for call in calls_of(handler_of(planner.function), "plan_items")]
    assert [ast.literal_eval(state) for state in planned] == [place.name]


@each(MAPS)
def test_an_item_that_fails_leaves_a_record_and_the_others_go_on(place: Place) -> None:
    processor = place.state["ItemProcessor"]
    assert processor["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
    item = BY_NAME[processor["StartAt"]]
    assert item.function == place.name
    (caught,) = item.state["Catch"]
    assert caught["ErrorEquals"] == ["States.ALL"]
    recorder = BY_NAME[caught["Next"]]
    payload = recorder.state["Parameters"]["Payload"]
    assert message_type(recorder.function)[1] is ItemFailureReport
    assert payload["state"] == place.name
    assert payload["error.$"] == caught["ResultPath"]


@each(MAPS)
def test_a_map_is_bounded_and_passes_no_data_on(place: Place) -> None:
    assert 0 < place.state["MaxConcurrency"] <= 1000
    assert place.state["Label"] == place.name
    assert place.state["ResultPath"] is None
    ends = [state for state in place.state["ItemProcessor"]["States"].values() if state.get("End")]
    assert [end.get("Result") for end in ends] == [{}]
