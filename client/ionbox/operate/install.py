"""Installing and removing the stack."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from botocore.exceptions import WaiterError
from ionbox_science.config import FileWords, resolve_config

from ionbox import checkout
from ionbox.account import Account, Installation
from ionbox.errors import OperateError, UserMustAct

_DELETED_AT_ONCE = 1000


def make_command(context: Mapping[str, str], root: Path = checkout.ROOT) -> list[str]:
    """Return the command that installs from this checkout.

    Raises
    ------
    UserMustAct
        If this is no checkout, make is not there, or a setting cannot be passed on.
    InvalidConfig
        If the default settings of runs are wrong.
    """
    if not (root / "cdk.json").is_file() or not (root / "Makefile").is_file():
        raise UserMustAct(
            f"{root} is no checkout of ionbox (there is no cdk.json), and only from one can it "
            "be deployed; clone the repository or unpack the sdist, run 'make run' in it, and use "
            "its .venv/bin/ionbox. All other commands work from here"
        )
    if shutil.which("make") is None:
        raise UserMustAct("'make' is not installed; it is needed to deploy")
    check_default_config(context, root)
    for key, value in context.items():
        if "'" in value or "$" in value:
            raise UserMustAct(
                f"--context {key}: {value} has a quote or dollar sign; set it in cdk.json"
            )
    settings = " ".join(f"-c '{key}={value}'" for key, value in sorted(context.items()))
    # the command has asked; CDK would ask again about roles, and cannot without a terminal
    return ["make", "-C", str(root), "deploy", f"ARGS=--require-approval never {settings}"]


def check_default_config(context: Mapping[str, str], root: Path = checkout.ROOT) -> None:
    """Refuse default settings with which no run could start.

    Raises
    ------
    InvalidConfig
        All that is wrong with them.
    """
    settings = json.loads((root / "cdk.json").read_text("utf-8"))["context"]["default_config"]
    if "default_config" in context:
        settings = json.loads(context["default_config"])
    words = FileWords("positive", "orbitrap", 140_000.0)  # for what a dataset may say
    resolve_config([("default_config", settings)], words)


def environment(account: Account) -> dict[str, str]:
    """Return the environment in which CDK uses the same credentials and region."""
    chosen = {"AWS_REGION": account.region, "AWS_DEFAULT_REGION": account.region}
    if account.profile:
        chosen["AWS_PROFILE"] = account.profile
    return {**os.environ, **chosen}


def deploy(
    account: Account,
    command: Sequence[str],
    run: Callable[..., subprocess.CompletedProcess[bytes]] = subprocess.run,
) -> None:
    """Run the installation; its output is shown as it comes.

    Raises
    ------
    OperateError
        If it fails.
    """
    ended = run(list(command), env=environment(account), check=False)
    if ended.returncode != 0:
        raise OperateError(
            "the installation failed; the lines above say why. CloudFormation has put back what "
            "was there before. 'ionbox doctor' checks quotas and permissions"
        )


def parse_context(pairs: Sequence[str]) -> dict[str, str]:
    """Read settings given as KEY=VALUE."""
    context = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UserMustAct(f"--context: expected KEY=VALUE, got '{pair}'")
        context[key] = value
    return context


def destroy(account: Account, installation: Installation | None, stack: str) -> None:
    """Delete the stack and what only it needs; the inbox and results buckets stay.

    Raises
    ------
    OperateError
        If CloudFormation could not delete everything.
    """
    if installation is not None:
        empty_bucket(account, installation.work)
    cloudformation = account.client("cloudformation")
    cloudformation.delete_stack(StackName=stack)
    try:
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack)
    except WaiterError as error:
        raise OperateError(
            f"CloudFormation could not delete all of '{stack}'; its console shows under 'Events' "
            "which part is left. Run the same command again once that is gone"
        ) from error


def empty_bucket(account: Account, bucket: str) -> None:
    """Delete every object and every version of one in a bucket."""
    s3 = account.client("s3")
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        objects = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in found]
        for start in range(0, len(objects), _DELETED_AT_ONCE):
            batch = objects[start : start + _DELETED_AT_ONCE]
            s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
