"""The one structured log of all functions, JSON lines.

`ionbox_cloud.handlers` adds state, execution, run and item to every line of a call.

Names of files can say who a patient is, and those who may read logs are not those who may read the
inbox. So lines have ids, counts and reasons; where one is about a file, `refer_to` says which. Of
an error they have its class, what AWS calls it and where it was raised, not its message; what
Lambda itself logs of it is up to `ionbox_cloud.error_words`.
"""

from __future__ import annotations

import errno
import hashlib
import traceback
from types import TracebackType
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from botocore.exceptions import ClientError

from ionbox_cloud.errors import StorageError

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class NamelessFormatter(LambdaPowertoolsFormatter):
    """Writes lines of JSON; of an error no message, neither its own nor that of what caused it."""

    def __init__(self) -> None:
        super().__init__(serialize_stacktrace=False)

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802 (logging's own name)
        """Return where an error and what caused it were raised, the cause first, as Python does."""
        return "" if ei[1] is None else describe_trace(ei[1])

    def serialize(self, log: Any) -> str:
        """Return a line; notes that were added to an error are left out, too."""
        log.pop("exception_notes", None)
        return super().serialize(log)


logger = Logger(service="ionbox", logger_formatter=NamelessFormatter())


def describe_trace(error: BaseException) -> str:
    """Return the frames of an error and of its causes, each above its class, without messages."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    frames = traceback.format_tb(error.__traceback__)
    lines = ["Traceback (most recent call last):\n", *frames, describe_error(error)]
    return (f"{describe_trace(before)}\n\n" if before else "") + "".join(lines)


def describe_error(error: BaseException) -> str:
    """Return the class of an error and the word that AWS or the system has for it, if any."""
    name, word = type(error).__name__, ""
    if isinstance(error, ClientError):
        word = f"{error.operation_name} {error.response.get('Error', {}).get('Code', '')}"
    elif isinstance(error, StorageError):
        word = error.code
    elif isinstance(error, OSError):
        word = errno.errorcode.get(error.errno or 0, "")
    return f"{name}: {word}" if word.strip() else name


def refer_to(key: str) -> dict[str, str]:
    """Return what a line says of a file: the start of its key's SHA-256, which who has it can make.

    The same as of ``printf KEY | sha256sum | cut -c 1-16``.
    """
    return {"key_sha256": hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16]}
