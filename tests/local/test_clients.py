"""What the interpreter gets where it asks Lambda, S3 and ECS: the answers of boto3's clients."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from ionbox.local.call_events import Event, ItemsRead
from ionbox.local.clients import (
    MAX_MESSAGE_BYTES,
    EcsClient,
    LambdaClient,
    Request,
    Response,
    S3Client,
    ServiceFault,
)
from ionbox.local.errors import UnknownFunction
from ionbox.local.runtime import Answer, error_answer

from tests.local.toys import Toy

ARN = "arn:aws:lambda:us-east-1:123456789012:function:echo"


def invoke(function: str, payload: str) -> Answer:
    match payload:
        case "null":
            raise UnknownFunction("no such function")
        case '"fail"':
            return error_answer("InvalidDataset", "no spectra", "r-1")
        case '"long"':
            return Answer(None, json.dumps("x" * MAX_MESSAGE_BYTES))
    return Answer(None, json.dumps({"function": function, "event": json.loads(payload)}))


def call(event: object, function: str = "echo") -> tuple[Response, Any]:
    response = LambdaClient(invoke).invoke(
        FunctionName=function, Payload=json.dumps(event).encode()
    )
    return response, json.load(response["Payload"])


def test_a_function_is_called_by_name_or_arn() -> None:
    response, answer = call({"a": 1}, ARN)
    assert answer == {"function": ARN, "event": {"a": 1}}
    assert response["StatusCode"] == 200
    assert "FunctionError" not in response


def test_a_failed_call_is_an_answer_that_says_so() -> None:
    response, answer = call("fail")
    assert response["FunctionError"] == "Unhandled"
    assert (answer["errorType"], answer["errorMessage"]) == ("InvalidDataset", "no spectra")


def test_an_unknown_function_is_refused_as_lambda_does() -> None:
    with pytest.raises(ClientError, match="no such function") as refused:
        call(None)
    response: Any = refused.value.response
    assert response["Error"]["Code"] == "ResourceNotFoundException"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert response["ResponseMetadata"]["RequestId"]


@pytest.mark.parametrize("reference", ["/tmp/evil/handler.py", "../evil", "os:system", "", "a:b:c"])
def test_only_functions_of_the_table_are_called(toy: Toy, reference: str) -> None:
    with toy.pool() as pool:
        with pytest.raises(ClientError, match="No function is called"):
            LambdaClient(pool.invoke).invoke(FunctionName=reference)
        assert pool.calls == ()


@pytest.mark.parametrize("event", ["long", "x" * MAX_MESSAGE_BYTES])
def test_what_step_functions_would_not_pass_on_fails_here_too(event: str) -> None:
    response, answer = call(event)
    assert response["FunctionError"] == "Unhandled"
    assert answer["errorType"] == "DataLimitExceeded"
    assert "262146 bytes, more than the 262144" in answer["errorMessage"]


# --- S3 ---


def get(folder: Path, bucket: str, key: str) -> tuple[bytes, list[Event]]:
    events: list[Event] = []
    response = S3Client({"work": folder}, events.append).get_object(Bucket=bucket, Key=key)
    return response["Body"].read(), events


def test_an_object_is_read(tmp_path: Path) -> None:
    (tmp_path / "a b.txt").write_bytes(b"hello")
    assert get(tmp_path, "work", "a b.txt") == (b"hello", [])


def test_the_number_of_a_maps_items_is_announced(tmp_path: Path) -> None:
    (tmp_path / "runs/r/items").mkdir(parents=True)
    (tmp_path / "runs/r/items/SegmentSpectra.json").write_text("[1, 2, 3]")
    key = "runs/r/items/SegmentSpectra.json"
    assert get(tmp_path, "work", key) == (b"[1, 2, 3]", [ItemsRead("SegmentSpectra", 3)])


@pytest.mark.parametrize(
    ("bucket", "key"), [("work", "none"), ("work", "../secret"), ("other", "key"), ("work", "")]
)
def test_what_is_no_object_of_the_bucket_is_refused(tmp_path: Path, bucket: str, key: str) -> None:
    (tmp_path / "secret").write_text("not yours")
    folder = tmp_path / "work"
    folder.mkdir()
    with pytest.raises(ClientError) as refused:
        get(folder, bucket, key)
    assert refused.value.response["Error"]["Code"] == "NoSuchKey"


# --- ECS ---


def test_a_task_is_asked_for_and_a_refusal_has_the_class_that_is_called_as_its_code() -> None:
    asked: list[tuple[str, Request]] = []

    def answer(action: str, request: Request) -> Response:
        asked.append((action, request))
        if not request:
            raise ServiceFault("ClientException", "no such task")
        return {"tasks": []}

    client = EcsClient(answer)
    assert client.run_task(taskDefinition="sort") == {"tasks": []}
    with pytest.raises(ClientError, match="no such task") as refused:
        client.run_task()
    assert type(refused.value).__name__ == "ClientException"  # by which moto names the error
    assert asked == [("RunTask", {"taskDefinition": "sort"}), ("RunTask", {})]
