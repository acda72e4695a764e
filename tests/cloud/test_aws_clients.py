"""What a service that does not answer costs a function."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ionbox_cloud.aws_clients import CONNECT_S, READ_S, TRIES

TABLE = Path(__file__).parents[2] / "statemachine" / "functions.json"
PAUSES_S = sum(min(2**n, 20) for n in range(TRIES - 1))
"""The longest pauses between tries of botocore's standard mode."""


@pytest.mark.parametrize("function", ["Intake", "StartRuns", "AnnounceEnd"])
def test_a_request_is_given_up_before_its_function_is(function: str) -> None:
    timeout_s = json.loads(TABLE.read_text("utf-8"))["functions"][function]["timeout_s"]
    assert timeout_s > TRIES * (CONNECT_S + READ_S) + PAUSES_S
