"""The words of an error that leaves a function on AWS: kept in the work bucket, out of the logs.

Lambda logs the message of whatever a handler raises, and Step Functions shows it as the error's
cause to all who may see executions. Messages name people's files. So an error goes out under its
own class name, by which the state machine catches it, with a message that says only where its words
are kept; whoever tells the user (`ionbox_cloud.events.run_end`, ReportFailure, the state that
gathers a Map) reads them there. On one's own machine errors stay as they are.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ionbox_cloud import keys
from ionbox_cloud.errors import NamelessError, UnusableObject, describe_cause
from ionbox_cloud.json_record import JsonRecord
from ionbox_cloud.logs import describe_error
from ionbox_cloud.store import Store

_KEPT = re.compile(r"in the work bucket, at (executions/\S+/errors/[0-9a-f]{32}\.json)$")


@dataclass(frozen=True)
class ErrorWords(JsonRecord):
    """What an error said.

    Attributes
    ----------
    error : str
        Its class name.
    message : str
        Its message.
    """

    error: str
    message: str


@contextlib.contextmanager
def without_words() -> Iterator[None]:
    """Let errors out without their words, which are in no log and nowhere else.

    Raises
    ------
    NamelessError
        In place of any error.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 (whatever it is, its words stay here)
        raise NamelessError.of(error, describe_error(error)) from None


@contextlib.contextmanager
def words_kept_in(work: Store, execution_id: str) -> Iterator[None]:
    """Let errors out without their words, which are kept beside the execution; on AWS only.

    Raises
    ------
    NamelessError
        In place of any error, on AWS.
    """
    try:
        yield
    except Exception as error:
        if not work.is_remote:
            raise
        raise NamelessError.of(error, _keep(work, execution_id, error)) from None


def read_words(work: Store, cause: str) -> str:
    """Return the message in an error's cause, which Lambda wraps in JSON, from where it is kept."""
    message = describe_cause(cause)
    kept = _KEPT.search(message)
    if kept is None:
        return message
    try:
        return ErrorWords.from_json(work.read_json(kept[1])).message
    except UnusableObject:  # expired, such as for an execution of months ago
        return message


def _keep(work: Store, execution_id: str, error: Exception) -> str:
    """Keep an error's words; return what to say in their place."""
    words, said = ErrorWords(type(error).__name__, str(error)), describe_error(error)
    # by content: attempts that fail alike leave one object
    digest = hashlib.sha256(json.dumps(words.to_json()).encode()).hexdigest()[:32]
    key = keys.error_words(execution_id, digest)
    try:
        work.write_json(key, words.to_json())
    except Exception:  # noqa: BLE001 (whatever fails here, the error goes on under its own name)
        return f"{said}; its words could not be kept in the work bucket"
    return f"{said}; its words are in the work bucket, at {key}"
