"""Start of the Fargate task: fetch what Lambda would have unpacked, then become the task.

Its first heartbeat comes before all else: the state machine has waited since RunTask, while a
machine was found and the image pulled.
Travels as text in the task definition, to an image that has Python and boto3 and nothing of ours.
"""

import io
import os
import sys
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError

EXIT_ABANDONED = 3  # nobody waits for this task; `ionbox_cloud.task_token` has the same


def send_heartbeat() -> None:
    """Tell the state machine that the task has begun; end if it does not wait any more."""
    try:
        boto3.client("stepfunctions").send_task_heartbeat(taskToken=os.environ["IONBOX_TASK_TOKEN"])
    except (ClientError, BotoCoreError) as error:
        sys.stderr.write(f"heartbeat not sent: {error}\n")
        answer = getattr(error, "response", {}).get("Error", {})
        if answer.get("Code") in ("TaskDoesNotExist", "TaskTimedOut", "InvalidToken"):
            sys.exit(EXIT_ABANDONED)
        # of any other error the next heartbeat may know nothing


def unpack(url: str, folder: Path) -> None:
    """Unpack a zip file in S3 (``s3://bucket/key``)."""
    place = urlsplit(url)
    found = boto3.client("s3").get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))
    with zipfile.ZipFile(io.BytesIO(found["Body"].read())) as archive:
        archive.extractall(folder)


def report_failure(error: Exception) -> None:
    """Tell the state machine, which would otherwise wait for a heartbeat that never comes."""
    boto3.client("stepfunctions").send_task_failure(
        taskToken=os.environ["IONBOX_TASK_TOKEN"],
        error="StoreUnavailable",
        cause=f"the task's code could not be fetched: {type(error).__name__}: {error}",
    )


def main() -> None:
    """Fetch, unpack, and replace this process by the task: signals go to the task then."""
    folder = Path(os.environ.get("IONBOX_TASK_FOLDER", "/tmp/ionbox"))
    code, layers = folder / "functions", folder / "layers"
    send_heartbeat()
    try:
        unpack(os.environ["IONBOX_CODE_ZIP"], code)
        for url in os.environ["IONBOX_LAYER_ZIPS"].split(","):
            unpack(url, layers)
    except Exception as error:
        report_failure(error)
        raise
    paths = [str(code), str(layers / "python"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    task = str(code / os.environ["IONBOX_ENTRY"])
    os.execve(sys.executable, [sys.executable, task], environment)


if __name__ == "__main__":
    main()
