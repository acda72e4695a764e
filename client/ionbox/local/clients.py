"""What the state machine's interpreter finds where it looks for clients of AWS.

It makes a client with boto3 for each request of a state machine: to call a function, to read the
object that holds a Map's items, and to start a task. These are answered here, by functions in this
process, in the words of boto3: its clients would take longer to make than a short function takes,
and need a server to talk to. The interpreter waits for an answer without limit and never asks
twice, so a slow function is called once.
"""

from __future__ import annotations

import io
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, NoReturn

from ionbox_cloud.errors import UnsafeKey
from ionbox_cloud.storage.key_paths import path_below

from ionbox.local.call_events import ItemsRead, Listener, ignore
from ionbox.local.errors import UnknownFunction
from ionbox.local.runtime import Answer, error_answer

Invoke = Callable[[str, str], Answer]

Request = Mapping[str, Any]
Response = dict[str, Any]
Service = Callable[[str, Request], Response]

# Step Functions refuses more between two states; a run that passes here must pass there.
MAX_MESSAGE_BYTES = 256 * 1024


class ServiceFault(Exception):  # noqa: N818 (AWS's word: becomes an answer, not an error of ours)
    """A service refuses a request, under the error code that AWS's would give."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Clients:
    """Stands for the module boto3, as far as the interpreter uses it.

    Parameters
    ----------
    by_service
        The client of each service that a state machine may ask, by boto3's name of it.
    """

    def __init__(self, by_service: Mapping[str, Any]) -> None:
        self._by_service = by_service

    def client(self, *, service_name: str, **_: Any) -> Any:
        """Return the client of a service."""
        return self._by_service[service_name]


class LambdaClient:
    """Calls functions.

    Parameters
    ----------
    invoke
        Calls a function: takes name or ARN, and the event as JSON text; returns its `Answer`.
    """

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    def invoke(self, *, FunctionName: str, Payload: bytes = b"{}") -> Response:  # noqa: N803 (AWS's)
        """Call a function and wait for its answer.

        Raises
        ------
        botocore.exceptions.ClientError
            When there is no such function.
        """
        try:
            answer = self._invoke_within_limits(FunctionName, Payload)
        except UnknownFunction as error:
            fault = ServiceFault("ResourceNotFoundException", str(error))
            _refuse(fault, "Invoke", HTTPStatus.NOT_FOUND)
        response = {
            "StatusCode": HTTPStatus.OK.value,
            "ExecutedVersion": "$LATEST",
            "Payload": io.BytesIO(answer.payload.encode()),
        }
        return response | ({"FunctionError": "Unhandled"} if answer.error else {})

    def _invoke_within_limits(self, function: str, payload: bytes) -> Answer:
        if len(payload) > MAX_MESSAGE_BYTES:
            return _too_large("input", function, payload)
        answer = self._invoke(function, payload.decode())
        if answer.error is None:
            returned = answer.payload.encode()
            if len(returned) > MAX_MESSAGE_BYTES:
                return _too_large("output", function, returned)
        return answer


def _too_large(what: str, function: str, message: bytes) -> Answer:
    """Return the failure that a message of this size would be on AWS."""
    said = (
        f"The {what} of {function} has {len(message)} bytes, more than the {MAX_MESSAGE_BYTES} "
        "that Step Functions passes on."
    )
    # On AWS this is States.DataLimitExceeded; moto refuses such names from a function, and the
    # message with them.
    return error_answer("DataLimitExceeded", said, "")


class S3Client:
    """Reads objects.

    Parameters
    ----------
    buckets
        The folder that stands for each bucket, by the bucket's name.
    listener
        Is told how many items a Map has read, from objects named ``…/items/<state>.json``.
    """

    def __init__(self, buckets: Mapping[str, Path], listener: Listener = ignore) -> None:
        self._buckets = buckets
        self._listener = listener

    def get_object(self, *, Bucket: str, Key: str) -> Response:  # noqa: N803 (AWS's)
        """Read an object.

        Raises
        ------
        botocore.exceptions.ClientError
            When there is no such object.
        """
        path = self._object_path(Bucket, Key)
        if path is None or not path.is_file():
            fault = ServiceFault("NoSuchKey", f"The specified key does not exist: {Key}")
            _refuse(fault, "GetObject", HTTPStatus.NOT_FOUND)
        body = path.read_bytes()
        self._announce_items(Key, body)
        return {"Body": io.BytesIO(body), "ContentLength": len(body)}

    def _object_path(self, bucket: str, key: str) -> Path | None:
        folder = self._buckets.get(bucket)
        if folder is None:
            return None
        try:
            return path_below(folder, key)
        except UnsafeKey:
            return None

    def _announce_items(self, key: str, body: bytes) -> None:
        """Tell the listener how many items a Map has: nothing else here learns it."""
        *_, folder, name = ("", *key.split("/"))
        if folder == "items" and name.endswith(".json"):
            state = name.removesuffix(".json")
            self._listener(ItemsRead(state, len(json.loads(body))))


class EcsClient:
    """Starts tasks.

    Parameters
    ----------
    answer
        Answers a request to ECS: takes an action and its parameters.
    """

    def __init__(self, answer: Service) -> None:
        self._answer = answer

    def run_task(self, **request: Any) -> Response:
        """Start a task.

        Raises
        ------
        botocore.exceptions.ClientError
            When it is refused.
        """
        with _refusals("RunTask"):
            return self._answer("RunTask", request)


@contextmanager
def _refusals(action: str) -> Iterator[None]:
    try:
        yield
    except ServiceFault as fault:
        _refuse(fault, action, HTTPStatus.BAD_REQUEST)


def _refuse(fault: ServiceFault, action: str, status: HTTPStatus) -> NoReturn:
    """Raise what boto3 would raise: an error of a class that is called as its code."""
    from botocore.exceptions import ClientError

    response = {
        "Error": {"Code": fault.code, "Message": str(fault)},
        "ResponseMetadata": {"HTTPStatusCode": status.value, "RequestId": str(uuid.uuid4())},
    }
    raise type(re.sub(r"\W", "", fault.code), (ClientError,), {})(response, action) from None
