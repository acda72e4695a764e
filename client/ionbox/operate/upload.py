"""Files into a bucket: in parts, in parallel, and without sending again what is there.

For ``ionbox submit`` and the Python client's `Inbox`: an ibd may have hundreds of GB, and a line
that breaks must not cost what has arrived.

Every part is sent with its MD5 and S3 keeps it as the part's ETag. So a part that arrived before an
interruption, or a whole object, is recognised by comparing ETags with MD5s of the local file. Where
a bucket is encrypted with a KMS key ETags are no MD5s; nothing is recognised then and everything is
sent, which is slower and still right.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ionbox.account import error_code

PART_BYTES = 32 << 20
"""Size of a part; files that fit one are sent whole."""

_MOST_PARTS = 10_000  # of one object, S3's limit
_THREADS = 8  # of 32 MB each: a quarter of a GB, and enough for a fast line

Tell = Callable[[int], None]
"""What is called with a number of bytes each time that many more are done, for a progress bar."""


@dataclass(frozen=True)
class Upload:
    """A file, or content made in memory, and the key it goes to.

    ``words`` are kept with the object (S3's user-defined metadata).
    """

    key: str
    content: Path | bytes
    words: Mapping[str, str] = field(default_factory=dict)

    @property
    def n_bytes(self) -> int:
        """Size of the content."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


@dataclass(frozen=True)
class Part:
    """A piece of a file; S3 counts parts from 1."""

    number: int
    offset: int
    n_bytes: int


class Uploader:
    """Sends files to one bucket.

    Parameters
    ----------
    s3 : boto3 client
        Client of S3.
    bucket : str
        Name of the bucket.
    part_bytes : int
        Size of a part; larger for files of more parts than S3 allows.
    """

    def __init__(self, s3: Any, bucket: str, part_bytes: int = PART_BYTES) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._part_bytes = part_bytes

    def find(self, key: str) -> dict[str, Any] | None:
        """Return S3's ``HeadObject`` answer for a key, None if there is no such object."""
        try:
            return dict(self._s3.head_object(Bucket=self._bucket, Key=key))
        except ClientError as error:
            if error_code(error) in {"404", "NoSuchKey", "NotFound"}:
                return None
            raise

    def is_there(self, upload: Upload) -> bool:
        """Say whether the bucket holds exactly this content under this key."""
        return bool(self.find_same(upload))

    def find_same(self, upload: Upload, comparing: Callable[[], Tell] = lambda: _ignore) -> str:
        """Return the ETag of the object under this key if it has exactly this content, else "".

        The file is read only if the sizes are equal. ``comparing`` is called before that, and
        returns the function that is told of the bytes as they are compared.
        """
        found = self.find(upload.key)
        if found is None or found["ContentLength"] != upload.n_bytes:
            return ""
        etag = self.etag(upload, _locked(comparing()))
        return etag if found["ETag"].strip('"') == etag else ""

    def send(self, upload: Upload, tell: Tell) -> str:
        """Send a file; parts that are there from an interrupted attempt are not sent again.

        ``tell`` is called with the bytes of each part once it is there. If this is interrupted,
        what arrived stays, and the same call goes on from there.

        Returns
        -------
        str
            The ETag of what was sent.
        """
        parts = self.cut(upload.n_bytes)
        if len(parts) == 1:
            data = _read(upload.content, parts[0])
            answer = self._s3.put_object(
                Bucket=self._bucket,
                Key=upload.key,
                Body=data,
                ContentMD5=_md5_header(data),
                Metadata=dict(upload.words),
            )
            tell(len(data))
            return str(answer["ETag"])
        upload_id, there = self._pending(upload)
        sent = self._send_parts(upload, upload_id, parts, there, _locked(tell))
        answer = self._s3.complete_multipart_upload(
            Bucket=self._bucket,
            Key=upload.key,
            UploadId=upload_id,
            MultipartUpload={
                "Parts": [{"PartNumber": number, "ETag": sent[number]} for number in sorted(sent)]
            },
        )
        return str(answer["ETag"])

    def cut(self, n_bytes: int) -> list[Part]:
        """Return the parts in which a file of this size is sent: as many as S3 takes, or fewer."""
        size = self._part_bytes
        while n_bytes > size * _MOST_PARTS:
            size *= 2
        offsets = range(0, max(n_bytes, 1), size)
        return [
            Part(index + 1, offset, min(size, n_bytes - offset))
            for index, offset in enumerate(offsets)
        ]

    def etag(self, upload: Upload, tell: Tell) -> str:
        """Return the ETag that S3 gives this content when it is sent by `send`.

        The MD5 of the content; of an object of several parts, the MD5 of their MD5s and their
        number.
        """

        def digest(part: Part) -> bytes:
            data = _read(upload.content, part)
            tell(len(data))
            return _md5(data)

        parts = self.cut(upload.n_bytes)
        with _stoppable_threads() as threads:
            digests = list(threads.map(digest, parts))
        if len(parts) == 1:
            return digests[0].hex()
        return f"{_md5(b''.join(digests)).hex()}-{len(parts)}"

    def _pending(self, upload: Upload) -> tuple[str, dict[int, tuple[int, str]]]:
        """Return the id of an unfinished upload of a key, or of a new one, and its parts.

        Parts are size and ETag, by number. Words are given when an upload begins, so one that was
        interrupted keeps those it had.
        """
        key = upload.key
        pages = self._s3.get_paginator("list_multipart_uploads").paginate(
            Bucket=self._bucket, Prefix=key
        )
        found = [up for page in pages for up in page.get("Uploads", []) if up["Key"] == key]
        if not found:
            created = self._s3.create_multipart_upload(
                Bucket=self._bucket, Key=key, Metadata=dict(upload.words)
            )
            return str(created["UploadId"]), {}
        # its parts may be of an older file of that name: each is compared before it counts as sent
        upload_id = str(max(found, key=lambda up: up["Initiated"])["UploadId"])
        parts = self._s3.get_paginator("list_parts").paginate(
            Bucket=self._bucket, Key=key, UploadId=upload_id
        )
        return upload_id, {
            part["PartNumber"]: (part["Size"], part["ETag"])
            for page in parts
            for part in page.get("Parts", [])
        }

    def _send_parts(
        self,
        upload: Upload,
        upload_id: str,
        parts: list[Part],
        there: dict[int, tuple[int, str]],
        tell: Tell,
    ) -> dict[int, str]:
        """Send the parts that are missing or differ; return the ETags of all, by number."""

        def send(part: Part) -> tuple[int, str]:
            data = _read(upload.content, part)
            n_bytes, etag = there.get(part.number, (-1, ""))
            if n_bytes != len(data) or etag.strip('"') != _md5(data).hex():
                answer = self._s3.upload_part(
                    Bucket=self._bucket,
                    Key=upload.key,
                    UploadId=upload_id,
                    PartNumber=part.number,
                    Body=data,
                    ContentMD5=_md5_header(data),
                )
                etag = answer["ETag"]
            tell(len(data))
            return part.number, etag

        # the first failure ends the wait, and parts that have not begun are then not sent in vain
        with _stoppable_threads() as threads:
            futures = [threads.submit(send, part) for part in parts]
            wait(futures, return_when=FIRST_EXCEPTION)
            return dict(future.result() for future in futures)


@contextlib.contextmanager
def _stoppable_threads() -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of threads; what has not begun when the block ends is not begun any more."""
    threads = ThreadPoolExecutor(_THREADS)
    try:
        yield threads
    finally:
        threads.shutdown(cancel_futures=True)


def _read(content: Path | bytes, part: Part) -> bytes:
    if isinstance(content, bytes):
        return content[part.offset : part.offset + part.n_bytes]
    with content.open("rb") as file:
        file.seek(part.offset)
        return file.read(part.n_bytes)


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _md5_header(data: bytes) -> str:
    return base64.b64encode(_md5(data)).decode()


def _ignore(n_bytes: int) -> None:
    """Tell nobody."""


def _locked(tell: Tell) -> Tell:
    """Let several threads call a function that is made for one."""
    lock = threading.Lock()

    def locked(n_bytes: int) -> None:
        with lock:
            tell(n_bytes)

    return locked
