import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from ionbox.local.call_events import Event, ItemsRead
from ionbox.local.endpoint import MAX_MESSAGE_BYTES, Endpoint
from ionbox.local.errors import UnknownFunction
from ionbox.local.runtime import Answer, error_answer

from tests.local.toys import NewThreads
from tests.patience import PATIENCE_S

ARN = "arn:aws:lambda:us-east-1:123456789012:function:echo"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def asked() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def endpoint(work: Path, asked: list[tuple[str, str]], events: list[Event]) -> Iterator[Endpoint]:
    def invoke(function: str, payload: str) -> Answer:
        asked.append((function, payload))
        match payload:
            case "null":
                raise UnknownFunction("no such function")
            case '"fail"':
                return error_answer("InvalidDataset", "no spectra", "r-1")
            case '"long"':
                return Answer(None, json.dumps("x" * MAX_MESSAGE_BYTES))
        return Answer(None, payload)

    with Endpoint(invoke, {"work": work}, listener=events.append) as served:
        yield served


def post(endpoint: Endpoint, body: object, function: str = "echo") -> tuple[Message, Any]:
    url = f"{endpoint.url}/2015-03-31/functions/{function}/invocations"
    with urllib.request.urlopen(url, json.dumps(body).encode(), timeout=PATIENCE_S) as response:
        return response.headers, json.load(response)


def get(endpoint: Endpoint, path: str) -> tuple[Message, bytes]:
    with urllib.request.urlopen(f"{endpoint.url}/{path}", timeout=PATIENCE_S) as response:
        return response.headers, response.read()


def refusal(ask: Callable[..., object], *arguments: object) -> tuple[int, Message, bytes]:
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(*arguments)
    with refused.value as error:
        return error.code, error.headers, error.read()


def test_a_function_is_invoked_by_name_or_encoded_arn(
    endpoint: Endpoint, asked: list[tuple[str, str]]
) -> None:
    headers, answer = post(endpoint, {"a": 1}, quote(ARN, safe=""))
    assert answer == {"a": 1}
    assert headers["x-amzn-RequestId"]
    assert headers["X-Amz-Function-Error"] is None
    assert asked == [(quote(ARN, safe=""), '{"a": 1}')]


def test_a_failed_call_is_answered_with_200_and_an_error_header(endpoint: Endpoint) -> None:
    headers, answer = post(endpoint, "fail")
    assert headers["X-Amz-Function-Error"] == "Unhandled"
    assert (answer["errorType"], answer["errorMessage"]) == ("InvalidDataset", "no spectra")


def test_an_unknown_function_is_a_404_as_lambdas(endpoint: Endpoint) -> None:
    code, headers, body = refusal(post, endpoint, None)
    assert code == 404
    assert headers["x-amzn-ErrorType"] == "ResourceNotFoundException"
    assert json.loads(body) == {"Type": "User", "Message": "no such function"}


@pytest.mark.parametrize("body", ["long", "x" * MAX_MESSAGE_BYTES])
def test_what_step_functions_would_not_pass_on_fails_here_too(
    endpoint: Endpoint, body: str
) -> None:
    headers, answer = post(endpoint, body)
    assert headers["X-Amz-Function-Error"] == "Unhandled"
    assert answer["errorType"] == "DataLimitExceeded"
    assert "262146 bytes, more than the 262144" in answer["errorMessage"]


def test_an_object_is_served_with_its_etag(
    endpoint: Endpoint, work: Path, events: list[Event]
) -> None:
    (work / "a b.txt").write_bytes(b"hello")
    headers, body = get(endpoint, "work/a%20b.txt")
    assert body == b"hello"
    assert headers["ETag"] == '"5d41402abc4b2a76b9719d911017c592"'
    assert events == []


def test_the_number_of_a_maps_items_is_announced(
    endpoint: Endpoint, work: Path, events: list[Event]
) -> None:
    (work / "runs/r/items").mkdir(parents=True)
    (work / "runs/r/items/SegmentSpectra.json").write_text("[1, 2, 3]")
    get(endpoint, "work/runs/r/items/SegmentSpectra.json")
    assert events == [ItemsRead("SegmentSpectra", 3)]


@pytest.mark.parametrize("path", ["work/none", "work/../secret", "other/key", "work/", ""])
def test_what_is_no_object_of_the_bucket_is_a_404(
    endpoint: Endpoint, work: Path, path: str
) -> None:
    (work.parent / "secret").write_text("not yours")
    code, _, body = refusal(get, endpoint, quote(path))
    assert code == 404
    assert b"<Code>NoSuchKey</Code>" in body


def test_the_interpreters_client_waits_for_ever_and_asks_once() -> None:
    # A client with botocore's defaults gives up after 60 s and asks again. The interpreter's does
    # neither; should moto change that, a function that takes minutes would run twice at once.
    from moto import mock_aws
    from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for

    with mock_aws():
        client = boto_client_for("us-east-1", "lambda")
        config = client.meta.config
        client.close()
    assert config.read_timeout > 900
    assert config.retries["total_max_attempts"] == 1


def test_closing_waits_for_the_requests_in_progress(work: Path, new_threads: NewThreads) -> None:
    going, go = threading.Event(), threading.Event()
    answers: list[int] = []

    def invoke(function: str, payload: str) -> Answer:
        going.set()
        go.wait(PATIENCE_S)
        return Answer(None, payload)

    endpoint = Endpoint(invoke, {"work": work})
    caller = threading.Thread(target=lambda: answers.append(post(endpoint, 1)[1]))
    caller.start()
    going.wait(PATIENCE_S)
    closer = threading.Thread(target=endpoint.close)
    closer.start()
    go.set()
    closer.join(PATIENCE_S)
    caller.join(PATIENCE_S)
    assert answers == [1]
    assert new_threads() == []
