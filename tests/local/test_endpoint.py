"""The endpoint that tasks report to."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from ionbox.local.clients import Request, Response, ServiceFault
from ionbox.local.endpoint import Endpoint

from tests.local.toys import NewThreads
from tests.patience import PATIENCE_S


def serve(action: str, request: Request) -> Response:
    if action == "Refuse":
        raise ServiceFault("TaskTimedOut", "too late")
    return {"action": action, **request}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint({"Service": serve}) as served:
        yield served


def post(endpoint: Endpoint, target: str, body: object) -> Any:
    headers = {"X-Amz-Target": target}
    request = urllib.request.Request(endpoint.url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
        assert response.headers["x-amzn-RequestId"]
        return json.load(response)


@pytest.mark.parametrize(
    ("target", "code", "said"),
    [
        ("Service.Refuse", 400, {"__type": "TaskTimedOut", "message": "too late"}),
        ("Other.Refuse", 404, {"Type": "User", "Message": "No such service here."}),
        ("", 404, {"Type": "User", "Message": "No such service here."}),
    ],
)
def test_what_is_refused(endpoint: Endpoint, target: str, code: int, said: object) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(endpoint, target, {})
    with refused.value as error:
        assert (error.code, json.load(error)) == (code, said)


def test_a_service_is_asked_by_its_name(endpoint: Endpoint) -> None:
    assert post(endpoint, "Service.Tell", {"a": 1}) == {"action": "Tell", "a": 1}


def test_closing_waits_for_the_requests_in_progress(new_threads: NewThreads) -> None:
    going, go = threading.Event(), threading.Event()
    answers: list[Any] = []

    def wait(action: str, request: Request) -> Response:
        going.set()
        go.wait(PATIENCE_S)
        return {"action": action}

    endpoint = Endpoint({"Service": wait})
    caller = threading.Thread(target=lambda: answers.append(post(endpoint, "Service.Wait", {})))
    caller.start()
    going.wait(PATIENCE_S)
    closer = threading.Thread(target=endpoint.close)
    closer.start()
    go.set()
    closer.join(PATIENCE_S)
    caller.join(PATIENCE_S)
    assert answers == [{"action": "Wait"}]
    assert new_threads() == []
