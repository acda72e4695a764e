"""The state machine's file: what Step Functions would only find out in the middle of a run."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import ionbox_cloud.errors
import ionbox_cloud.messages
import ionbox_science.errors
import pytest
from ionbox.local.definition import MAPS as LOCAL_MAPS
from ionbox.local.definition import adapt_task, each_state, fill_placeholders, placeholder_values
from ionbox.local.functions import IONBOX, read_functions, read_tasks
from ionbox_cloud.environment import MEMORY_VARIABLE, MESSAGE_VARIABLE, TOKEN_VARIABLE
from ionbox_cloud.errors import InternalError, TransientError, UnusableObject
from ionbox_cloud.ladder import OUT_OF_MEMORY
from ionbox_cloud.messages import ItemFailureReport, Message, RunRef
from ionbox_science.errors import InvalidInput
from ionbox_science.setting_table import SORT_WAYS

TEXT = IONBOX.definition.read_text("utf-8")
MACHINE = json.loads(TEXT)
TABLE = json.loads(IONBOX.table.read_text("utf-8"))
ALL_FUNCTIONS = TABLE["functions"]
EVENT_FUNCTIONS = ("Intake", "StartRuns", "AnnounceEnd")  # outside the state machine
FUNCTIONS = {name: each for name, each in ALL_FUNCTIONS.items() if name not in EVENT_FUNCTIONS}
OTHER_PLACEHOLDERS = {f"{name}Children" for name in LOCAL_MAPS} | {
    "WorkBucket",
    "MapConcurrency",
    "Cluster",
    "SortTask",
    "Subnets",
    "SecurityGroup",
    "AssignPublicIp",
}
PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
INVOKE = "arn:aws:states:::lambda:invoke"
# of a call on the whole run it stands beside what other states need
ON_LADDER = re.compile(r"States\.ArrayGetItem\(\$\.(call\.)?functions, \$\.(call\.)?rung\)")
OUT_OF_MEMORY_NAMES = {"Runtime.ExitError", "Runtime.OutOfMemory", "MemoryError"}
TIMEOUTS = {"Sandbox.Timedout", "States.Timeout"}
LAMBDA_TROUBLE = {
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ResourceNotReadyException",
    "Lambda.ResourceConflictException",  # called while it is being updated
}
ECS_TROUBLE = {
    "AmazonECS.Unknown",  # RunTask answered with failures instead of a task
    "ECS.AmazonECSException",
    "ECS.ServerException",
    "ECS.SdkClientException",
    "ECS.ThrottlingException",
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
        parameters = self.state["Parameters"]
        if ON_LADDER.fullmatch(parameters.get("FunctionName.$", "")):
            return ladder_of(self)
        match = PLACEHOLDER.fullmatch(parameters["FunctionName"])
        assert match is not None
        return match[1]

    @property
    def on_ladder(self) -> bool:
        """Whether its function has several sizes."""
        return "FunctionName.$" in self.state["Parameters"]


def scopes(state: State) -> list[State]:
    """The state machines inside a state."""
    return [*state.get("Branches", []), *filter(None, [state.get("ItemProcessor")])]


def walk(scope: State, containers: tuple[Place, ...] = ()) -> Iterator[Place]:
    for name, state in scope["States"].items():
        place = Place(name, state, scope, containers)
        yield place
        for inner in scopes(state):
            yield from walk(inner, (*containers, place))


def ladder_of(place: Place) -> str:
    """The function whose rungs a task climbs: set by its Map, or by the state before it."""
    beside = place.scope["States"].get(f"Aim{place.name}", {}).get("Parameters")
    aim = beside or place.containers[-1].state["ItemSelector"]
    match = re.fullmatch(r"States\.StringSplit\('\$\{(\w+)\}', ','\)", aim["functions.$"])
    assert match is not None
    return match[1]


PLACES = list(walk(MACHINE))
BY_NAME = {place.name: place for place in PLACES}
TASKS = [place for place in PLACES if place.state.get("Resource") == INVOKE]
(FARGATE,) = (place for place in PLACES if place.state["Type"] == "Task" and place not in TASKS)
MAPS = [place for place in PLACES if place.state["Type"] == "Map"]
OUTERMOST = [
    place
    for place in PLACES
    if not place.containers
    and place.state["Type"] in ("Task", "Map", "Parallel")
    and place.name != "ReportFailure"
]


def each(places: list[Place]) -> pytest.MarkDecorator:
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
    assert not (place.state.get("End") and place.state.get("Next"))


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
    path: Path = IONBOX.handlers / ALL_FUNCTIONS[function]["handler"]
    return ast.parse(path.read_text("utf-8"))


def calls_of(tree: ast.Module, name: str) -> list[ast.Call]:
    """Calls of a function, those too that are started beside others: ``calls.start(name, …)``."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    started = [
        ast.Call(call.args[0], call.args[1:], call.keywords)
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "start" and call.args
    ]
    return [
        call for call in calls + started if isinstance(call.func, ast.Name) and call.func.id == name
    ]


def message_type(function: str) -> tuple[str, type[Message]]:
    """The state name and the message type in a handler's decorator."""
    (decorator,) = calls_of(handler_of(function), "state_handler")
    state, message = decorator.args
    assert isinstance(state, ast.Constant)
    assert isinstance(message, ast.Name)
    return str(state.value), getattr(ionbox_cloud.messages, message.id)


def test_every_placeholder_is_filled_from_the_functions_table() -> None:
    expected = (FUNCTIONS.keys() - EVENT_FUNCTIONS) | OTHER_PLACEHOLDERS
    assert set(PLACEHOLDER.findall(TEXT)) == expected
    values = placeholder_values(read_functions(IONBOX), read_tasks(IONBOX))
    assert "${" not in fill_placeholders(TEXT, values)


def test_every_folder_of_a_function_is_in_the_table() -> None:
    in_table = {entry["handler"] for entry in ALL_FUNCTIONS.values()}
    in_table |= {entry["entry"] for entry in TABLE["tasks"].values()}
    assert in_table == {
        path.relative_to(IONBOX.handlers).as_posix() for path in IONBOX.handlers.glob("*/*.py")
    }


@pytest.mark.parametrize("function", sorted(FUNCTIONS.keys() - EVENT_FUNCTIONS))
def test_a_function_has_the_folder_and_the_state_of_its_name(function: str) -> None:
    folder = re.sub(r"(?<!^)(?=[A-Z])", "_", function).lower()
    assert FUNCTIONS[function]["handler"] == f"{folder}/handler.py"
    assert message_type(function)[0] == function


@pytest.mark.parametrize("function", EVENT_FUNCTIONS)
def test_a_function_outside_has_the_folder_of_its_name_too(function: str) -> None:
    folder = re.sub(r"(?<!^)(?=[A-Z])", "_", function).lower()
    assert ALL_FUNCTIONS[function]["handler"] == f"{folder}/handler.py"
    (decorator,) = calls_of(handler_of(function), "event_handler")
    assert ast.literal_eval(decorator.args[0]) == function


@each(TASKS)
def test_a_task_is_named_like_its_function(place: Place) -> None:
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
        assert parameters["Payload.$"] == "$.item"
        assert place.containers[-1] in MAPS
        assert {"execution_id", "item", "output_key"} <= expected


@each(TASKS)
def test_a_task_gives_up_after_its_function_did(place: Place) -> None:
    limit = place.state["TimeoutSeconds"]
    assert FUNCTIONS[place.function]["timeout_s"] < limit < MACHINE["TimeoutSeconds"]


# --- errors ---------------------------------------------------------------------------------------


@each(TASKS)
def test_a_task_retries_what_is_transient_often_and_a_timeout_once(place: Place) -> None:
    busy, trouble, *others = place.state["Retry"]
    assert busy["ErrorEquals"] == ["Lambda.TooManyRequestsException"]
    assert busy["MaxAttempts"] >= 30  # of an account that allows few functions at once
    expected = (own_leaves(TransientError) - {"TaskStopped"}) | LAMBDA_TROUBLE
    assert set(trouble["ErrorEquals"]) == expected
    for retry in (busy, trouble):
        assert retry["JitterStrategy"] == "FULL"
        assert retry["MaxAttempts"] >= 3
        assert retry["BackoffRate"] > 1
    assert [(set(other["ErrorEquals"]), other["MaxAttempts"]) for other in others] == (
        [] if place.function in ("RecordFailure", "ReportFailure") else [(TIMEOUTS, 1)]
    )


def test_all_tasks_retry_alike() -> None:
    retries = {json.dumps(place.state["Retry"][:2]) for place in TASKS}
    assert len(retries) == 1


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
    services = ("States.", "Lambda.", "Runtime.", "Sandbox.", "ECS.", "AmazonECS.")
    foreign = {name for name in names if name.startswith(services)}
    assert names - foreign - {"MemoryError"} <= declared_errors()


@each(OUTERMOST)
def test_every_kind_of_invalid_input_is_reported_as_such(place: Place) -> None:
    first, *_, last = place.state["Catch"]
    # the root too: it is raised for problems of several kinds at once
    assert set(first["ErrorEquals"]) == {"InvalidInput"} | own_leaves(InvalidInput)
    assert last["ErrorEquals"] == ["States.ALL"]
    assert [BY_NAME[entry["Next"]].state["Result"] for entry in (first, last)] == [
        "invalid_input",
        "failed",
    ]


@each([place for place in PLACES if place.state["Type"] == "Fail"])
def test_a_fail_state_never_takes_a_reserved_name(place: Place) -> None:
    if "Error" in place.state:
        assert not place.state["Error"].startswith("States.")
        return
    before = [
        other for other in PLACES if other.scope is place.scope and place.name in other.next_names
    ]
    guarded = {f"Choose{place.name.removeprefix('End')}End", "ReportFailure"}
    assert {other.name for other in before} <= guarded


def test_mistakes_of_ours_are_neither_retried_nor_blamed_on_the_user() -> None:
    named = {
        name for place in PLACES for kind in ("Retry", "Catch") for name in error_names(place, kind)
    }
    mistakes = own_leaves(InternalError) - own_leaves(UnusableObject)
    assert mistakes
    assert not named & mistakes


def test_what_cannot_be_used_is_planned_and_computed_anew() -> None:
    for place in OUTERMOST:
        again = [set(each["ErrorEquals"]) for each in place.state["Catch"] if goes_back(each)]
        # PlanRun reads nothing that it could not do without
        assert again == ([] if place.name == "PlanRun" else [own_leaves(UnusableObject)])


def test_a_list_that_a_map_cannot_read_is_made_again_once() -> None:
    """A Map reads its list itself, so nobody can name the object that is missing."""
    catching = [
        place for place in OUTERMOST if "States.ItemReaderFailed" in error_names(place, "Catch")
    ]
    with_maps = [place for place in MAPS if not place.containers]
    with_maps += [place.containers[0] for place in MAPS if place.containers]
    assert {place.name for place in catching} == {place.name for place in with_maps}
    for place in catching:
        (entry,) = (
            e for e in place.state["Catch"] if "States.ItemReaderFailed" in e["ErrorEquals"]
        )
        assert entry["Next"] == "ChooseListsAgain"
    again = BY_NAME["MakeListsAgain"]
    flag = again.state["ResultPath"]
    assert again.state["Result"] is True
    assert again.next_names == ["AimPlanRun"]
    choice = BY_NAME["ChooseListsAgain"].state
    assert choice["Choices"] == [
        {"Variable": flag, "BooleanEquals": True, "Next": "RunFailedOtherwise"}
    ]
    assert choice["Default"] == again.name
    # the flag is there from the beginning, and outlives the plan that is made anew
    begin, keep = (BY_NAME[name].state["Parameters"] for name in ("Begin", "KeepPlan"))
    assert flag == "$.limits.lists_made_again"
    assert begin["limits"]["lists_made_again"] is False
    assert keep["limits.$"] == "$.limits"


def goes_back(entry: dict[str, Any]) -> bool:
    return bool(entry["Next"] == "AimPlanRun")


def test_every_failure_is_reported_once_and_ends_the_run_as_failed() -> None:
    for place in OUTERMOST:
        for entry in place.state["Catch"]:
            assert entry["ResultPath"] == "$.error"
            if goes_back(entry) or entry["Next"] == "ChooseListsAgain":
                continue
            if place.name in entry["Next"]:  # it climbs
                continue
            assert BY_NAME[entry["Next"]].state["ResultPath"] == "$.kind"
            following = set(BY_NAME[entry["Next"]].next_names)
            if following == {"ChooseErrorName"}:
                following = set(BY_NAME["ChooseErrorName"].next_names) - {"NameWorkflowError"}
                assert BY_NAME["NameWorkflowError"].next_names == ["ReportFailure"]
            assert following == {"ReportFailure"}
    assert set(BY_NAME["ReportFailure"].next_names) == {"RunFailed"}
    assert BY_NAME["RunFailed"].state["Type"] == "Fail"
    assert BY_NAME["RunFailed"].state["ErrorPath"] == "$.error.Error"


def test_nothing_is_published_before_the_ibd_was_compared() -> None:
    beside = BY_NAME["AnnotateDataset"]
    assert {place.containers[0].name for place in TASKS if place.containers} == {beside.name}
    inside = [set(branch["States"]) for branch in beside.state["Branches"]]
    assert "PrepareInputs" in inside[0]
    assert inside[1] == {"ChooseChecksum", "ChecksumIbd", "ChecksumReady"}
    before = {place.name for place in PLACES if "AimPublishResults" in place.next_names}
    assert before == {"AnnotateDataset", "ChooseReuse"}
    # which is about results that are there
    assert BY_NAME["ChooseReuse"].state["Choices"][0]["Variable"] == "$.plan.published"
    # a comparison that fails or dies ends everything
    assert "Catch" not in BY_NAME["ChecksumIbd"].state


# --- Maps -----------------------------------------------------------------------------------------


def following_tasks(place: Place) -> set[str]:
    """The functions of the next tasks after a state, wherever its scope ends."""
    if place.state.get("End"):
        return following_tasks(place.containers[-1])
    following = set()
    for name in [place.state.get("Next"), place.state.get("Default")]:
        if name and BY_NAME[name] in TASKS:
            following.add(BY_NAME[name].function)
        elif name:
            following |= following_tasks(BY_NAME[name])
    return following


@each(MAPS)
def test_the_state_after_a_map_gathers_its_items(place: Place) -> None:
    (after,) = following_tasks(place)
    gathered = [call.args[1] for call in calls_of(handler_of(after), "gather")]
    assert [place.name] == [name for name in map(ast.literal_eval, gathered) if name == place.name]


@each([task for task in TASKS if not (task.containers and task.containers[-1] in MAPS)])
def test_a_state_gathers_only_maps_that_lead_to_it(place: Place) -> None:
    gathered = [call.args[1] for call in calls_of(handler_of(place.function), "gather")]
    leading = {each.name for each in MAPS if place.function in following_tasks(each)}
    if place.function == "PlanRecalibration":  # which may be left out: what follows gathers as well
        leading = {each.name for each in MAPS if "PlanAnnotation" in following_tasks(each)}
    assert {ast.literal_eval(name) for name in gathered} <= leading


@each(MAPS)
def test_a_map_reads_its_items_from_a_list_that_an_earlier_state_plans(place: Place) -> None:
    reader = place.state["ItemReader"]
    assert reader["ReaderConfig"] == {"InputType": "JSON"}
    assert reader["Parameters"]["Bucket"] == "${WorkBucket}"
    name, _, field = reader["Parameters"]["Key.$"].removeprefix("$.").partition(".")
    if name == "plan":
        planner = BY_NAME["PlanRun"]
    else:
        assert field in ("list.items_key", "list.comparison.items_key")
        (planner,) = [task for task in TASKS if task.state.get("ResultPath") == f"$.{name}"]
    planned = [call.args[1] for call in calls_of(handler_of(planner.function), "plan_items")]
    states = [ast.literal_eval(state) for state in planned]
    assert [state for state in states if state == place.name] == [place.name]
    assert len(states) == 1 or name == "images"  # one answer with two lists


@each(MAPS)
def test_an_item_that_fails_leaves_a_record_and_the_others_go_on(place: Place) -> None:
    processor = place.state["ItemProcessor"]
    assert processor["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
    item = BY_NAME[processor["StartAt"]]
    assert item.function == place.name
    caught = item.state["Catch"][-1]
    assert caught["ErrorEquals"] == ["States.ALL"]
    recorder = BY_NAME[caught["Next"]]
    payload = recorder.state["Parameters"]["Payload"]
    assert message_type(recorder.function)[1] is ItemFailureReport
    assert payload["state"] == place.name
    assert payload["error.$"] == caught["ResultPath"]


@each(MAPS)
def test_a_map_is_bounded_and_passes_no_data_on(place: Place) -> None:
    path = place.state["MaxConcurrencyPath"].removeprefix("$.limits.")
    assert all(
        f"{path}.$" in limits or limits == "$.limits"
        for name in ("Begin", "KeepPlan")
        for key, limits in BY_NAME[name].state["Parameters"].items()
        if key.startswith("limits")
    )
    assert place.state["Label"] == place.name
    assert place.state["ResultPath"] is None
    ends = [state for state in place.state["ItemProcessor"]["States"].values() if state.get("End")]
    assert [end.get("Result") for end in ends] == [{}]


# --- the memory ladder ----------------------------------------------------------------------------

LADDERS = [place for place in TASKS if place.on_ladder]


def in_map(place: Place) -> bool:
    return bool(place.containers) and place.containers[-1] in MAPS


def test_functions_of_several_sizes_are_called_on_a_ladder_and_no_others() -> None:
    several = {name for name, entry in FUNCTIONS.items() if len(entry["rungs_mb"]) > 1}
    assert {place.function for place in LADDERS} == several
    assert len(LADDERS) == len(several)
    assert all(entry["rungs_mb"] == sorted(set(entry["rungs_mb"])) for entry in FUNCTIONS.values())


@each(LADDERS)
def test_only_a_lack_of_memory_climbs(place: Place) -> None:
    climb = f"Climb{place.function}"
    *_, memory, unknown, rest = place.state["Catch"]
    assert set(memory["ErrorEquals"]) == OUT_OF_MEMORY_NAMES
    assert OUT_OF_MEMORY_NAMES | {"Lambda.Unknown"} == OUT_OF_MEMORY
    assert memory["Next"] == climb
    assert unknown["ErrorEquals"] == ["Lambda.Unknown"]
    judge = place.scope["States"][unknown["Next"]]
    assert judge["Default"] == climb
    assert climb not in [choice["Next"] for choice in judge["Choices"]]
    assert "*timed out*" in json.dumps(judge["Choices"])
    assert rest["Next"] != climb


@each(LADDERS)
def test_a_climb_goes_one_rung_up_until_there_is_none(place: Place) -> None:
    states = place.scope["States"]
    climb = states[f"Climb{place.function}"]
    choice = states[climb["Next"]]
    where = climb.get("ResultPath", "$")
    assert climb["Parameters"]["rung.$"] == f"States.MathAdd({where}.rung, 1)"
    assert choice["Choices"] == [
        {
            "Variable": f"{where}.rung",
            "NumericLessThanPath": f"{where}.n_rungs",
            "Next": place.name,
        }
    ]
    assert choice["Default"] == place.state["Catch"][-1]["Next"]


@each(LADDERS)
def test_a_climb_keeps_all_that_is_read_afterwards(place: Place) -> None:
    states = place.scope["States"]
    kept = {name.removesuffix(".$") for name in states[f"Climb{place.function}"]["Parameters"]}
    after = {name: state for name, state in states.items() if name != f"Aim{place.name}"}
    own = [state for name, state in after.items() if place.function in name]
    where = states[f"Climb{place.function}"].get("ResultPath", "$")
    read = set(re.findall(rf"{re.escape(where)}\.([a-z_]+)", json.dumps(own)))
    assert read - {"done"} <= kept


@each([place for place in LADDERS if place.name != "SegmentSpectra" and not in_map(place)])
def test_a_call_on_the_whole_run_starts_where_it_was_planned_and_is_told_its_memory(
    place: Place,
) -> None:
    aim = place.scope["States"][f"Aim{place.name}"]
    assert (aim["ResultPath"], aim["Next"]) == ("$.call", place.name)
    planned = {
        "PlanRun": 0,  # there is no plan yet
        "PublishResults": "$.images.list.publication.rung",
    }.get(place.name, f"$.plan.calls.{place.name}.rung")
    key = "rung" if planned == 0 else "rung.$"
    assert aim["Parameters"][key] == planned
    payload = place.state["Parameters"]["Payload"]
    if planned == 0:
        assert payload["rung.$"] == "$.call.rung"
    else:
        assert payload["memory_mb.$"] == str(planned).replace(".rung", ".memory_mb")
    others = [
        other.name
        for other in PLACES
        if other.scope is place.scope and place.name in other.next_names
    ]
    beside = {f"{name}{place.name}" for name in ("Aim", "Repeat")} | {f"Choose{place.name}Rung"}
    assert set(others) == beside


def test_the_publication_of_a_run_that_draws_nothing_is_planned_too() -> None:
    kept = BY_NAME["KeepPlan"].state["Parameters"]["images"]
    assert kept == {"list": {"publication.$": "$.planned.plan.calls.PublishResults"}}


# --- Fargate --------------------------------------------------------------------------------------


def test_the_task_waits_with_a_token_and_a_heartbeat() -> None:
    state = FARGATE.state
    # the integration that fails at once where RunTask answers with failures instead of a task
    assert state["Resource"] == "arn:aws:states:::ecs:runTask.waitForTaskToken"
    # counts from RunTask on: finding a machine and pulling the image included
    assert 300 <= state["HeartbeatSeconds"] < state["TimeoutSeconds"]
    assert state["TimeoutSeconds"] == TABLE["tasks"][FARGATE.name]["timeout_s"]
    retried = error_names(FARGATE, "Retry")
    assert {"States.HeartbeatTimeout", "States.Timeout"} <= retried
    assert own_leaves(TransientError) <= retried
    assert retried >= ECS_TROUBLE


def test_a_task_for_which_there_is_no_room_waits_for_minutes() -> None:
    (entry,) = [
        each for each in FARGATE.state["Retry"] if "AmazonECS.Unknown" in each["ErrorEquals"]
    ]
    assert "ECS.ThrottlingException" in entry["ErrorEquals"]
    delays = [
        min(entry["IntervalSeconds"] * entry["BackoffRate"] ** n, entry["MaxDelaySeconds"])
        for n in range(entry["MaxAttempts"])
    ]
    assert sum(delays) / 2 > 1200, "half, because of the jitter"


def test_both_integrations_of_ecs_name_the_same_errors() -> None:
    here = json.loads(TEXT)
    (task,) = [state for state in each_state(here) if adapt_task(state)]
    assert task["Resource"] == "arn:aws:states:::aws-sdk:ecs:runTask.waitForTaskToken"
    written = {"ECS.AmazonECSException": "Ecs.EcsException"}  # what has no name of its own
    for kind in ("Retry", "Catch"):
        ours, theirs = (
            [each["ErrorEquals"] for each in state[kind]] for state in (FARGATE.state, task)
        )
        assert theirs == [
            [
                written.get(name, name.replace("ECS.", "Ecs.") if name[:4] == "ECS." else name)
                for name in names
            ]
            for names in ours
        ]
        assert not [name for names in ours for name in names if name.startswith("Ecs.")]
        assert not [name for names in theirs for name in names if name.startswith("ECS.")]
    assert {"Ecs.EcsException", "Ecs.ServerException"} <= {
        name for each in task["Retry"] for name in each["ErrorEquals"]
    }


def test_the_task_gets_what_its_entry_point_reads() -> None:
    (container,) = FARGATE.state["Parameters"]["Overrides"]["ContainerOverrides"]
    given = {variable["Name"] for variable in container["Environment"]}
    assert given == {TOKEN_VARIABLE, MESSAGE_VARIABLE, MEMORY_VARIABLE}


def test_every_way_of_sorting_leads_somewhere() -> None:
    choices = BY_NAME["ChooseSort"].state["Choices"]
    assert {choice["StringEquals"] for choice in choices} == set(SORT_WAYS) - {"auto"}
    assert {choice["Variable"] for choice in choices} == {"$.plan.sort.way"}
