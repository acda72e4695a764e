"""The Runtime API: what the runtime client in a sandbox asks for events, and tells its answers.

A web server for one sandbox. The client asks for the next event and is kept waiting until there is
one; then it posts the handler's result, or the error.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue

_LOOK_S = 0.5  # how often a waiting client's server looks whether it has been closed


@dataclass(frozen=True)
class Event:
    """One event for the handler.

    Attributes
    ----------
    request_id : str
        Its id, which the client repeats.
    payload : bytes
        JSON.
    deadline : float
        Until when it has to be answered, seconds since 1970.
    function_arn : str
        What was called.
    """

    request_id: str
    payload: bytes
    deadline: float
    function_arn: str


@dataclass(frozen=True)
class Result:
    """What the client posted: ``response``, ``error`` or ``init-error``, and its body."""

    kind: str
    body: bytes


class RuntimeApi:
    """Server for one sandbox, from the moment it is made until it is closed."""

    def __init__(self) -> None:
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._results: SimpleQueue[Result] = SimpleQueue()
        self._closed = threading.Event()
        self.asked = threading.Event()
        self.first_asked = 0.0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_port}"

    def put(self, event: Event) -> None:
        """Hand an event to the client as soon as it asks."""
        self._events.put(event)

    def result(self, wait_s: float) -> Result | None:
        """Wait for what the client posts; None if nothing came."""
        try:
            return self._results.get(timeout=wait_s)
        except Empty:
            return None

    def close(self) -> None:
        """End the server."""
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()

    def _next(self) -> Event | None:
        if not self.asked.is_set():
            self.first_asked = time.monotonic()
            self.asked.set()
        while not self._closed.is_set():
            try:
                return self._events.get(timeout=_LOOK_S)
            except Empty:
                continue
        return None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                event = api._next()
                if event is None:
                    self.close_connection = True
                    return
                self.send_response(200)
                for name, value in {
                    "Lambda-Runtime-Aws-Request-Id": event.request_id,
                    "Lambda-Runtime-Deadline-Ms": str(int(event.deadline * 1000)),
                    "Lambda-Runtime-Invoked-Function-Arn": event.function_arn,
                    "Content-Type": "application/json",
                    "Content-Length": str(len(event.payload)),
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(event.payload)

            def do_POST(self) -> None:
                body = self._body()
                kind = self.path.rpartition("/")[2]
                api._results.put(Result("init-error" if "/init/" in self.path else kind, body))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = b""
                while n_bytes := int(self.rfile.readline(), 16):
                    body += self.rfile.read(n_bytes)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        return Handler
