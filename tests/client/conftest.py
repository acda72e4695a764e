"""Fixtures for the operator commands: no test sees anybody's real AWS account."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from ionbox.account import Account
from moto import mock_aws

from tests.client.operating import REGION, Cloud, Command, run_command
from tests.client.small_run import make_run, upload
from tests.once import make_once


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the user's AWS settings, and an empty folder to work in."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def cloud(
    own_environment: None, aws_server: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cloud]:
    """An account without ionbox; `Cloud.install` adds it.

    The server shows the objects of the same pretended account to what is not boto3.
    """
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    logging.getLogger("moto").addHandler(logging.NullHandler())
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        cloud = Cloud(aws_server)

        def client(_: Account, service: str) -> Any:
            return cloud.fakes.get(service) or cloud.client(service)

        monkeypatch.setattr(Account, "client", client)
        yield cloud
        for execution in _running(cloud):
            cloud.client("stepfunctions").stop_execution(executionArn=execution)


def _running(cloud: Cloud) -> list[str]:
    if not cloud.state_machine:
        return []
    found = cloud.client("stepfunctions").list_executions(
        stateMachineArn=cloud.state_machine, statusFilter="RUNNING"
    )
    return [execution["executionArn"] for execution in found["executions"]]


@pytest.fixture
def installed(cloud: Cloud) -> Cloud:
    cloud.install()
    return cloud


@pytest.fixture
def operate(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command as people type it."""
    return functools.partial(run_command, capsys)


# --- results: see small_run.py ---


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results folder of a small run with two databases; not to be changed."""
    return make_once(tmp_path_factory, "small-run", make_run) / "results"


@pytest.fixture(scope="session")
def results_with_losses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a neutral loss, a modification and radical ions."""
    make = functools.partial(
        make_run, neutral_losses=["-H2O"], chem_mods=["+C"], adducts=["+H", "[M]+"]
    )
    return make_once(tmp_path_factory, "losses", make) / "results"


@pytest.fixture
def bucket_results(
    results: Path, aws_variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> str:
    """The same files in a bucket, as a URI.

    Copied for each test: moto's local interpreter, which annotates, empties all of moto's buckets.
    """
    for name, value in aws_variables.items():
        monkeypatch.setenv(name, value)
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="the-lab")
    uri = upload(results, s3, "the-lab", "results/d1/r1")
    s3.close()
    return uri
