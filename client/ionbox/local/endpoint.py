"""A small HTTP endpoint that is AWS to the state machine's interpreter, and to Fargate tasks.

It answers the requests that the interpreter sends on behalf of a state machine: calling a
function, reading the object that holds a Map's items, and starting a task; and the reports of the
tasks. The interpreter waits for an answer without limit and never asks twice (a test holds it to
that), so a slow function is called once.

Only this machine can connect, but others may be logged in on it, and browsers connect for any page
they show. So every address begins with a secret that only this process and its tasks are told, and
a request that does not know it, or that names another host, is refused unread.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import secrets
import socket
import threading
import uuid
from collections.abc import Callable, Mapping
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote, urlsplit

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

_HOST = "127.0.0.1"
_SECRET_BYTES = 32
_MOST_BYTES = 16 * MAX_MESSAGE_BYTES  # of a request; messages above their own limit get an answer

_INVOKE = ("/2015-03-31/functions/", "/invocations")


class ServiceFault(Exception):  # noqa: N818 (AWS's word: becomes an answer, not an error of ours)
    """A service refuses a request, under the error code that AWS's would give."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Endpoint:
    """Serves functions and objects on a free port of this machine until closed.

    Parameters
    ----------
    invoke
        Calls a function: takes name or ARN, and the event as JSON text; returns its `Answer`.
    buckets
        The folder that stands for each bucket, by the bucket's name.
    services
        Other services by the name that requests to them carry (``X-Amz-Target``): each takes an
        action and its parameters.
    listener
        Is told how many items a Map has read, from objects named ``…/items/<state>.json``.
    """

    def __init__(
        self,
        invoke: Invoke,
        buckets: Mapping[str, Path],
        *,
        services: Mapping[str, Service] = MappingProxyType({}),
        listener: Listener = ignore,
    ) -> None:
        self._server = _Server(invoke, buckets, services, listener)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Address of the endpoint, for clients and tasks; whoever has it may call functions."""
        return f"http://{self._server.host}/{self._server.secret}"

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and wait for the requests in progress; strangers are cut off."""
        self._server.shutdown()
        self._thread.join()
        self._server.cut_off_strangers()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for them
    request_queue_size = 1024  # a Map opens many connections at once

    def __init__(
        self,
        invoke: Invoke,
        buckets: Mapping[str, Path],
        services: Mapping[str, Service],
        listener: Listener,
    ) -> None:
        super().__init__((_HOST, 0), _RequestHandler)
        self.invoke = invoke
        self.buckets = buckets
        self.services = services
        self.listener = listener
        self.host = f"{_HOST}:{self.server_port}"
        self.secret = secrets.token_urlsafe(_SECRET_BYTES)
        self._lock = threading.Lock()
        self._strangers: set[socket.socket] = set()  # guarded by _lock

    def knows(self, secret: str) -> bool:
        """Say whether a request has the secret, in a time that does not tell how nearly."""
        return hmac.compare_digest(secret.encode(), self.secret.encode())

    def doubt(self, connection: socket.socket) -> None:
        """Keep a connection that has not shown the secret yet."""
        with self._lock:
            self._strangers.add(connection)

    def trust(self, connection: socket.socket) -> None:
        """Forget a connection that has shown the secret, or has ended."""
        with self._lock:
            self._strangers.discard(connection)

    def cut_off_strangers(self) -> None:
        """End the connections without the secret, which could otherwise be held open for ever."""
        with self._lock:
            for connection in self._strangers:
                with contextlib.suppress(OSError):  # gone by itself
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a connection that broke: who asked sees it, and nobody else needs to."""


class _RequestHandler(BaseHTTPRequestHandler):
    # HTTP/1.0 (the default) closes each connection: the interpreter makes a new client per call.
    server: _Server
    timeout = 10  # for reading a request, not for answering it

    def setup(self) -> None:
        super().setup()
        self.server.doubt(self.connection)

    def finish(self) -> None:
        self.server.trust(self.connection)
        super().finish()

    def do_POST(self) -> None:
        path = self._admit()
        n_bytes = self._length()
        if path is None or n_bytes is None:
            return
        payload = self.rfile.read(n_bytes).decode()
        # ECS and Step Functions name themselves and the action in a header, Lambda in the path
        service, _, action = self.headers.get("X-Amz-Target", "").partition(".")
        if service in self.server.services:
            self._ask(self.server.services[service], action, payload)
            return
        if not (path.startswith(_INVOKE[0]) and path.endswith(_INVOKE[1])):
            self._refuse(HTTPStatus.NOT_FOUND, "UnknownOperationException", f"No such: {path}")
            return
        try:
            answer = self._invoke(path.removeprefix(_INVOKE[0]).removesuffix(_INVOKE[1]), payload)
        except UnknownFunction as error:
            self._refuse(HTTPStatus.NOT_FOUND, "ResourceNotFoundException", str(error))
            return
        failed = {"X-Amz-Function-Error": "Unhandled"} if answer.error else {}
        headers = {"Content-Type": "application/json", "X-Amz-Executed-Version": "$LATEST"}
        self._send(HTTPStatus.OK, answer.payload.encode(), headers | failed)

    def _admit(self) -> str | None:
        """Return the path below the secret; None if the request was refused."""
        try:
            path = urlsplit(self.path).path
        except ValueError:
            path = ""
        secret, slash, rest = path.removeprefix("/").partition("/")
        # by the name: a page of somebody else may have let its own name point here
        same_host = self.headers.get_all("Host", []) == [self.server.host]
        if self.server.knows(secret) and same_host:
            self.server.trust(self.connection)
            return slash + rest
        self._refuse(HTTPStatus.FORBIDDEN, "AccessDeniedException", "This endpoint is not yours.")
        return None

    def _length(self) -> int | None:
        """Return the number of bytes of a request's body; None if it was refused."""
        given = self.headers.get("Content-Length", "0")
        if given.isascii() and given.isdecimal() and int(given[:20]) <= _MOST_BYTES:
            return int(given)
        self._refuse(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "RequestTooLargeException", "Too large a request."
        )
        return None

    def _ask(self, service: Service, action: str, payload: str) -> None:
        headers = {"Content-Type": "application/x-amz-json-1.1"}
        try:
            status, answer = HTTPStatus.OK, service(action, json.loads(payload))
        except ServiceFault as fault:
            status = HTTPStatus.BAD_REQUEST
            answer = {"__type": fault.code, "message": str(fault)}
        self._send(status, json.dumps(answer).encode(), headers)

    def _invoke(self, function: str, payload: str) -> Answer:
        if len(payload.encode()) > MAX_MESSAGE_BYTES:
            return _too_large("input", function, payload)
        answer = self.server.invoke(function, payload)
        if answer.error is None and len(answer.payload.encode()) > MAX_MESSAGE_BYTES:
            return _too_large("output", function, answer.payload)
        return answer

    def do_GET(self) -> None:
        admitted = self._admit()
        if admitted is None:
            return
        bucket, _, key = unquote(admitted).removeprefix("/").partition("/")
        path = self._object_path(bucket, key)
        if path is None or not path.is_file():
            self._send(HTTPStatus.NOT_FOUND, _no_such_key(key), {"Content-Type": "application/xml"})
            return
        body = path.read_bytes()
        self._announce_items(key, body)
        headers = {
            "Content-Type": "application/octet-stream",
            "ETag": f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"',
            "Last-Modified": formatdate(path.stat().st_mtime, usegmt=True),
        }
        self._send(HTTPStatus.OK, body, headers)

    def _object_path(self, bucket: str, key: str) -> Path | None:
        folder = self.server.buckets.get(bucket)
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
            self.server.listener(ItemsRead(state, len(json.loads(body))))

    def _refuse(self, status: HTTPStatus, code: str, message: str) -> None:
        body = json.dumps({"Type": "User", "Message": message}).encode()
        headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
        self._send(status, body, headers)

    def _send(self, status: HTTPStatus, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        request_id = str(uuid.uuid4())
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("x-amzn-RequestId", request_id)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: standard error belongs to the progress display."""


def _too_large(what: str, function: str, payload: str) -> Answer:
    """Return the failure that a message of this size would be on AWS."""
    message = (
        f"The {what} of {unquote(function)} has {len(payload.encode())} bytes, more than the "
        f"{MAX_MESSAGE_BYTES} that Step Functions passes on."
    )
    # On AWS this is States.DataLimitExceeded; moto refuses such names from a function, and the
    # message with them.
    return error_answer("DataLimitExceeded", message, "")


def _no_such_key(key: str) -> bytes:
    from xml.sax.saxutils import escape

    message = f"The specified key does not exist.</Message><Key>{escape(key)}</Key>"
    return f"<Error><Code>NoSuchKey</Code><Message>{message}</Error>".encode()
