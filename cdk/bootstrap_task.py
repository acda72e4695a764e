"""Start of the Fargate task: fetch what Lambda would have unpacked, then become the task.

Travels as text in the task definition, to an image that has Python and boto3 and nothing of ours.
"""

import io
import os
import sys
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import boto3


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
