"""Whether an account and an installation are fit, and which settings suit the account's quotas.

`examine` looks at credentials, stack, quotas and CDK's bootstrap, and changes nothing. ``ionbox
doctor`` shows what it found; ``ionbox deploy`` also installs with the settings it advises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from ionbox_science import __version__

from ionbox.account import Account, error_code, read_outputs, translate
from ionbox.errors import OperateError
from ionbox.local.functions import IONBOX

OK, NOTE, PROBLEM = "ok", "note", "problem"
"""Verdicts: as it should be, worth knowing, stands in the way."""

NEW_ACCOUNT_LAMBDA_MB = 3008  # memory of a function that AWS allows every account
TOP_LAMBDA_MB = 10240  # the most that Lambda has
_USUAL_CONCURRENCY = 1000  # calls at once: AWS's default quota; new accounts have less
_FEW_CALLS = 100  # with fewer, one run at a time; AWS reserves nothing of them for a function
EVENT_CALLS = 5  # calls at once left for Intake, StartRuns and AnnounceEnd: cdk/functions.py
_MAPS_AT_ONCE = 2  # of a run: peaks are sorted while patterns are generated
_USUAL_ARCHITECTURE = "x86_64"
_USUAL_RUNS = 5  # max_runs of cdk.json, for who has no checkout
_MANY_WORKERS = 788  # as an example: what it takes to compute that many parts at once
_FARGATE_QUOTA = ("fargate", "L-3032A538")  # "Fargate On-Demand vCPU resource count"
_VPC_QUOTA = ("vpc", "L-F678F1CE")  # "VPCs per Region"; 5 unless more were granted
_BOOTSTRAP_STACK, _BOOTSTRAP_VERSION = "CDKToolkit", 6  # as CDK names it; the oldest that will do
Answer = TypeVar("Answer")

_BUSY = re.compile("_IN_PROGRESS$")
_BROKEN = re.compile("FAILED$|^ROLLBACK_COMPLETE$")


@dataclass(frozen=True)
class CheckLine:
    """One line of the doctor.

    Attributes
    ----------
    verdict : str
        `OK`, `NOTE` or `PROBLEM`.
    subject : str
        What was looked at, a word or two.
    text : str
        What was found.
    remedy : str
        A command that helps; empty if none does or none is needed.
    """

    verdict: str
    subject: str
    text: str
    remedy: str = ""


@dataclass
class Examination:
    """All that was found in an account.

    Attributes
    ----------
    findings : list of CheckLine
        In the order to show.
    context : dict of str to str
        Settings for ``cdk.json``'s context that suit the account.
    stack_status : str
        CloudFormation's word for the stack's state; empty if there is no stack.
    """

    findings: list[CheckLine] = field(default_factory=list)
    context: dict[str, str] = field(default_factory=dict)
    stack_status: str = ""

    @property
    def fit(self) -> bool:
        """Whether nothing stands in the way of installing or running."""
        return all(finding.verdict != PROBLEM for finding in self.findings)

    def add(self, verdict: str, subject: str, text: str, remedy: str = "") -> None:
        """Append a finding; arguments are the attributes of `CheckLine`."""
        self.findings.append(CheckLine(verdict, subject, text, remedy))


def examine(
    account: Account, stack: str, chosen: Mapping[str, Any], *, probe_memory: bool = False
) -> Examination:
    """Look at credentials, quotas, CDK bootstrap and stack.

    Parameters
    ----------
    account : Account
        Account and region.
    stack : str
        Name of the stack, which need not exist.
    chosen : mapping
        Settings that the user has chosen, on the command line or in ``cdk.json``: what they do
        without is not asked for.
    probe_memory : bool
        Whether to ask for a function of `TOP_LAMBDA_MB` with a role that does not exist. It cannot
        be made, and the refusal says whether the memory or only the role is at fault. AWS tells
        nowhere else how much memory an account may use.

    Returns
    -------
    Examination
        What cannot be read, a missing permission say, is a finding, too; nothing is raised.
    """
    found = Examination()
    try:
        found.add(OK, "region", account.region)
        found.add(OK, "credentials", f"accepted; account {account.number}")
    except (BotoCoreError, ClientError, OperateError) as error:
        subject = "credentials" if found.findings else "region"
        found.add(
            PROBLEM, subject, str(error if isinstance(error, OperateError) else translate(error))
        )
        return found
    outputs = _look_at_stack(found, account, stack)
    _advise_architecture(found, chosen, outputs)
    cap_mb = _ask_memory_cap(account) if probe_memory else None
    _advise_memory(found, cap_mb, outputs)
    _advise_concurrency(found, account, chosen)
    _advise_fargate(found, account, chosen, outputs)
    _advise_budget(found, chosen)
    _look_at_own_inbox(found, account, str(chosen.get("inbox_bucket", "")))
    _look_at_bootstrap(found, account)
    return found


def _ask(found: Examination, subject: str, question: Callable[[], Answer]) -> Answer | None:
    """Return the answer to a question to AWS, or None after noting why there is none."""
    try:
        return question()
    except (BotoCoreError, ClientError) as error:
        found.add(NOTE, subject, f"cannot be read: {translate(error)}")
        return None


# --- the stack ---


def _look_at_stack(found: Examination, account: Account, stack: str) -> Mapping[str, str]:
    try:
        described = account.describe_stack(stack)
    except (BotoCoreError, ClientError) as error:
        found.add(PROBLEM, "stack", str(translate(error)))
        return {}
    if described is None:
        found.add(NOTE, "stack", f"'{stack}' is not installed here", "ionbox deploy")
        return {}
    status, outputs = str(described["StackStatus"]), read_outputs(described)
    found.stack_status = status
    version = outputs.get("IonboxVersion", "unknown")
    if status == "ROLLBACK_COMPLETE":
        text = f"'{stack}' could not be installed; what is left of it must go first"
        found.add(PROBLEM, "stack", text, f"ionbox destroy --stack {stack}")
    elif _BROKEN.search(status):
        text = f"'{stack}' is in state {status}; CloudFormation's console says which part failed"
        found.add(PROBLEM, "stack", text, "ionbox deploy")
    elif _BUSY.search(status):
        found.add(NOTE, "stack", f"'{stack}' is being changed just now ({status})")
    elif version != __version__:
        text = f"'{stack}' has version {version}, this command {__version__}"
        found.add(NOTE, "stack", text, "ionbox deploy")
    else:
        found.add(OK, "stack", f"'{stack}' is installed, version {version}")
    return outputs


def _look_at_own_inbox(found: Examination, account: Account, bucket: str) -> None:
    """Look whether an inbox that the stack did not make tells EventBridge what arrives."""
    if not bucket:
        return
    try:
        told = account.client("s3").get_bucket_notification_configuration(Bucket=bucket)
    except (BotoCoreError, ClientError) as error:
        found.add(NOTE, "inbox", f"cannot be read: {translate(error)}")
        return
    if "EventBridgeConfiguration" in told:
        found.add(OK, "inbox", f"{bucket} tells EventBridge what arrives")
        return
    text = (
        f"{bucket} does not tell EventBridge what arrives, so no run would start; switch it on: "
        "S3, the bucket, Properties, Amazon EventBridge"
    )
    found.add(PROBLEM, "inbox", text)


def _look_at_bootstrap(found: Examination, account: Account) -> None:
    profile = f"AWS_PROFILE={account.profile} " if account.profile else ""
    remedy = f"{profile}AWS_REGION={account.region} make bootstrap"
    try:
        described = account.describe_stack(_BOOTSTRAP_STACK)
    except (BotoCoreError, ClientError) as error:
        found.add(NOTE, "CDK bootstrap", f"cannot be read: {translate(error)}")
        return
    if described is None:
        text = "this region is not prepared for CDK, the tool that installs"
        found.add(PROBLEM, "CDK bootstrap", text, remedy)
        return
    version = int(read_outputs(described).get("BootstrapVersion", "0"))
    if version < _BOOTSTRAP_VERSION:
        text = f"version {version} is too old; {_BOOTSTRAP_VERSION} is needed"
        found.add(PROBLEM, "CDK bootstrap", text, remedy)
    else:
        found.add(OK, "CDK bootstrap", f"version {version}")


def _advise_architecture(
    found: Examination, chosen: Mapping[str, Any], outputs: Mapping[str, str]
) -> None:
    """Say which processors functions run on, and what it means to change them."""
    installed = outputs.get("Architecture")
    wanted = str(chosen.get("architecture", installed or _USUAL_ARCHITECTURE))
    text = f"{wanted}, {'as installed' if wanted == installed else 'as set'}"
    if wanted != _USUAL_ARCHITECTURE:
        text += "; a fifth cheaper than x86_64, but ionbox was never run on such processors in AWS"
    if installed and wanted != installed:
        text += f"; installed is {installed}, whose intermediates are not used again after a change"
        found.add(NOTE, "processors", text)
    else:
        found.add(OK if wanted == _USUAL_ARCHITECTURE else NOTE, "processors", text)


# --- quotas ---


def _advise_memory(found: Examination, cap_mb: int | None, outputs: Mapping[str, str]) -> None:
    installed = outputs.get("MaxLambdaMb")
    if cap_mb is not None:
        found.context["max_lambda_mb"] = str(cap_mb)
        verdict = OK if cap_mb >= TOP_LAMBDA_MB else NOTE
        text = f"functions of up to {cap_mb:,} MB are allowed, as far as a refusal can tell"
        found.add(verdict, "Lambda memory", text, _deploy_with("max_lambda_mb", cap_mb))
    elif installed:
        found.context["max_lambda_mb"] = installed
        found.add(OK, "Lambda memory", f"{int(installed):,} MB, as installed")
    else:
        found.context["max_lambda_mb"] = str(NEW_ACCOUNT_LAMBDA_MB)
        text = (
            f"not known: AWS has no list of it. {NEW_ACCOUNT_LAMBDA_MB:,} MB always work; older "
            f"accounts usually have {TOP_LAMBDA_MB:,}. To find out:"
        )
        found.add(NOTE, "Lambda memory", text, "ionbox doctor --probe-memory")


def _advise_concurrency(found: Examination, account: Account, chosen: Mapping[str, Any]) -> None:
    """Divide the account's calls at once among the runs, and say what more would take."""
    limits = _ask(found, "Lambda concurrency", lambda: _concurrency(account))
    if limits is None:
        return
    n, n_unreserved = limits
    few = n < _FEW_CALLS
    max_runs = 1 if few else int(chosen.get("max_runs", _USUAL_RUNS))
    children = max(1, (n - EVENT_CALLS) // (_MAPS_AT_ONCE * max_runs))
    found.context["map_concurrency"] = str(children)
    reserve = n_unreserved - EVENT_CALLS >= _FEW_CALLS
    found.context["reserve_for_events"] = str(reserve).lower()
    text = f"{n:,} calls at once: {children:,} for each step of {max_runs} runs"
    if few:
        found.context["max_runs"] = "1"
        text += "; enough for one run at a time. Ask AWS for 1,000 (Service Quotas, free of charge)"
    elif children < _MANY_WORKERS:
        needed = _MANY_WORKERS * _MAPS_AT_ONCE + EVENT_CALLS
        text += f". For {_MANY_WORKERS} ask AWS for {needed:,}, and set max_runs=1"
    verdict = OK if n >= _USUAL_CONCURRENCY else NOTE
    found.add(verdict, "Lambda concurrency", text, _deploy_with("map_concurrency", children))


def _advise_fargate(
    found: Examination, account: Account, chosen: Mapping[str, Any], outputs: Mapping[str, str]
) -> None:
    """Look whether a sort task may run, and whether the network that it needs may be made."""
    if _is_off(chosen.get("fargate", True)):
        found.context["fargate"] = "false"
        found.add(OK, "Fargate", "left out, as set (fargate=false)")
        return
    vcpus = _ask(found, "Fargate", lambda: _quota(account, _FARGATE_QUOTA))
    if vcpus is None:
        return
    per_task = _task_vcpus()
    usable = vcpus >= per_task
    found.context["fargate"] = str(usable).lower()
    text = f"{vcpus:g} vCPUs"
    if usable:
        text += f": {int(vcpus // per_task)} sort tasks at once, {per_task} vCPUs each"
    else:
        text += f"; a sort task needs {per_task}, so it is left out"
    verdict = OK if usable else NOTE
    found.add(verdict, "Fargate", text, _deploy_with("fargate", found.context["fargate"]))
    has_network = outputs.get("ClusterName", "none") != "none" or chosen.get("vpc_id")
    if usable and not has_network:
        _advise_network(found, account)


def _advise_network(found: Examination, account: Account) -> None:
    """Look whether there is room for one network more."""
    allowed = _ask(found, "networks", lambda: _quota(account, _VPC_QUOTA))
    present = _ask(found, "networks", lambda: _count_vpcs(account))
    if allowed is None or present is None:
        return
    text = f"{present:g} of {allowed:g} networks (VPCs) of this region are there"
    if present < allowed:
        found.add(OK, "networks", text)
        return
    found.context["fargate"] = "false"
    text += (
        "; the sort task needs one more, so it is left out. Have more allowed (Service Quotas, "
        'Amazon VPC, "VPCs per Region"), or name one of yours'
    )
    found.add(NOTE, "networks", text, "ionbox deploy --context vpc_id=VPC --context fargate=true")


def _advise_budget(found: Examination, chosen: Mapping[str, Any]) -> None:
    """Say whether anybody is told what a month costs."""
    budget = str(chosen.get("monthly_budget", 0))
    if budget in ("0", ""):
        text = "nobody is told what a month costs; monthly_budget and notification_email do that"
    else:
        text = f"a mail before a month costs {budget} US dollars"
    found.add(OK, "costs", text)


def _is_off(value: object) -> bool:
    """Say whether a setting is false, written in JSON or on a command line."""
    return str(value).strip().lower() == "false"


def _task_vcpus() -> int:
    """Return the processors of the sort task: each run asks for as many, whatever its dataset."""
    table = json.loads(IONBOX.table.read_text("utf-8"))
    return max(int(task["vcpu"]) for task in table["tasks"].values())


def _deploy_with(setting: str, value: object) -> str:
    return f"ionbox deploy --context {setting}={value}"


def _concurrency(account: Account) -> tuple[int, int]:
    """Return the calls that may be on at once, and those of them that are not reserved."""
    limits = account.client("lambda").get_account_settings()["AccountLimit"]
    n = int(limits["ConcurrentExecutions"])
    return n, int(limits.get("UnreservedConcurrentExecutions", n))


def _count_vpcs(account: Account) -> float:
    return float(len(account.client("ec2").describe_vpcs()["Vpcs"]))


def _quota(account: Account, quota: tuple[str, str]) -> float:
    service, code = quota
    answer = account.client("service-quotas").get_service_quota(ServiceCode=service, QuotaCode=code)
    return float(answer["Quota"]["Value"])


def _ask_memory_cap(account: Account) -> int | None:
    """Return how many MB a function may have, by asking for one that cannot be made.

    None if the refusal says neither that the memory nor that the role is at fault.
    """
    functions: Any = account.client("lambda")
    name = "ionbox-memory-probe"
    try:
        functions.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=f"arn:aws:iam::{account.number}:role/ionbox-no-such-role",
            Handler="none.none",
            Code={"ZipFile": _EMPTY_ZIP},
            MemorySize=TOP_LAMBDA_MB,
        )
    except ClientError as error:
        message = error.response["Error"]["Message"]
        limit = re.search(r"less than or equal to (\d+)", message)
        if "memory" in message.lower() and limit:
            return int(limit[1])
        if "role" in message.lower() and error_code(error) == "InvalidParameterValueException":
            return TOP_LAMBDA_MB
        return None
    # it was made after all, against what AWS documents; it must not stay
    functions.delete_function(FunctionName=name)
    return TOP_LAMBDA_MB


# the smallest zip file there is: the record that ends one, without entries
_EMPTY_ZIP = b"PK\x05\x06" + bytes(18)
