"""Objects to look at and to copy: in a bucket through boto3, or in a folder.

The handlers' store is not used here: it takes credentials from the environment only, and operators
have profiles and logins.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import ClientError

from ionbox.account import N_CONNECTIONS, error_code

_CHUNK_BYTES = 1 << 20


class Objects(Protocol):
    """Where objects lie."""

    def read(self, key: str) -> bytes | None:
        """Return an object, None if there is none."""

    def sizes(self, prefix: str) -> dict[str, int]:
        """Return the size in bytes of every object below a folder, by key."""

    def download(self, key: str, path: Path, tell: Callable[[int], None]) -> None:
        """Copy an object to a file; ``tell`` is called with the bytes that have arrived."""


def read_json(objects: Objects, key: str) -> Any:
    """Read a JSON object; None if there is none, or it is only half written."""
    data = objects.read(key)
    if data is None:
        return None
    try:
        return json.loads(data)
    except ValueError:
        return None


def read_all(objects: Objects, keys: list[str]) -> list[Any]:
    """Read many JSON objects at once, in the order of their keys; None for what is gone."""
    with ThreadPoolExecutor(N_CONNECTIONS) as threads:
        return list(threads.map(lambda key: read_json(objects, key), keys))


class BucketObjects:
    """Objects of a bucket.

    Parameters
    ----------
    s3
        A boto3 client.
    bucket : str
        Its name.
    """

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def read(self, key: str) -> bytes | None:
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error_code(error) in {"NoSuchKey", "404"}:
                return None
            raise
        with answer["Body"] as body:
            return bytes(body.read())

    def sizes(self, prefix: str) -> dict[str, int]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=f"{prefix.rstrip('/')}/"
        )
        return {found["Key"]: found["Size"] for page in pages for found in page.get("Contents", [])}

    def download(self, key: str, path: Path, tell: Callable[[int], None]) -> None:
        answer = self._s3.get_object(Bucket=self._bucket, Key=key)
        with answer["Body"] as body, path.open("wb") as file:
            while chunk := body.read(_CHUNK_BYTES):
                file.write(chunk)
                tell(len(chunk))


class FolderObjects:
    """Objects of a local folder.

    Parameters
    ----------
    root : Path
        The folder that stands for a bucket.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, key: str) -> bytes | None:
        path = self._root / key
        return path.read_bytes() if path.is_file() else None

    def sizes(self, prefix: str) -> dict[str, int]:
        files = (path for path in (self._root / prefix).rglob("*") if path.is_file())
        return {
            path.relative_to(self._root).as_posix(): path.stat().st_size for path in sorted(files)
        }

    def download(self, key: str, path: Path, tell: Callable[[int], None]) -> None:
        shutil.copyfile(self._root / key, path)
        tell(path.stat().st_size)
