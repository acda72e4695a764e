"""What S3 says of an object besides its bytes: the checksum it was given, its sender's words.

The storage library does not ask for either.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ionbox_cloud.aws_clients import open_client
from ionbox_cloud.errors import AccessDenied, StoreUnavailable

_FIELDS = {"sha1": "ChecksumSHA1", "sha256": "ChecksumSHA256"}
_WHOLE = "FULL_OBJECT"


@dataclass(frozen=True)
class ObjectHead:
    """What S3 says of an object.

    Attributes
    ----------
    etag : str
        As S3 writes it, in quotes; empty if there is no such object.
    checksums : mapping of str to str
        Checksums of the whole object in hex, by ``hashlib``'s names of the algorithms. S3 compared
        them when it was given them.
    words : mapping of str to str
        What the sender gave it to keep with the object (``x-amz-meta-…``), by lower-case names.
    """

    etag: str
    checksums: Mapping[str, str]
    words: Mapping[str, str]


def ask_s3(url: str, key: str) -> ObjectHead:
    """Ask S3 for what it keeps with an object of the bucket ``s3://…``.

    Raises
    ------
    AccessDenied
        If it refuses.
    StoreUnavailable
        If it does not answer properly.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # states on a folder do without

    bucket = url.removeprefix("s3://").partition("/")[0]
    try:
        answer = open_client("s3").head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    except ClientError as error:
        code = str(error.response["Error"]["Code"])
        if code in {"404", "NoSuchKey", "NotFound"}:
            return ObjectHead("", {}, {})
        kind = AccessDenied if code in {"403", "AccessDenied", "Forbidden"} else StoreUnavailable
        raise kind(f"object '{key}': {code}", code) from error
    except BotoCoreError as error:
        raise StoreUnavailable(f"object '{key}': {error}") from error
    return ObjectHead(answer["ETag"], _whole_checksums(answer), answer.get("Metadata", {}))


def _whole_checksums(answer: Mapping[str, Any]) -> dict[str, str]:
    """Return the checksums of a whole object: of one sent in parts S3 has that of the parts'."""
    if answer.get("ChecksumType", _WHOLE) != _WHOLE:
        return {}
    found = {name: answer.get(field, "") for name, field in _FIELDS.items()}
    # a checksum of checksums ends with the number of parts
    whole = {name: value for name, value in found.items() if value and "-" not in value}
    return {name: base64.b64decode(value).hex() for name, value in whole.items()}
