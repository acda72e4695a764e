"""The start of the Fargate task, as a process, against S3 and Step Functions on this machine."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import boto3
import pytest
from ionbox_cloud.task_token import EXIT_ABANDONED

from cdk.sort_task import BOOTSTRAP
from tests.patience import PATIENCE_S, wait_until

HEARTBEAT = ("AWSStepFunctions.SendTaskHeartbeat", {"taskToken": "token-1"})

TASK = """
import os, signal, sys, time
from pathlib import Path
import ours_a, ours_b, boto3
import task_helper
out = Path(os.environ["OUT"])

def stop(*_):
    (out / "stopped").write_text("by a signal")
    sys.exit(3)

signal.signal(signal.SIGTERM, stop)
found = ours_a.NAME + ours_b.NAME
(out / "started").write_text(f"{os.getpid()} {found} {os.environ['IONBOX_MESSAGE']}")
while "WAIT" in os.environ:
    time.sleep(0.02)
"""


def zipped(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def s3_url(aws_server: str) -> str:
    """An S3 with the assets that the stack uploads."""
    client = boto3.client(
        "s3",
        endpoint_url=aws_server,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket="assets")
    assets = {
        "code.zip": {"sort_spectra/task.py": TASK, "task_helper.py": ""},
        "a.zip": {"python/ours_a.py": "NAME = 'a'"},
        "b.zip": {"python/ours_b.py": "NAME = 'b'"},
    }
    for key, files in assets.items():
        client.put_object(Bucket="assets", Key=key, Body=zipped(files))
    client.close()
    return aws_server


class StepFunctions(HTTPServer):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.refusal: list[str] = []  # the error that answers whatever it is asked
        calls, refusal = self.calls, self.refusal

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                calls.append((self.headers["X-Amz-Target"], body))
                self.send_response(400 if refusal else 200)
                self.end_headers()
                self.wfile.write(json.dumps({"__type": refusal[0]} if refusal else {}).encode())

            def log_message(self, format: str, *args: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def step_functions() -> Iterator[StepFunctions]:
    with StepFunctions() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def variables(s3_url: str, step_functions: StepFunctions, tmp_path: Path) -> dict[str, str]:
    """The container's environment."""
    return {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL_S3": s3_url,
        "AWS_ENDPOINT_URL_SFN": f"http://127.0.0.1:{step_functions.server_port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "IONBOX_TASK_FOLDER": str(tmp_path / "task"),
        "IONBOX_CODE_ZIP": "s3://assets/code.zip",
        "IONBOX_LAYER_ZIPS": "s3://assets/a.zip,s3://assets/b.zip",
        "IONBOX_ENTRY": "sort_spectra/task.py",
        "IONBOX_TASK_TOKEN": "token-1",
        "IONBOX_MESSAGE": '{"run_id":"r"}',
        "OUT": str(tmp_path),
    }


def start(variables: Mapping[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BOOTSTRAP.read_text("utf-8")]
    return subprocess.Popen(command, env=dict(variables), stderr=subprocess.PIPE, text=True)


def test_becomes_the_task_with_the_layers_on_its_path(
    variables: dict[str, str], tmp_path: Path, step_functions: StepFunctions
) -> None:
    task = start(variables)
    _, complaints = task.communicate(timeout=PATIENCE_S)
    assert task.returncode == 0, complaints
    assert (tmp_path / "started").read_text() == f'{task.pid} ab {{"run_id":"r"}}'
    assert step_functions.calls == [HEARTBEAT]


def test_a_stop_reaches_the_task(variables: dict[str, str], tmp_path: Path) -> None:
    task = start({**variables, "WAIT": "1"})
    wait_until(lambda: (tmp_path / "started").exists() or task.poll() is not None)
    assert task.poll() is None, task.communicate(timeout=PATIENCE_S)[1]
    task.send_signal(signal.SIGTERM)
    task.communicate(timeout=PATIENCE_S)
    assert task.returncode == 3
    assert (tmp_path / "stopped").exists()


def test_tells_the_run_when_there_is_no_code(
    variables: dict[str, str], step_functions: StepFunctions
) -> None:
    task = start({**variables, "IONBOX_LAYER_ZIPS": "s3://assets/gone.zip"})
    task.communicate(timeout=PATIENCE_S)
    assert task.returncode == 1
    first, (call, body) = step_functions.calls
    assert first == HEARTBEAT, "before it looked for its code"
    assert call == "AWSStepFunctions.SendTaskFailure"
    assert body["taskToken"] == "token-1"
    assert body["error"] == "StoreUnavailable"
    assert "NoSuchKey" in body["cause"]


def test_does_nothing_if_nobody_waits_for_it(
    variables: dict[str, str], step_functions: StepFunctions, tmp_path: Path
) -> None:
    step_functions.refusal.append("TaskTimedOut")
    task = start(variables)
    task.communicate(timeout=PATIENCE_S)
    assert task.returncode == EXIT_ABANDONED
    assert not (tmp_path / "started").exists()


def test_a_heartbeat_that_gets_lost_does_not_stop_it(
    variables: dict[str, str], step_functions: StepFunctions, tmp_path: Path
) -> None:
    step_functions.refusal.append("AccessDeniedException")
    task = start(variables)
    _, complaints = task.communicate(timeout=PATIENCE_S)
    assert task.returncode == 0, complaints
    assert "heartbeat not sent" in complaints
    assert (tmp_path / "started").exists()
