"""Lets moto's server answer many requests on one connection.

The server of werkzeug, below moto's, closes each connection after one answer, and first looks for a
hundredth of a second whether the client has more to say. A connection and a thread for each request
take longer than most answers of moto.
"""

from __future__ import annotations

import io
import traceback
from http import HTTPStatus

from moto.moto_server import threaded_moto_server
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.exceptions import InternalServerError
from werkzeug.test import run_wsgi_app
from werkzeug.wsgi import get_input_stream

WITHOUT_LENGTH = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class KeepingHandler(MotoRequestHandler):
    """Reads each request to its end, so that the next can follow, and says how long answers are."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else answers in two packets wait for the client's receipt
    wbufsize = -1  # which `http.server` empties after each answer

    def handle_expect_100(self) -> bool:
        """Let a client send its object at once; it would wait for this word for a second."""
        proceed = super().handle_expect_100()
        self.wfile.flush()
        return proceed

    def run_wsgi(self) -> None:
        """Answer one request; what moto raises is an answer, too."""
        self.environ = environ = self.make_environ()
        body = get_input_stream(environ).read()
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))  # also of one that came in chunks
        try:
            parts, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        except Exception:  # noqa: BLE001 (a server goes on)
            self.server.log("error", traceback.format_exc())
            parts, status, headers = run_wsgi_app(InternalServerError(), environ, buffered=True)
        answer = b"".join(parts)
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        if int(code) not in WITHOUT_LENGTH and "content-length" not in headers:
            headers.add("Content-Length", len(answer))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    def log_request(self, *_: object) -> None:
        """Nobody reads it."""


def keep_connections() -> None:
    """Let servers of moto that are started from now on keep connections."""
    threaded_moto_server.MotoRequestHandler = KeepingHandler  # type: ignore[attr-defined]
