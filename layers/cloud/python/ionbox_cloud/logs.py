"""The one structured log of all functions, JSON lines.

`ionbox_cloud.handlers` adds state, execution, run and item to every line of a call.

Names of files can say who a patient is, and those who may read logs are not those who may read the
inbox. So lines have ids, counts and reasons; where one is about a file, `refer_to` says which. Only
the message of an error, which Lambda logs as well, may have a name in it.
"""

from __future__ import annotations

import hashlib

from aws_lambda_powertools import Logger

logger = Logger(service="ionbox")


def refer_to(key: str) -> dict[str, str]:
    """Return what a line says of a file: the start of its key's SHA-256, which who has it can make.

    The same as of ``printf KEY | sha256sum | cut -c 1-16``.
    """
    return {"key_sha256": hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16]}
