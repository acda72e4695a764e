"""Installing the stack; ``ionbox deploy``.

Installing is ``make deploy`` in a checkout, which runs CDK; here its command line is put together
and checked.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ionbox_science.config import FileWords, resolve_config

from ionbox import checkout
from ionbox.account import Account
from ionbox.errors import OperateError, UserMustAct


def make_command(context: Mapping[str, str], root: Path = checkout.ROOT) -> list[str]:
    """Return the command that installs from a checkout.

    Parameters
    ----------
    context : mapping of str to str
        Settings that replace those in ``cdk.json``'s context.
    root : Path
        Top of the checkout.

    Returns
    -------
    list of str
        Program and arguments, for `deploy`.

    Raises
    ------
    UserMustAct
        If ``root`` is not a checkout, make is not installed, or a value has a character that would
        not survive the shell.
    InvalidConfig
        If no run could start with the default settings of runs.
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
        # make passes ARGS on to a shell, where $ and ' would mean something
        if "'" in value or "$" in value:
            raise UserMustAct(
                f"--context {key}: {value} has a quote or dollar sign; set it in cdk.json"
            )
    settings = " ".join(f"-c '{key}={value}'" for key, value in sorted(context.items()))
    # the command has asked; CDK would ask again about roles, and cannot without a terminal
    return ["make", "-C", str(root), "deploy", f"ARGS=--require-approval never {settings}"]


def read_settings(root: Path = checkout.ROOT) -> dict[str, Any]:
    """Return the settings in ``cdk.json``'s context; none where there is no checkout."""
    path = root / "cdk.json"
    if not path.is_file():
        return {}
    context: dict[str, Any] = json.loads(path.read_text("utf-8"))["context"]
    return {key: value for key, value in context.items() if ":" not in key}


def check_default_config(context: Mapping[str, str], root: Path = checkout.ROOT) -> None:
    """Refuse default settings with which no run could start.

    Raises
    ------
    InvalidConfig
        If a setting is unknown or has a wrong value; the message has all of them.
    """
    settings = json.loads((root / "cdk.json").read_text("utf-8"))["context"]["default_config"]
    if "default_config" in context:
        settings = json.loads(context["default_config"])
    words = FileWords("positive", "orbitrap", 140_000.0)  # stands in for what datasets will say
    resolve_config([("default_config", settings)], words)


def environment(account: Account) -> dict[str, str]:
    """Return environment variables with which CDK uses the same credentials and region."""
    chosen = {"AWS_REGION": account.region, "AWS_DEFAULT_REGION": account.region}
    if account.profile:
        chosen["AWS_PROFILE"] = account.profile
    return {**os.environ, **chosen}


def deploy(
    account: Account,
    command: Sequence[str],
    run: Callable[..., subprocess.CompletedProcess[bytes]] = subprocess.run,
) -> None:
    """Run the command of `make_command`; its output is shown as it comes.

    Raises
    ------
    OperateError
        If the command fails. What CloudFormation had begun is rolled back.
    """
    ended = run(list(command), env=environment(account), check=False)
    if ended.returncode != 0:
        raise OperateError(
            "the installation failed; the lines above say why. CloudFormation has put back what "
            "was there before. 'ionbox doctor' checks quotas and permissions"
        )


def parse_context(pairs: Sequence[str]) -> dict[str, str]:
    """Read settings given as ``KEY=VALUE``.

    Raises
    ------
    UserMustAct
        If one has no ``=``, or nothing before it.
    """
    context = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UserMustAct(f"--context: expected KEY=VALUE, got '{pair}'")
        context[key] = value
    return context
