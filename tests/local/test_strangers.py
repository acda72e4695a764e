"""Whoever else is on this machine: nothing is told in a task's name without the secret."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest
from ionbox.local.clients import MAX_MESSAGE_BYTES, Request, Response, ServiceFault
from ionbox.local.endpoint import Endpoint
from ionbox.local.functions import read_tasks
from ionbox.local.interpreter import Interpreter, TaskTokens
from ionbox.local.tasks import STEP_FUNCTIONS, LocalTasks

from tests.local.toys import Toy
from tests.patience import PATIENCE_S

TARGET = {"X-Amz-Target": f"{STEP_FUNCTIONS}.SendTaskSuccess"}


class Played:
    """An endpoint over a recording service, and what that was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.endpoint = Endpoint({STEP_FUNCTIONS: self.serve})
        self.address = urlsplit(self.endpoint.url)

    def serve(self, action: str, request: Request) -> Response:
        self.asked.append(action)
        return {}

    def ask(
        self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
    ) -> int:
        """Send a request to the endpoint's port; returns the status of the answer."""
        assert self.address.port is not None
        connection = http.client.HTTPConnection("127.0.0.1", self.address.port, timeout=PATIENCE_S)
        connection.request(method, path, body, headers or {})
        status = connection.getresponse().status
        connection.close()
        return status


@pytest.fixture
def played() -> Iterator[Played]:
    made = Played()
    yield made
    made.endpoint.close()


def test_who_has_the_address_is_answered(played: Played) -> None:
    assert played.ask("POST", played.address.path + "/", "{}", TARGET) == 200
    assert played.asked == ["SendTaskSuccess"]


def test_no_two_endpoints_have_one_secret(played: Played) -> None:
    other = Played()
    other.endpoint.close()
    assert other.address.path != played.address.path
    assert len(played.address.path) > 40


@pytest.mark.parametrize("wrong", ["none", "guess", "short", "long", "case", "strange", "query"])
def test_without_the_secret_nothing_happens(played: Played, wrong: str) -> None:
    secret = played.address.path
    tried = {
        "none": "",
        "guess": f"/{'A' * (len(secret) - 1)}",
        "short": secret[:-1],
        "long": f"{secret}A",
        "case": secret.swapcase(),
        "strange": quote("/é\x00//"),
        "query": f"/?token={secret[1:]}",
    }[wrong]
    assert played.ask("POST", tried + "/", "{}", TARGET) == 403
    assert played.asked == []


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "", "[::1]"])
def test_a_name_that_was_let_point_here_is_refused(played: Played, host: str) -> None:
    headers = TARGET | {"Host": host.format(port=played.address.port)}
    assert played.ask("POST", played.address.path + "/", "{}", headers) == 403
    assert played.asked == []


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "9" * 30, str(20 * MAX_MESSAGE_BYTES), "٣"])
def test_a_body_that_is_no_message_is_not_waited_for(played: Played, length: str) -> None:
    headers = TARGET | {"Content-Length": quote(length)}
    assert played.ask("POST", played.address.path + "/", None, headers) == 413
    assert played.asked == []


def test_a_stranger_cannot_keep_the_endpoint_open(
    played: Played, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection((played.address.hostname, played.address.port)) as stranger:
        stranger.settimeout(PATIENCE_S)
        stranger.sendall(b"POST / HTTP/1.0\r\nHost: ")
        played.ask("POST", "/")  # answered after the stranger's, which is open by now
        played.endpoint.close()
        assert stranger.recv(1) == b""
    assert capfd.readouterr().err == ""


# --- what even the secret does not allow ---


@pytest.fixture
def tasks(toy: Toy) -> Iterator[LocalTasks]:
    with toy.pool() as pool:
        made = LocalTasks(read_tasks(toy.project), pool, environment={}, log=toy.log)
        made.connect(TaskTokens(Interpreter()))
        yield made


def run_task(name: str, variables: dict[str, str]) -> Request:
    environment = [{"name": key, "value": value} for key, value in variables.items()]
    container = {"name": "sort", "environment": environment}
    return {
        "taskDefinition": f"arn:aws:ecs:us-east-1:123456789012:task-definition/{name}:1",
        "overrides": {"memory": "500", "containerOverrides": [container]},
    }


@pytest.mark.parametrize(
    "variable",
    ["PYTHONPATH", "PYTHONSTARTUP", "LD_PRELOAD", "PATH", "IONBOX_WORK", "AWS_ENDPOINT_URL_SFN"],
)
def test_a_task_takes_the_variables_of_the_state_machine_only(
    toy: Toy, tasks: LocalTasks, variable: str
) -> None:
    told = {"IONBOX_TASK_TOKEN": "t", "IONBOX_MESSAGE": "{}", "IONBOX_MEMORY_MB": "500"}
    with pytest.raises(ServiceFault, match=f"told .*, not '{variable}'"):
        tasks.answer_ecs("RunTask", run_task("sort_spectra", told | {variable: "/tmp/evil"}))
    assert tasks.answer_ecs("ListTasks", {}) == {"taskArns": []}


def test_a_task_without_a_token_is_refused(tasks: LocalTasks) -> None:
    with pytest.raises(ServiceFault, match="IONBOX_TASK_TOKEN always"):
        tasks.answer_ecs("RunTask", run_task("sort_spectra", {}))


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil.py", "echo", ""])
def test_only_tasks_of_the_table_are_run(tasks: LocalTasks, name: str) -> None:
    with pytest.raises(ServiceFault, match=r"No task is called .*; there is: sort_spectra"):
        tasks.answer_ecs("RunTask", run_task(name, {"IONBOX_TASK_TOKEN": "t"}))
