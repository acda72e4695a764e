"""What must not vanish from the stack."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ionbox.operate.doctor import EVENT_CALLS
from ionbox_cloud import keys

from cdk.app import read_context
from cdk.functions_table import TABLE
from cdk.settings import StackSettings
from tests.cdk.synthesis import Synthesis

FUNCTIONS = json.loads(TABLE.read_text("utf-8"))["functions"]
BUCKETS = ("InboxBucket", "WorkBucket", "ResultsBucket")
EVENT_HANDLERS = ("Intake", "StartRuns", "AnnounceEnd")


def rules_of(stack: Synthesis, bucket: str) -> dict[str, dict[str, Any]]:
    rules = stack.properties(bucket)["LifecycleConfiguration"]["Rules"]
    assert all(rule["Status"] == "Enabled" for rule in rules)
    return {rule["Id"]: rule for rule in rules}


def state_of(function: str) -> str:
    return function.rstrip("0123456789")


# --- buckets --------------------------------------------------------------------------------------


def test_there_are_three_buckets(stack: Synthesis) -> None:
    assert stack.of_type("S3::Bucket").keys() == set(BUCKETS)


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_is_private_and_encrypted(stack: Synthesis, bucket: str) -> None:
    properties = stack.properties(bucket)
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert properties["OwnershipControls"] == {
        "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]
    }


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_answers_over_tls_only(stack: Synthesis, bucket: str) -> None:
    (policy,) = [
        each["Properties"]["PolicyDocument"]["Statement"]
        for each in stack.of_type("S3::BucketPolicy").values()
        if each["Properties"]["Bucket"] == {"Ref": bucket}
    ]
    denied = [each for each in policy if each["Effect"] == "Deny"]
    assert {"Bool": {"aws:SecureTransport": "false"}} in [each["Condition"] for each in denied]
    assert all(each["Action"] == "s3:*" for each in denied)
    arn = f"arn:aws:s3:::{bucket.lower()}"
    assert all(stack.flat(each["Resource"]) == [arn, f"{arn}/*"] for each in denied)


def test_buckets_can_have_a_key_of_ones_own(with_all: Synthesis) -> None:
    for bucket in BUCKETS:
        (rule,) = with_all.properties(bucket)["BucketEncryption"][
            "ServerSideEncryptionConfiguration"
        ]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
        assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"].endswith("key/1234")


def test_users_data_outlives_the_stack_and_intermediates_do_not(stack: Synthesis) -> None:
    policies = {
        name: (resource["DeletionPolicy"], resource["UpdateReplacePolicy"])
        for name, resource in stack.of_type("S3::Bucket").items()
    }
    # except on create: a first deployment that failed leaves nothing behind
    kept = ("RetainExceptOnCreate", "Retain")
    assert policies == {
        "InboxBucket": kept,
        "ResultsBucket": kept,
        "WorkBucket": ("Delete", "Delete"),
    }


@pytest.mark.parametrize("bucket", ["InboxBucket", "ResultsBucket"])
def test_what_is_overwritten_or_deleted_can_be_had_back_for_a_while(
    stack: Synthesis, bucket: str
) -> None:
    assert stack.properties(bucket)["VersioningConfiguration"] == {"Status": "Enabled"}
    rule = rules_of(stack, bucket)["old-versions"]
    assert rule["Status"] == "Enabled"
    assert "Prefix" not in rule  # of all that lies there
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rule["ExpiredObjectDeleteMarker"] is True


def test_versions_of_what_can_be_computed_again_are_not_kept(stack: Synthesis) -> None:
    assert "VersioningConfiguration" not in stack.properties("WorkBucket")
    segments = rules_of(stack, "ResultsBucket")["segments"]
    assert segments["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}


def test_intermediates_and_segments_expire_and_results_do_not(stack: Synthesis) -> None:
    work = rules_of(stack, "WorkBucket")
    kept = {rule["Prefix"]: rule["ExpirationInDays"] for rule in work.values() if "Prefix" in rule}
    assert kept.pop("claims/") > 90  # as long as names of executions stay taken
    drawn = (keys.__doc__ or "").split("    work ")[1].split("    results ")[0]
    folders = set(re.findall(r"^ {0,13}([a-z-]+/)<", drawn, re.MULTILINE))
    assert len(folders) >= 7
    assert kept == dict.fromkeys(folders - {"claims/"}, 14)
    segments = rules_of(stack, "ResultsBucket")["segments"]
    assert (segments["Prefix"], segments["ExpirationInDays"]) == ("segments/", 90)
    for bucket in ("InboxBucket", "ResultsBucket"):
        for rule in rules_of(stack, bucket).values():
            assert "ExpirationInDays" not in rule or rule["Prefix"] == "segments/"


@pytest.mark.parametrize("bucket", BUCKETS)
def test_incomplete_uploads_are_not_paid_for_for_ever(stack: Synthesis, bucket: str) -> None:
    rule = rules_of(stack, bucket)["incomplete-uploads"]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


# --- functions ------------------------------------------------------------------------------------


def test_functions_know_where_objects_are(stack: Synthesis) -> None:
    for function in stack.of_type("Lambda::Function").values():
        variables = stack.flat(function["Properties"]["Environment"]["Variables"])
        assert variables["IONBOX_INBOX"] == "s3://inboxbucket"
        assert variables["IONBOX_WORK"] == "s3://workbucket"
        assert variables["IONBOX_RESULTS"] == "s3://resultsbucket"


def test_threads_share_an_arena_of_memory(with_all: Synthesis) -> None:
    tuning = {"Name": "MALLOC_ARENA_MAX", "Value": "1"}
    for function in with_all.of_type("Lambda::Function").values():
        assert function["Properties"]["Environment"]["Variables"][tuning["Name"]] == tuning["Value"]
    for definition in with_all.of_type("ECS::TaskDefinition").values():
        (container,) = definition["Properties"]["ContainerDefinitions"]
        assert tuning in container["Environment"]


@pytest.mark.parametrize("name", EVENT_HANDLERS)
def test_handlers_of_events_know_the_control_plane(with_all: Synthesis, name: str) -> None:
    variables = with_all.flat(with_all.properties(name)["Environment"]["Variables"])
    machine = with_all.flat(with_all.template["Outputs"]["StateMachineArn"]["Value"])
    named = variables["IONBOX_STATE_MACHINE"]
    assert named.rpartition(":")[0] == machine.rpartition(":")[0]
    assert named.endswith(":core-facility")
    assert with_all.properties("StateMachine")["StateMachineName"] == "core-facility"
    assert variables["IONBOX_RUN_QUEUE"] == "runqueue"
    assert variables["IONBOX_KICK_QUEUE"] == "kickqueue"
    assert variables["IONBOX_MAX_RUNS"] == "5"
    assert variables["IONBOX_TOPIC"].endswith(":Topic")
    assert json.loads(variables["IONBOX_DEFAULT_CONFIG"]) == {"ppm": 5, "databases": ["lipids"]}
    assert variables["IONBOX_EVENT_BUS"] == "default"


def test_events_have_calls_of_their_own_where_the_account_has_enough(
    with_all: Synthesis, stack: Synthesis
) -> None:
    reserved = {
        name: each["Properties"]["ReservedConcurrentExecutions"]
        for name, each in with_all.of_type("Lambda::Function").items()
        if "ReservedConcurrentExecutions" in each["Properties"]
    }
    assert reserved.keys() == set(EVENT_HANDLERS)
    assert sum(reserved.values()) == EVENT_CALLS  # what the doctor leaves for them
    for function in stack.of_type("Lambda::Function").values():
        assert "ReservedConcurrentExecutions" not in function["Properties"]


def test_maps_of_all_runs_leave_room_for_events() -> None:
    settings = StackSettings.from_context(read_context())
    assert 2 * settings.max_runs * settings.map_concurrency + EVENT_CALLS <= 1000


def test_only_the_planner_knows_whether_there_is_a_task(
    stack: Synthesis, without_fargate: Synthesis
) -> None:
    for synthesis, answer in ((stack, {"vcpu": 4, "memory_mb": 16384}), (without_fargate, None)):
        variables = synthesis.properties("PlanRun1769")["Environment"]["Variables"]
        assert json.loads(variables["IONBOX_SORT_TASK"]) == answer


def test_each_handler_has_one_role_and_one_log_shared_by_its_rungs(with_all: Synthesis) -> None:
    roles: dict[str, set[str]] = {}
    for name, function in with_all.of_type("Lambda::Function").items():
        state = state_of(name)
        assert function["Properties"]["LoggingConfig"] == {"LogGroup": {"Ref": f"{state}Logs"}}
        roles.setdefault(state, set()).add(function["Properties"]["Role"]["Fn::GetAtt"][0])
    assert {state: {f"{state}Role"} for state in roles} == roles


def test_every_log_has_its_name_and_ends(stack: Synthesis) -> None:
    found = {
        each["Properties"]["LogGroupName"]: each["Properties"]["RetentionInDays"]
        for each in stack.of_type("Logs::LogGroup").values()
    }
    names = {f"/ionbox/ionbox/{name}" for name in (*FUNCTIONS, "SortSpectra")}
    # Step Functions delivers to it by a policy of the region that holds 5,120 characters; groups
    # of this prefix take none of them
    names.add("/aws/vendedlogs/states/ionbox")
    assert found == dict.fromkeys(names, 30)


# --- events ---------------------------------------------------------------------------------------


def targets(stack: Synthesis) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, rule in stack.of_type("Events::Rule").items():
        for target in rule["Properties"]["Targets"]:
            yield name, target


def test_the_inbox_tells_eventbridge_without_a_function_to_set_that_up(stack: Synthesis) -> None:
    configuration = stack.properties("InboxBucket")["NotificationConfiguration"]
    assert configuration == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    kinds = {resource["Type"] for resource in stack.template["Resources"].values()}
    assert not {kind for kind in kinds if kind.startswith("Custom::")}


def test_what_is_dropped_goes_to_intake(stack: Synthesis) -> None:
    pattern = stack.flat(stack.properties("ObjectDropped")["EventPattern"])
    assert pattern["source"] == ["aws.s3"]
    assert pattern["detail-type"] == ["Object Created"]
    assert pattern["detail"]["bucket"]["name"] == ["inboxbucket"]
    assert pattern["detail"]["object"]["key"] == [
        {"suffix": {"equals-ignore-case": ".imzml"}},
        {"suffix": {"equals-ignore-case": ".ibd"}},
        {"suffix": {"equals-ignore-case": ".json"}},
        {"prefix": "databases/"},
    ]


def test_every_end_of_a_run_of_ours_is_announced_and_starts_the_next(stack: Synthesis) -> None:
    pattern = stack.flat(stack.properties("RunEnded")["EventPattern"])
    (machine,) = pattern["detail"]["stateMachineArn"]
    assert machine.endswith(":stateMachine:ionbox")
    assert pattern["detail"]["status"] == ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]


def test_rules_lead_where_they_should(stack: Synthesis) -> None:
    found = sorted((name, target["Arn"]["Fn::GetAtt"][0]) for name, target in targets(stack))
    assert found == [
        ("EveryFiveMinutes", "KickQueue"),
        ("ObjectDropped", "Intake"),
        ("RunEnded", "AnnounceEnd"),
        ("RunEnded", "KickQueue"),
    ]
    assert stack.properties("EveryFiveMinutes")["ScheduleExpression"] == "rate(5 minutes)"


def test_every_target_is_tried_again_and_then_remembered(stack: Synthesis) -> None:
    for _, target in targets(stack):
        assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}
        assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0
        assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] >= 300


def test_events_that_a_function_fails_on_are_remembered_too(stack: Synthesis) -> None:
    for name in ("Intake", "AnnounceEnd"):
        dead_letters = {"TargetArn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}
        assert stack.properties(name)["DeadLetterConfig"] == dead_letters


def test_kicks_come_one_at_a_time(stack: Synthesis) -> None:
    kick_queue = stack.properties("KickQueue")
    assert kick_queue["FifoQueue"] is True
    assert kick_queue["ContentBasedDeduplication"] is True  # EventBridge gives no id of its own
    for _, target in targets(stack):
        is_kick = target["Arn"]["Fn::GetAtt"][0] == "KickQueue"
        assert target.get("SqsParameters") == ({"MessageGroupId": "kick"} if is_kick else None)
        assert "Input" not in target, "equal kicks within 5 minutes would be one"
    (mapping,) = stack.of_type("Lambda::EventSourceMapping").values()
    assert mapping["Properties"]["EventSourceArn"] == {"Fn::GetAtt": ["KickQueue", "Arn"]}
    assert mapping["Properties"]["FunctionName"] == {"Ref": "StartRuns"}
    assert 1 <= mapping["Properties"]["BatchSize"] <= 10


def test_a_queue_waits_longer_than_the_function_that_reads_it(stack: Synthesis) -> None:
    for queue in ("RunQueue", "KickQueue"):
        visible_again = stack.properties(queue)["VisibilityTimeout"]
        assert visible_again > FUNCTIONS["StartRuns"]["timeout_s"]
        assert stack.properties(queue)["MessageRetentionPeriod"] > 2 * visible_again


def test_waiting_runs_are_kept_and_bad_ones_put_aside(stack: Synthesis) -> None:
    run_queue = stack.properties("RunQueue")
    assert "FifoQueue" not in run_queue
    assert run_queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    redrive = run_queue["RedrivePolicy"]
    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    assert redrive["maxReceiveCount"] >= 3
    assert stack.properties("DeadLetters")["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_queues_and_topic_are_encrypted_and_answer_over_tls_only(stack: Synthesis) -> None:
    for queue in stack.of_type("SQS::Queue").values():
        assert queue["Properties"]["SqsManagedSseEnabled"] is True
    policies = [*stack.of_type("SQS::QueuePolicy").values()]
    policies += stack.of_type("SNS::TopicPolicy").values()
    assert len(policies) == 4
    for policy in policies:
        statements = policy["Properties"]["PolicyDocument"]["Statement"]
        assert [each["Condition"] for each in statements if each["Effect"] == "Deny"] == [
            {"Bool": {"aws:SecureTransport": "false"}}
        ]


# --- who is told ----------------------------------------------------------------------------------


def test_every_alarm_tells_people_and_says_what_to_do(stack: Synthesis) -> None:
    alarms = stack.of_type("CloudWatch::Alarm")
    assert alarms.keys() == {
        "RunFailedAlarm",
        "RunStuckAlarm",
        "DeadLetterAlarm",
        "NothingStartsAlarm",
        *(f"{name}FailedAlarm" for name in EVENT_HANDLERS),
    }
    for alarm in alarms.values():
        properties = alarm["Properties"]
        assert properties["AlarmActions"] == [{"Ref": "Topic"}]
        assert ":" in properties["AlarmDescription"]
        assert properties["TreatMissingData"] == "notBreaching"  # idle is not an alarm


def test_alarms_may_use_the_topic(stack: Synthesis) -> None:
    (policy,) = stack.of_type("SNS::TopicPolicy").values()
    allowed = [
        each["Principal"]
        for each in policy["Properties"]["PolicyDocument"]["Statement"]
        if each["Effect"] == "Allow"
    ]
    assert {"Service": "cloudwatch.amazonaws.com"} in allowed


def test_who_gave_an_address_is_subscribed(with_all: Synthesis, stack: Synthesis) -> None:
    (subscription,) = with_all.of_type("SNS::Subscription").values()
    assert subscription["Properties"]["Protocol"] == "email"
    assert subscription["Properties"]["Endpoint"] == "lab@example.org"
    assert not stack.of_type("SNS::Subscription")


# --- the Fargate task -----------------------------------------------------------------------------


def test_the_network_takes_no_connection_and_costs_nothing_while_idle(stack: Synthesis) -> None:
    (group,) = stack.of_type("EC2::SecurityGroup").values()
    assert "SecurityGroupIngress" not in group["Properties"]
    (out,) = group["Properties"]["SecurityGroupEgress"]
    assert (out["FromPort"], out["ToPort"], out["IpProtocol"]) == (443, 443, "tcp")
    assert not stack.of_type("EC2::SecurityGroupIngress")
    assert not stack.of_type("EC2::NatGateway")
    assert len(stack.of_type("EC2::Subnet")) == 2
    (endpoint,) = stack.of_type("EC2::VPCEndpoint").values()
    assert endpoint["Properties"]["VpcEndpointType"] == "Gateway"


def test_the_task_is_lambdas_image_by_digest(stack: Synthesis) -> None:
    (definition,) = stack.of_type("ECS::TaskDefinition").values()
    properties = definition["Properties"]
    assert (properties["Cpu"], properties["Memory"]) == ("4096", "16384")
    assert properties["RequiresCompatibilities"] == ["FARGATE"]
    assert properties["RuntimePlatform"]["CpuArchitecture"] == "X86_64"
    (container,) = properties["ContainerDefinitions"]
    assert container["Name"] == "sort"
    image, _, digest = container["Image"].partition("@sha256:")
    assert image == "public.ecr.aws/lambda/python:3.13"
    assert len(digest) == 64
    assert container["StopTimeout"] == 120
    assert container["LinuxParameters"]["InitProcessEnabled"] is True
    assert container["LogConfiguration"]["Options"]["awslogs-group"] == {"Ref": "SortSpectraLogs"}


def test_the_task_starts_with_what_the_functions_are_made_of(stack: Synthesis) -> None:
    (definition,) = stack.of_type("ECS::TaskDefinition").values()
    (container,) = definition["Properties"]["ContainerDefinitions"]
    variables = {each["Name"]: stack.flat(each["Value"]) for each in container["Environment"]}
    assert variables["IONBOX_ENTRY"] == "sort_spectra/task.py"
    assert variables["IONBOX_WORK"] == "s3://workbucket"
    functions = stack.properties("PlanRun1769")["Code"]
    layers = [stack.properties(f"{name}Layer")["Content"] for name in ("Science", "Cloud")]
    bucket = stack.flat(functions["S3Bucket"])
    assert variables["IONBOX_CODE_ZIP"] == f"s3://{bucket}/{functions['S3Key']}"
    assert variables["IONBOX_LAYER_ZIPS"].split(",") == [
        f"s3://{bucket}/{layer['S3Key']}" for layer in layers
    ]
    assert compile(container["EntryPoint"][-1], "bootstrap", "exec")


def test_without_fargate_there_is_no_network(without_fargate: Synthesis) -> None:
    kinds = {resource["Type"] for resource in without_fargate.template["Resources"].values()}
    assert not {kind for kind in kinds if kind.startswith(("AWS::EC2::", "AWS::ECS::"))}


# --- the whole ------------------------------------------------------------------------------------


def test_commands_find_what_they_need(stack: Synthesis, project: Path) -> None:
    outputs = {name: stack.flat(each["Value"]) for name, each in stack.template["Outputs"].items()}
    version = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    expected = {
        "InboxBucket": "inboxbucket",
        "WorkBucket": "workbucket",
        "ResultsBucket": "resultsbucket",
        "RunQueueUrl": "runqueue",
        "KickQueueUrl": "kickqueue",
        "DeadLetterQueueUrl": "deadletters",
        "LogGroupPrefix": "/ionbox/ionbox",
        "IonboxVersion": version,
        "MaxRuns": "5",
        "MaxLambdaMb": "3008",
        "Architecture": "x86_64",
        "DefaultConfig": json.dumps(
            {"databases": ["lipids"], "analyzer": "orbitrap", "resolving_power": 140000}
        ),
    }
    assert {name: outputs[name] for name in expected} == expected
    assert outputs.keys() - expected.keys() == {"StateMachineArn", "TopicArn", "ClusterName"}


def test_there_is_an_answer_for_the_cluster_without_one(without_fargate: Synthesis) -> None:
    assert without_fargate.template["Outputs"]["ClusterName"]["Value"] == "none"


def test_costs_can_be_told_apart(with_all: Synthesis) -> None:
    for kind in ("S3::Bucket", "Lambda::Function", "SQS::Queue", "StepFunctions::StateMachine"):
        for resource in with_all.of_type(kind).values():
            tags = {tag["Key"]: tag["Value"] for tag in resource["Properties"]["Tags"]}
            assert tags == {"application": "ionbox", "stack": "core-facility"}


def test_a_budget_warns_of_what_carries_the_stacks_tag(
    with_all: Synthesis, stack: Synthesis
) -> None:
    assert stack.of_type("Budgets::Budget") == {}
    properties = with_all.properties("Budget")
    budget = properties["Budget"]
    assert budget["BudgetLimit"] == {"Amount": 50, "Unit": "USD"}
    assert budget["TimeUnit"] == "MONTHLY"
    assert budget["CostFilters"] == {"TagKeyValue": ["user:stack$core-facility"]}
    bucket_tags = with_all.properties("InboxBucket")["Tags"]
    assert {"Key": "stack", "Value": "core-facility"} in bucket_tags
    warnings = properties["NotificationsWithSubscribers"]
    assert [
        (each["Notification"]["NotificationType"], each["Notification"]["Threshold"])
        for each in warnings
    ] == [("ACTUAL", 80), ("FORECASTED", 100)]
    for each in warnings:
        assert each["Subscribers"] == [{"SubscriptionType": "EMAIL", "Address": "lab@example.org"}]


def test_the_stack_knows_neither_account_nor_region(stack: Synthesis) -> None:
    manifest = json.loads((stack.folder / "manifest.json").read_text("utf-8"))
    assert manifest["artifacts"]["ionbox"]["environment"] == "aws://unknown-account/unknown-region"
    assert "missing" not in manifest  # nothing that the command line would have to look up


def test_the_manual_invokes_functions_that_exist(stack: Synthesis, project: Path) -> None:
    text = (project / "docs/operations.md").read_text("utf-8")
    invoked = set(re.findall(r"^sam local invoke (\w+) ", text, re.MULTILINE))
    functions = stack.of_type("Lambda::Function")
    assert invoked <= functions.keys()
    assert {state_of(name) for name in invoked} == {state_of(name) for name in functions}
