"""A small HTTP endpoint that is Step Functions to Fargate tasks: it takes their reports.

Only this machine can connect, but others may be logged in on it, and browsers connect for any page
they show. So every address begins with a secret that only this process and its tasks are told, and
a request that does not know it, or that names another host, is refused unread.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import secrets
import socket
import threading
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from ionbox.local.clients import MAX_MESSAGE_BYTES, Service, ServiceFault

_HOST = "127.0.0.1"
_SECRET_BYTES = 32
_MOST_BYTES = 16 * MAX_MESSAGE_BYTES  # of a request; messages above their own limit get an answer


class Endpoint:
    """Serves services on a free port of this machine until closed.

    Parameters
    ----------
    services
        By the name that requests to them carry (``X-Amz-Target``): each takes an action and its
        parameters.
    """

    def __init__(self, services: Mapping[str, Service]) -> None:
        self._server = _Server(services)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Address of the endpoint, for tasks; whoever has it may report for one."""
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

    def __init__(self, services: Mapping[str, Service]) -> None:
        super().__init__((_HOST, 0), _RequestHandler)
        self.services = services
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
    # HTTP/1.0 (the default) closes each connection: a task reports seldom
    server: _Server
    timeout = 10  # for reading a request, not for answering it

    def setup(self) -> None:
        super().setup()
        self.server.doubt(self.connection)

    def finish(self) -> None:
        self.server.trust(self.connection)
        super().finish()

    def do_POST(self) -> None:
        n_bytes = self._length() if self._admit() else None
        if n_bytes is None:
            return
        payload = self.rfile.read(n_bytes).decode()
        # a service and the action are named in a header
        service, _, action = self.headers.get("X-Amz-Target", "").partition(".")
        if service in self.server.services:
            self._ask(self.server.services[service], action, payload)
            return
        self._refuse(HTTPStatus.NOT_FOUND, "UnknownOperationException", "No such service here.")

    def _admit(self) -> bool:
        """Say whether a request has the secret; if not, it was refused."""
        try:
            path = urlsplit(self.path).path
        except ValueError:
            path = ""
        secret = path.removeprefix("/").partition("/")[0]
        # by the name: a page of somebody else may have let its own name point here
        same_host = self.headers.get_all("Host", []) == [self.server.host]
        if self.server.knows(secret) and same_host:
            self.server.trust(self.connection)
            return True
        self._refuse(HTTPStatus.FORBIDDEN, "AccessDeniedException", "This endpoint is not yours.")
        return False

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
