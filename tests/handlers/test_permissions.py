"""What handlers, the Fargate task and the state machine do is what their roles on AWS allow.

Calls are recorded while handlers run: of objects in `Store`, of other services in botocore. Each is
then asked of the policies in the synthesised template, as IAM would be.
"""

from __future__ import annotations

import functools
import json
import re
import runpy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import botocore.client
import pytest
from ionbox.local.functions import IONBOX
from ionbox_cloud import keys
from ionbox_cloud.errors import DamagedObject
from ionbox_cloud.messages import ErrorOutput, RunFailureReport
from ionbox_cloud.store import Store
from ionbox_cloud.task_token import TaskToken

from tests.cdk.policies import allows
from tests.cdk.synthesis import Synthesis, synthesise
from tests.handlers import aws_account, in_memory
from tests.handlers.aws_account import Account, ended
from tests.handlers.in_memory import MAPS, SETTINGS, InMemoryRun

SORT = runpy.run_path(str(IONBOX.handlers / "sort_spectra" / "task.py"))["main"].__wrapped__
DEFINITION = json.loads(IONBOX.definition.read_text("utf-8"))

GET, PUT, LIST = "s3:GetObject", "s3:PutObject", "s3:ListBucket"
DELETE = "s3:DeleteObject"
OBJECT_ACTIONS = {
    "read": (GET,),
    "read_view": (GET,),
    "read_range": (GET,),
    # without leave to list, S3 says "forbidden" of what is not there
    "facts": (GET, LIST),
    "list": (LIST,),
    "list_beginning": (LIST,),
    "list_folder": (LIST,),
    "list_lasting": (LIST,),
    "write": (PUT,),
    "write_whole": (PUT,),
    "create": (PUT,),
    "delete": (DELETE,),
    "objects_below": (GET, PUT, LIST),
}
ARN = "arn:aws:{}:eu-central-1:123456789012:{}"
MACHINE, EXECUTION = ARN.format("states", "stateMachine:ionbox"), "execution:ionbox:x"

Call = tuple[str, str, str]
"""Role, action, resource."""


@dataclass
class Recorder:
    """What was called since it was made, by whom."""

    calls: set[Call] = field(default_factory=set)
    roles: list[str] = field(default_factory=list)

    def as_role(self, role: str, act: Callable[[], Any]) -> Any:
        """Do something that is recorded as a role's."""
        self.roles.append(role)
        try:
            return act()
        finally:
            self.roles.pop()

    def note(self, action: str, resource: str) -> None:
        if self.roles:
            self.calls.add((self.roles[-1], action, resource))

    @property
    def roles_seen(self) -> set[str]:
        return {role for role, _, _ in self.calls}


@pytest.fixture(scope="module")
def stack() -> Synthesis:
    return synthesise()


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """Records what handlers do while the test runs."""
    made = Recorder()
    buckets: dict[str, str] = {}

    def bucket_of(store: Store) -> str:
        if not buckets:
            from ionbox_cloud.environment import StoresEnvironment
            from ionbox_cloud.store import open_stores

            stores = open_stores(StoresEnvironment.from_environment())
            for name in ("inbox", "work", "results"):
                buckets[getattr(stores, name).url] = f"arn:aws:s3:::{name}bucket"
        return buckets[store.url]

    def watch(method: str, actions: tuple[str, ...]) -> None:
        original = getattr(Store, method)

        @functools.wraps(original)
        def noting(self: Store, key: Any, *arguments: Any, **options: Any) -> Any:
            named = [key] if isinstance(key, str) else key
            for each in named if made.roles else ():
                for action in actions:
                    bucket = bucket_of(self)
                    below = f"{each}/x" if method == "objects_below" else each
                    made.note(action, bucket if action == LIST else f"{bucket}/{below}")
            return original(self, key, *arguments, **options)

        monkeypatch.setattr(Store, method, noting)

    for method, actions in OBJECT_ACTIONS.items():
        watch(method, actions)
    ask = botocore.client.BaseClient._make_api_call  # all clients' one way to call

    def asking(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        service = self.meta.service_model.service_name
        if made.roles and service != "s3":
            made.note(*describe_call(service, operation, parameters))
        return ask(self, operation, parameters)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", asking)
    for module, name in ((in_memory, "call"), (aws_account, "call_event_handler")):
        monkeypatch.setattr(module, name, calling(made, getattr(module, name)))
    yield made


def calling(recorder: Recorder, call: Callable[..., Any]) -> Callable[..., Any]:
    def recorded(state: str, message: Any) -> Any:
        return recorder.as_role(f"{state}Role", lambda: call(state, message))

    return recorded


def describe_call(service: str, operation: str, parameters: dict[str, Any]) -> tuple[str, str]:
    """The action and resource of a call, named as in the template."""
    if service == "sqs":
        queue = parameters["QueueUrl"]
        kind = "KickQueue" if queue.endswith(".fifo") else "RunQueue"
        return f"sqs:{operation}", ARN.format("sqs", kind)
    if service == "sns":
        return f"sns:{operation}", ARN.format("sns", "Topic")
    if service == "events":
        return f"events:{operation}", ARN.format("events", "event-bus/default")
    assert service == "stepfunctions", service
    if operation == "DescribeExecution":
        return "states:DescribeExecution", ARN.format("states", EXECUTION)
    return f"states:{operation}", MACHINE


def refused(stack: Synthesis, calls: set[Call]) -> list[Call]:
    return sorted(call for call in calls if not allows(stack, *call))


@pytest.mark.usefixtures("many_images")
@pytest.mark.parametrize("way", ["lambda", "map"])
def test_no_handler_touches_what_its_role_does_not_allow(
    recorder: Recorder, stack: Synthesis, new_run: Callable[..., InMemoryRun], way: str
) -> None:
    run = new_run({**SETTINGS, "sort": way}).run_all()
    run.again().run_all(())  # finds everything published
    chunk = keys.pattern_chunk(run.planned.databases[0].patterns_id, 0)
    run.stores.work.write(chunk, b"damaged")
    run.stores.work.delete(run.stores.work.list("scores"))
    run.stores.results.delete(run.stores.results.list("results"))
    damaged = run.again("damaged")
    with pytest.raises(DamagedObject):
        damaged.run_all()
    damaged.plan()
    assert any(action == DELETE and chunk in resource for _, action, resource in recorder.calls)
    run.fail_item("AnnotateSegments", 1, "MemoryError", "too large")
    report = RunFailureReport(
        run.execution_id, run.ref.run_id, "failed", run.request, ErrorOutput("Error", "cause")
    )
    in_memory.call("ReportFailure", report)
    expected = {*in_memory.STATES, "PlanRun", "ReportFailure", "RecordFailure"}
    if way == "map":
        expected = expected - {"SegmentSpectra"} | {*in_memory.SORT_BY_MANY}
    assert recorder.roles_seen >= {f"{state}Role" for state in expected}
    assert refused(stack, recorder.calls) == []


def test_the_fargate_task_does_what_its_role_allows(
    recorder: Recorder,
    stack: Synthesis,
    new_run: Callable[..., InMemoryRun],
    aws_variables: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {**aws_variables, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    run = new_run({**SETTINGS, "sort": "fargate"})
    run.plan()
    recorder.calls.clear()

    def work() -> None:
        answer = SORT(run.ref, run.stores, 4096)
        # what `run_step` adds, which the entry's decorator calls
        run.stores.work.write_json(keys.record(run.execution_id, "SortSpectra", 0), {})
        TaskToken("token").heartbeat()
        TaskToken("token").succeed(answer.to_json())
        TaskToken("token").fail(ValueError("x"))

    recorder.as_role("SortSpectraTaskRole", work)
    actions = {action for _, action, _ in recorder.calls}
    told = {f"states:SendTask{what}" for what in ("Heartbeat", "Success", "Failure")}
    assert actions >= {GET, PUT, *told}
    assert refused(stack, recorder.calls) == []


def test_handlers_of_events_do_what_their_roles_allow(
    recorder: Recorder, stack: Synthesis, account: Account
) -> None:
    for key in ("mouse.imzML", "mouse.ibd", "databases/bad.tsv", "mouse//x.imzML"):
        event = aws_account.created(key) if "//" in key else account.drop(key, b"formula\nX1\n")
        account.intake(event)
    account.intake(event, aws_account.created("mouse.imzML"))  # asks how the run is
    account.start_runs()
    (execution_id,) = account.executions()
    account.intake(aws_account.created("mouse.imzML"))
    aws_account.call_event_handler("AnnounceEnd", ended(execution_id, "FAILED"))
    by_role: dict[str, set[str]] = {}
    for role, action, _ in recorder.calls:
        by_role.setdefault(role, set()).add(action)
    assert by_role["IntakeRole"] >= {
        *(GET, PUT, LIST),
        *("sqs:SendMessage", "sns:Publish", "states:DescribeExecution"),
    }
    assert by_role["StartRunsRole"] >= {
        *("sqs:ReceiveMessage", "sqs:DeleteMessage"),
        *("states:StartExecution", "states:ListExecutions"),
    }
    assert by_role["AnnounceEndRole"] >= {GET, PUT, "sns:Publish", "events:PutEvents"}
    assert refused(stack, recorder.calls) == []


# --- the state machine ----------------------------------------------------------------------------


def states_of(definition: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every state, those inside Maps and branches included."""
    for state in definition["States"].values():
        yield state
        inner = [*state.get("Branches", ()), *filter(None, [state.get("ItemProcessor")])]
        for each in inner:
            yield from states_of(each)


def calls_of_the_machine(stack: Synthesis) -> set[Call]:
    """What Step Functions asks for on the state machine's behalf, read from its definition."""
    values = stack.flat(stack.properties("StateMachine")["DefinitionSubstitutions"])
    # a function of one size stands in its Task, the sizes of a ladder in the states before it
    named = set(re.findall(r"\$\{(\w+)\}", json.dumps(DEFINITION)))
    arns = {arn for name in named for arn in values[name].split(",") if ":function:" in arn}
    role = "StateMachineRole"
    found: set[Call] = {(role, "lambda:InvokeFunction", arn) for arn in arns}
    for state in states_of(DEFINITION):
        resource = state.get("Resource", "")
        if resource.endswith("lambda:invoke"):
            assert arns
        elif "ecs:runTask" in resource:
            (task,) = stack.of_type("ECS::TaskDefinition").values()
            found.add(
                (role, "ecs:RunTask", ARN.format("ecs", "task-definition/ionbox-SortSpectra:7"))
            )
            for name in ("TaskRoleArn", "ExecutionRoleArn"):
                found.add((role, "iam:PassRole", stack.flat(task["Properties"][name])))
        elif resource:
            raise AssertionError(f"say here what {resource} needs")
        if "ItemReader" in state:
            assert state["ItemReader"]["Resource"] == "arn:aws:states:::s3:getObject"
            for name in MAPS:
                listed = keys.items("some-execution", name)
                found.add((role, GET, f"arn:aws:s3:::workbucket/{listed}"))
        if state.get("ItemProcessor", {}).get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED":
            # each item, or batch, is an execution of the machine itself; a redriven Map's too
            found.add((role, "states:StartExecution", MACHINE))
            for action in ("DescribeExecution", "StopExecution"):
                found.add((role, f"states:{action}", ARN.format("states", EXECUTION)))
            child = ARN.format("states", "execution:ionbox/Map:x")
            found.add((role, "states:RedriveExecution", child))
    return found


def test_the_state_machine_may_do_what_its_definition_says(stack: Synthesis) -> None:
    calls = calls_of_the_machine(stack)
    actions = {action for _, action, _ in calls}
    assert actions >= {"lambda:InvokeFunction", "ecs:RunTask", "iam:PassRole", GET}
    functions = {arn for _, action, arn in calls if action == "lambda:InvokeFunction"}
    assert len(functions) >= len(in_memory.FUNCTIONS)
    assert refused(stack, calls) == []


def test_what_is_not_allowed_is_refused(stack: Synthesis) -> None:
    wrong = {
        ("PlanRunRole", PUT, "arn:aws:s3:::inboxbucket/mouse.imzML"),
        ("AnnotateSegmentsRole", GET, "arn:aws:s3:::workbucket/claims/x/1.json"),
        ("SortSpectraTaskRole", "states:StartExecution", MACHINE),
        ("StateMachineRole", GET, "arn:aws:s3:::workbucket/executions/x/plan.json"),
        ("StateMachineRole", "lambda:InvokeFunction", ARN.format("lambda", "function:Intake")),
        ("NobodysRole", GET, "arn:aws:s3:::inboxbucket/mouse.imzML"),
    }
    assert refused(stack, wrong) == sorted(wrong)


@pytest.mark.parametrize(
    ("role", "action"),
    [
        ("SortSpectraTaskRole", "states:SendTaskSuccess"),
        ("StateMachineRole", "iam:PassRole"),
        ("PlanMergeRole", PUT),
    ],
)
def test_a_statement_less_is_noticed(stack: Synthesis, role: str, action: str) -> None:
    """The template without one action: what asks for it is then refused."""
    template = json.loads(json.dumps(stack.template))
    for policy in template["Resources"].values():
        if policy["Type"] == "AWS::IAM::Policy" and {"Ref": role} in policy["Properties"]["Roles"]:
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
                actions = statement["Action"]
                listed = actions if isinstance(actions, list) else [actions]
                statement["Action"] = [each for each in listed if each != action]
    poorer = Synthesis(stack.folder, template)
    resource = {
        "states:SendTaskSuccess": MACHINE,
        "iam:PassRole": stack.flat({"Fn::GetAtt": ["SortSpectraTaskRole", "Arn"]}),
        PUT: "arn:aws:s3:::workbucket/sort/x/counts.npz",
    }[action]
    assert refused(stack, {(role, action, resource)}) == []
    assert refused(poorer, {(role, action, resource)}) == [(role, action, resource)]
