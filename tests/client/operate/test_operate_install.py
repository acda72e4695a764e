"""doctor, deploy and destroy."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import WaiterError
from ionbox.account import Account
from ionbox.errors import UserMustAct
from ionbox.operate import install
from ionbox.operate.doctor import examine
from ionbox_science.errors import InvalidConfig

from tests.client.operating import INBOX, RESULTS, WORK, Cloud, Command, raising, refusal


def set_quotas(
    cloud: Cloud,
    concurrency: float = 1000,
    vcpus: float = 64,
    n_vpcs: int = 1,
    vpcs: float = 5,
) -> None:
    cloud.fake(
        "lambda",
        get_account_settings=lambda **_: {"AccountLimit": {"ConcurrentExecutions": concurrency}},
    )
    values = {"L-3032A538": vcpus, "L-F678F1CE": vpcs}
    cloud.fake(
        "service-quotas",
        get_service_quota=lambda **asked: {"Quota": {"Value": values[asked["QuotaCode"]]}},
    )
    # no client of EC2 below it: boto3 reads the description of its API for half a second
    cloud.fakes["ec2"] = SimpleNamespace(describe_vpcs=lambda: {"Vpcs": [{}] * n_vpcs})


@pytest.fixture
def bootstrapped(cloud: Cloud) -> Cloud:
    """An old account without ionbox."""
    cloud.make_stack("CDKToolkit", {"BootstrapVersion": "21"})
    set_quotas(cloud)
    return cloud


def verdicts(out: str) -> dict[str, str]:
    """The doctor's verdict on each subject."""
    lines = [line for line in out.splitlines() if line.startswith(("ok", "note", "problem"))]
    return {line[9:].split("  ")[0]: line.split()[0] for line in lines}


class TestDoctor:
    def test_of_a_fit_account_finds_nothing(self, bootstrapped: Cloud, operate: Command) -> None:
        bootstrapped.install()
        ended = operate("doctor")
        assert ended.code == 0
        assert set(verdicts(ended.out).values()) == {"ok"}
        assert "nothing stands in the way" in ended.out

    def test_of_a_new_account_says_what_to_set(self, bootstrapped: Cloud, operate: Command) -> None:
        set_quotas(bootstrapped, concurrency=10, vcpus=2)
        ended = operate("doctor")
        assert ended.code == 0
        assert verdicts(ended.out) == {
            "region": "ok",
            "credentials": "ok",
            "stack": "note",
            "Lambda memory": "note",
            "Lambda concurrency": "note",
            "processors": "ok",
            "Fargate": "note",
            "costs": "ok",
            "CDK bootstrap": "ok",
        }
        for command in (
            "ionbox deploy --context map_concurrency=2",
            "ionbox deploy --context fargate=false",
            "ionbox doctor --probe-memory",
        ):
            assert command in ended.out
        assert (
            "--context max_lambda_mb=3008 --context map_concurrency=2 "
            "--context reserve_for_events=false --context max_runs=1 --context fargate=false"
        ) in ended.out

    @pytest.mark.parametrize(
        ("chosen", "said"),
        [
            ({}, "nobody is told what a month costs; monthly_budget"),
            ({"monthly_budget": 0}, "nobody is told what a month costs; monthly_budget"),
            ({"monthly_budget": "50"}, "a mail before a month costs 50 US dollars"),
        ],
    )
    @pytest.mark.usefixtures("bootstrapped")
    def test_says_whether_somebody_is_told_of_costs(
        self, chosen: dict[str, object], said: str
    ) -> None:
        findings = examine(Account(), "ionbox", chosen).findings
        (line,) = [finding.text for finding in findings if finding.subject == "costs"]
        assert line.startswith(said)

    @pytest.mark.parametrize(
        ("quota", "max_runs", "map_concurrency"),
        [(10, 5, 2), (6, 5, 1), (1000, 5, 99), (1000, 1, 497), (1581, 1, 788), (20_000, 5, 1999)],
    )
    def test_divides_calls_at_once_among_the_maps_of_all_runs(
        self,
        bootstrapped: Cloud,
        operate: Command,
        monkeypatch: pytest.MonkeyPatch,
        quota: int,
        max_runs: int,
        map_concurrency: int,
    ) -> None:
        set_quotas(bootstrapped, concurrency=quota)
        monkeypatch.setattr(install, "read_settings", lambda: {"max_runs": max_runs})
        out = operate("doctor").out
        assert f"--context map_concurrency={map_concurrency} " in out
        assert f"--context reserve_for_events={str(quota >= 105).lower()}" in out
        runs = 1 if quota < 100 else max_runs
        assert 2 * runs * map_concurrency + 5 <= max(quota, 7)
        hint = "For 788 ask AWS for 1,581, and set max_runs=1"
        assert (hint in out) == (quota >= 100 and map_concurrency < 788)

    def test_says_what_other_processors_mean(
        self, bootstrapped: Cloud, operate: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(install, "read_settings", lambda: {"architecture": "arm64"})
        ended = operate("doctor")
        assert ended.code == 0
        assert verdicts(ended.out)["processors"] == "note"
        said = " ".join(ended.out.split())
        assert "arm64, as set; a fifth cheaper than x86_64, but ionbox was never run on" in said
        assert "installed is" not in said

    def test_says_what_a_change_of_processors_means(
        self, bootstrapped: Cloud, operate: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bootstrapped.install()
        monkeypatch.setattr(install, "read_settings", lambda: {"architecture": "arm64"})
        said = " ".join(operate("doctor").out.split())
        assert "installed is x86_64, whose intermediates are not used again after a change" in said

    def test_names_the_quotas_that_it_asks_for(self, bootstrapped: Cloud, operate: Command) -> None:
        quotas = bootstrapped.fakes["service-quotas"]
        operate("doctor")
        vcpus = {"ServiceCode": "fargate", "QuotaCode": "L-3032A538"}
        vpcs = {"ServiceCode": "vpc", "QuotaCode": "L-F678F1CE"}
        assert quotas.calls == [("get_service_quota", vcpus), ("get_service_quota", vpcs)]

    @pytest.mark.parametrize(("vcpus", "n_tasks"), [(4, 1), (8, 2), (64, 16)])
    def test_asks_for_no_more_than_a_task_takes(
        self, bootstrapped: Cloud, operate: Command, vcpus: float, n_tasks: int
    ) -> None:
        set_quotas(bootstrapped, vcpus=vcpus)
        ended = operate("doctor")
        assert verdicts(ended.out)["Fargate"] == "ok"
        assert f"{vcpus:g} vCPUs: {n_tasks} sort tasks at once, 4 vCPUs each" in ended.out

    def test_knows_that_a_region_holds_few_networks(
        self, bootstrapped: Cloud, operate: Command
    ) -> None:
        set_quotas(bootstrapped, n_vpcs=5)
        ended = operate("doctor")
        assert verdicts(ended.out)["networks"] == "note"
        assert "5 of 5 networks (VPCs) of this region are there" in ended.out
        assert "--context fargate=false" in ended.out
        bootstrapped.install()  # has its network
        ended = operate("doctor")
        assert "networks" not in verdicts(ended.out)
        assert "--context fargate=true" in ended.out

    def test_asks_whether_an_inbox_of_ones_own_tells_what_arrives(
        self, bootstrapped: Cloud, operate: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(install, "read_settings", lambda: {"inbox_bucket": "lab-inbox"})
        answers: list[dict[str, Any]] = [{}, {"EventBridgeConfiguration": {}}]
        fake = bootstrapped.fake(
            "s3", get_bucket_notification_configuration=lambda **_: answers.pop(0)
        )
        ended = operate("doctor")
        assert ended.code == 1
        assert "lab-inbox does not tell EventBridge what arrives" in ended.out
        assert verdicts(operate("doctor").out)["inbox"] == "ok"
        assert (
            fake.calls == [("get_bucket_notification_configuration", {"Bucket": "lab-inbox"})] * 2
        )

    def test_asks_nothing_for_a_task_that_is_not_wanted(
        self, bootstrapped: Cloud, operate: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        set_quotas(bootstrapped, vcpus=0, n_vpcs=5)
        monkeypatch.setattr(install, "read_settings", lambda: {"fargate": False})
        ended = operate("doctor")
        assert verdicts(ended.out)["Fargate"] == "ok"
        assert "left out, as set (fargate=false)" in ended.out
        assert bootstrapped.fakes["service-quotas"].calls == []

    def test_without_bootstrap_gives_the_command(self, cloud: Cloud, operate: Command) -> None:
        set_quotas(cloud)
        ended = operate("doctor")
        assert ended.code == 1
        assert verdicts(ended.out)["CDK bootstrap"] == "problem"
        assert "AWS_REGION=eu-central-1 make bootstrap" in ended.out

    def test_an_old_bootstrap_is_a_problem(self, cloud: Cloud, operate: Command) -> None:
        set_quotas(cloud)
        cloud.make_stack("CDKToolkit", {"BootstrapVersion": "4"})
        assert verdicts(operate("doctor").out)["CDK bootstrap"] == "problem"

    def test_another_version_is_a_note(self, bootstrapped: Cloud, operate: Command) -> None:
        bootstrapped.install(version="0.0.9")
        ended = operate("doctor")
        assert verdicts(ended.out)["stack"] == "note"
        assert "'ionbox' has version 0.0.9, this command" in ended.out

    @pytest.mark.parametrize(
        ("status", "verdict", "words"),
        [
            ("ROLLBACK_COMPLETE", "problem", "ionbox destroy --stack ionbox"),
            ("UPDATE_ROLLBACK_FAILED", "problem", "is in state UPDATE_ROLLBACK_FAILED"),
            ("UPDATE_IN_PROGRESS", "note", "is being changed just now"),
        ],
    )
    def test_the_state_of_the_stack_is_told(
        self, bootstrapped: Cloud, operate: Command, status: str, verdict: str, words: str
    ) -> None:
        bootstrapped.install()
        real = bootstrapped.client("cloudformation")

        def describe(**arguments: Any) -> Any:
            answer = real.describe_stacks(**arguments)
            if arguments["StackName"] == "ionbox":
                answer["Stacks"][0]["StackStatus"] = status
            return answer

        bootstrapped.fake("cloudformation", describe_stacks=describe)
        ended = operate("doctor")
        assert verdicts(ended.out)["stack"] == verdict
        assert words in ended.out
        assert ended.code == (1 if verdict == "problem" else 0)

    def test_what_may_not_be_read_is_a_note(self, bootstrapped: Cloud, operate: Command) -> None:
        denied = refusal("AccessDeniedException", operation="GetServiceQuota")
        bootstrapped.fake("service-quotas", get_service_quota=raising(denied))
        ended = operate("doctor")
        assert ended.code == 0
        assert "cannot be read: no permission for GetServiceQuota" in ended.out

    def test_without_credentials_stops_there(self, own_environment: None, operate: Command) -> None:
        ended = operate("doctor", "--region", "eu-central-1")
        assert ended.code == 1
        assert verdicts(ended.out) == {"region": "ok", "credentials": "problem"}

    def test_without_a_region_stops_there(self, own_environment: None, operate: Command) -> None:
        assert verdicts(operate("doctor").out) == {"region": "problem"}

    @pytest.mark.parametrize(
        ("code", "message", "cap"),
        [
            (
                "ValidationException",
                "'MemorySize' value failed to satisfy constraint: Member must have value less than "
                "or equal to 3008",
                "max_lambda_mb=3008",
            ),
            (
                "InvalidParameterValueException",
                "The role defined for the function cannot be assumed by Lambda.",
                "max_lambda_mb=10240",
            ),
            ("AccessDeniedException", "no", "max_lambda_mb=3008"),
        ],
    )
    def test_the_memory_cap_is_read_from_a_refusal(
        self, bootstrapped: Cloud, operate: Command, code: str, message: str, cap: str
    ) -> None:
        functions = bootstrapped.fakes["lambda"]
        functions._methods["create_function"] = raising(refusal(code, message))
        assert f"--context {cap}" in operate("doctor", "--probe-memory").out
        asked = next(arguments for name, arguments in functions.calls if name == "create_function")
        assert asked["MemorySize"] == 10240

    def test_changes_nothing_unless_asked_to_probe(
        self, bootstrapped: Cloud, operate: Command
    ) -> None:
        operate("doctor")
        assert [name for name, _ in bootstrapped.fakes["lambda"].calls] == ["get_account_settings"]


class TestDeploy:
    @pytest.fixture
    def checkout(
        self, bootstrapped: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> list[list[str]]:
        """A checkout whose `make deploy` installs the pretended stack; the commands it got."""
        for name in ("cdk.json", "Makefile"):
            (tmp_path / name).write_text('{"context": {"default_config": {}}}')
        commands: list[list[str]] = []

        def run(command: list[str], env: dict[str, str], check: bool) -> Any:
            commands.append([*command, env["AWS_REGION"], env.get("AWS_PROFILE", "")])
            bootstrapped.install()
            return subprocess.CompletedProcess(command, 0)

        monkeypatch.setattr(install.make_command, "__defaults__", (tmp_path,))
        monkeypatch.setattr(install.deploy, "__defaults__", (run,))
        return commands

    def test_installs_with_settings_that_suit_the_account(
        self, bootstrapped: Cloud, operate: Command, checkout: list[list[str]], tmp_path: Path
    ) -> None:
        set_quotas(bootstrapped, concurrency=10)
        ended = operate("deploy", "--yes", "--context", "max_lambda_mb=10240")
        assert ended.code == 0
        (command,) = checkout
        assert command[:4] == ["make", "-C", str(tmp_path), "deploy"]
        assert command[4] == (
            "ARGS=--require-approval never -c 'fargate=true' -c 'map_concurrency=2' "
            "-c 'max_lambda_mb=10240' -c 'max_runs=1' -c 'reserve_for_events=false' "
            "-c 'stack_name=ionbox'"
        )
        assert command[5:] == ["eu-central-1", ""]
        assert "datasets go to the bucket the-inbox" in ended.out

    @pytest.mark.parametrize(
        ("given", "fargate"), [("vpc_id=vpc-1", "true"), ("fargate=false", "false")]
    )
    def test_needs_no_room_for_a_network_that_it_does_not_make(
        self,
        bootstrapped: Cloud,
        operate: Command,
        checkout: list[list[str]],
        given: str,
        fargate: str,
    ) -> None:
        set_quotas(bootstrapped, n_vpcs=5)
        ended = operate("deploy", "--yes", "--context", given)
        assert ended.code == 0
        assert "networks" not in verdicts(ended.out)
        assert f"-c 'fargate={fargate}'" in checkout[0][4]

    def test_asks_and_takes_no_for_an_answer(
        self, operate: Command, checkout: list[list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        monkeypatch.setattr("sys.stdin", Terminal("n\n"))
        ended = operate("deploy")
        assert ended.code == 1
        assert "install 'ionbox' in account 123456789012, eu-central-1? [y/N]" in ended.err
        assert checkout == []

    def test_does_not_install_what_stands_no_chance(
        self, cloud: Cloud, operate: Command, checkout: list[list[str]]
    ) -> None:
        cloud.client("cloudformation").delete_stack(StackName="CDKToolkit")
        ended = operate("deploy", "--yes")
        assert ended.code == 1
        assert "CDK bootstrap: this region is not prepared" in ended.err
        assert checkout == []

    def test_keeps_the_memory_of_what_is_installed(
        self,
        bootstrapped: Cloud,
        operate: Command,
        checkout: list[list[str]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        bootstrapped.install()
        seen: list[str] = []

        def run(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
            seen.append(command[4])
            return subprocess.CompletedProcess(command, 0)

        monkeypatch.setattr(install.deploy, "__defaults__", (run,))
        ended = operate("deploy", "--yes")
        assert ended.code == 0
        assert "-c 'max_lambda_mb=10240'" in seen[0]

    def test_that_fails_points_to_the_doctor(
        self, operate: Command, checkout: list[list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def run(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
            return subprocess.CompletedProcess(command, 2)

        monkeypatch.setattr(install.deploy, "__defaults__", (run,))
        ended = operate("deploy", "--yes")
        assert ended.code == 3
        assert "the installation failed; the lines above say why" in ended.err

    def test_outside_a_checkout_says_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(UserMustAct, match="is no checkout of ionbox"):
            install.make_command({}, tmp_path)

    @pytest.mark.parametrize("pair", ["max_runs", "=5"])
    def test_a_setting_without_value_is_named(
        self, bootstrapped: Cloud, operate: Command, pair: str
    ) -> None:
        ended = operate("deploy", "--context", pair)
        assert ended.code == 1
        assert f"--context: expected KEY=VALUE, got '{pair}'" in ended.err


class Replaced:
    """A client with some of its methods replaced."""

    def __init__(self, client: Any, **methods: Callable[..., Any]) -> None:
        self._client = client
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        return self._methods.get(name) or getattr(self._client, name)


class Pages:
    """A paginator's answers, or its error."""

    def __init__(self, name: str, answers: Any) -> None:
        assert name.startswith("list_")
        self._answers = answers

    def paginate(self, **_: Any) -> Any:
        if isinstance(self._answers, Exception):
            raise self._answers
        return self._answers


class Waiter:
    """Fails as long as the stack is not deleted."""

    def __init__(self, deleted: Callable[[], bool]) -> None:
        self._deleted = deleted

    def wait(self, **_: Any) -> None:
        if not self._deleted():
            raise WaiterError("stack_delete_complete", "DELETE_FAILED", {})


def buckets(cloud: Cloud) -> set[str]:
    return {each["Name"] for each in cloud.client("s3").list_buckets()["Buckets"]}


class TestDestroy:
    def test_removes_the_stack_and_keeps_data(self, installed: Cloud, operate: Command) -> None:
        for bucket in (INBOX, WORK, RESULTS):
            installed.put(bucket, "x", b"x")
        ended = operate("destroy", "--yes")
        assert ended.code == 0
        assert "stays: the buckets the-inbox (datasets) and the-results (results)" in ended.out
        assert (installed.keys(INBOX), installed.keys(RESULTS)) == (["x"], ["x"])
        assert buckets(installed) == {INBOX, RESULTS}
        assert operate("list").code == 1

    def test_stops_first_what_runs_and_drops_what_waits(
        self, installed: Cloud, operate: Command
    ) -> None:
        arn = installed.start("ghi-1", "slow", wait=False)
        sqs = installed.client("sqs")
        (queue,) = sqs.list_queues(QueueNamePrefix="runs")["QueueUrls"]
        sqs.send_message(QueueUrl=queue, MessageBody="{}")
        stopped: list[str] = []
        pages = [{"taskArns": ["task-1", "task-2"]}]
        installed.fakes["ecs"] = Replaced(
            installed.client("ecs"),
            get_paginator=lambda name: Pages(name, pages),
            stop_task=lambda **asked: stopped.append(asked["task"]),
        )
        ended = operate("destroy", "--yes")
        assert ended.code == 0
        assert "stops: runs that are on (ghi-1), and those that wait" in ended.out
        assert installed.state_when_ended(arn) == "ABORTED"
        assert "Messages" not in sqs.receive_message(QueueUrl=queue)
        assert stopped == ["task-1", "task-2"]

    def test_empties_the_work_bucket_again_if_a_call_wrote_meanwhile(
        self, installed: Cloud, operate: Command
    ) -> None:
        installed.put(WORK, "x", b"x")
        real = installed.client("cloudformation")
        deletions: list[Callable[[], Any]] = [
            lambda: installed.put(WORK, "late", b"x"),
            lambda: real.delete_stack(StackName="ionbox"),
        ]
        installed.fakes["cloudformation"] = Replaced(
            real,
            delete_stack=lambda **_: deletions.pop(0)(),
            get_waiter=lambda _: Waiter(lambda: not deletions),
        )
        ended = operate("destroy", "--yes")
        assert ended.code == 0
        assert buckets(installed) == {INBOX, RESULTS}

    def test_says_what_it_could_not_delete(self, installed: Cloud, operate: Command) -> None:
        installed.put(WORK, "x", b"x")
        refused = {"Key": "x", "Code": "AccessDenied", "Message": "a lock"}
        installed.fake("s3", delete_objects=lambda **_: {"Errors": [refused]})
        ended = operate("destroy", "--yes")
        assert ended.code == 3
        assert "1 objects of the bucket the-work could not be deleted" in ended.err
        assert "x: AccessDenied: a lock" in ended.err

    def test_that_broke_off_is_taken_up(self, installed: Cloud, operate: Command) -> None:
        gone = refusal("StateMachineDoesNotExist", operation="ListExecutions")
        installed.fakes["stepfunctions"] = Replaced(
            installed.client("stepfunctions"), get_paginator=lambda name: Pages(name, gone)
        )
        sqs = installed.client("sqs")
        for url in sqs.list_queues()["QueueUrls"]:
            sqs.delete_queue(QueueUrl=url)
        installed.client("ecs").delete_cluster(cluster="the-cluster")
        ended = operate("destroy", "--yes")
        assert (ended.code, ended.err) == (0, "")
        assert buckets(installed) == {INBOX, RESULTS}

    def test_leaves_a_bucket_alone_that_is_no_part_of_the_stack(
        self, installed: Cloud, operate: Command
    ) -> None:
        outputs = installed.client("cloudformation").describe_stacks(StackName="ionbox")
        values = {
            each["OutputKey"]: each["OutputValue"] for each in outputs["Stacks"][0]["Outputs"]
        }
        installed.make_stack("other", values | {"WorkBucket": INBOX})
        installed.put(INBOX, "x", b"x")
        ended = operate("destroy", "--yes", "--stack", "other")
        assert ended.code == 0
        assert "and the bucket" not in ended.out
        assert installed.keys(INBOX) == ["x"]

    def test_asks(self, installed: Cloud, operate: Command) -> None:
        ended = operate("destroy")
        assert ended.code == 1
        assert "add --yes" in ended.err
        assert operate("list").code == 0

    def test_of_nothing_says_so(self, cloud: Cloud, operate: Command) -> None:
        ended = operate("destroy", "--yes")
        assert ended.code == 1
        assert "there is no stack 'ionbox'" in ended.err

    def test_of_half_an_installation_removes_it(self, cloud: Cloud, operate: Command) -> None:
        cloud.make_stack("ionbox", {"InboxBucket": "x"})
        ended = operate("destroy", "--yes")
        assert ended.code == 0
        assert "is not complete" in ended.err


def test_a_file_s_name_is_never_read_as_markup(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ionbox import terminal
    from ionbox.cli import show
    from rich.console import Console

    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=120)
    monkeypatch.setattr(terminal, "console", lambda **_: console)
    with show.transfers() as starting:
        starting("x[red].ibd", "uploading", 10)(10)
    assert "x[red].ibd uploading" in shown.getvalue()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [({"databses": ["x"]}, "did you mean 'databases'"), ({"polarity": "sideways"}, "sideways")],
)
def test_default_settings_with_which_no_run_starts_are_not_deployed(
    settings: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidConfig, match=problem):
        install.make_command({"default_config": json.dumps(settings)})
