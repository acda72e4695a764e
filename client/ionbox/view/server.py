"""The page and the data of one run over HTTP, for this machine's browser only.

::

    GET /                                    the page
        /api/run                             the run without ion images
        /api/tic, /api/mask                  float32, little-endian, row by row
        /api/image/<row>/<isotope>           the same
        /api/anymz?mz=&ppm=                  the same, of any m/z
        /api/spectrum?x=&y=                  {mz, intensity}
        /api/why?formula=&adduct=&database=  why an ion is annotated or not

Only requests that name this address are answered, so that a page of somebody else cannot read a
run through a name that it lets point here (DNS rebinding); and only those that know the secret of
the address that is printed, so that others who are logged in on this machine cannot. The browser
keeps it as a cookie. There is nothing that writes. In images
infinite intensities count as the highest finite one, as in the report; in spectra they are null.

`Viewer` is the server, `_QUESTIONS` the table of what can be asked, each a function from a
`RunReader` and the request's parts to a `Response`.
"""

from __future__ import annotations

import hmac
import json
import math
import secrets
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

import numpy as np
import numpy.typing as npt
from ionbox_cloud.errors import InternalError, TransientError
from ionbox_cloud.report.images import make_finite
from ionbox_cloud.report.page_assembly import assemble_page, page_policy
from ionbox_science import __version__

from ionbox import terminal
from ionbox.account import plain_errors
from ionbox.errors import BadQuestion, NotFound, OperateError, Unanswerable
from ionbox.view.run_reader import RunReader

HOST = "127.0.0.1"
"""The only address that is listened at, so that no other machine can connect."""

_HTTP_PORT = 80
"""The port that browsers leave out of addresses."""

_ENTRY = "viewer"
"""The JavaScript module that starts the page."""

_METHODS = "GET, HEAD"

_SECRET_BYTES = 32
_TOKEN = "token"
"""What the secret is called in an address."""

_HEAVY_AT_ONCE = 4
"""Requests that read data at the same time; others wait, so that memory stays bounded."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}

Query = Mapping[str, str]


@dataclass(frozen=True)
class Response:
    """What is sent back: body, its type, status and further headers."""

    body: bytes
    content_type: str = "application/json"
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


class Viewer(ThreadingHTTPServer):
    """Serves one run on this machine until it is closed.

    Parameters
    ----------
    run : RunReader
        Answers the page's questions.
    port : int
        Port of this machine; 0 for any that is free.
    debug : bool
        Whether to show tracebacks in the terminal.

    Raises
    ------
    OSError
        If the port is taken or not allowed.
    """

    daemon_threads = True  # Ctrl-C does not wait for a download that goes on
    request_queue_size = 64  # a page asks for many images at once

    def __init__(self, run: RunReader, port: int = 0, *, debug: bool = False) -> None:
        super().__init__((HOST, port), _Handler)
        self.run = run
        self.debug = debug
        self.page = b"".join(assemble_page(_ENTRY, "ionbox", served=True))
        self.policy = f"{page_policy(_ENTRY, served=True)}; frame-ancestors 'none'"
        self.hosts = own_names(self.server_port)
        self.secret = secrets.token_urlsafe(_SECRET_BYTES)
        self.turns = threading.BoundedSemaphore(_HEAVY_AT_ONCE)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Complain of an error outside an answer, but not of browsers that went away."""
        error = sys.exc_info()[1]
        if isinstance(error, Exception) and not isinstance(error, ConnectionError | TimeoutError):
            self.complain("a request", error)

    def complain(self, what: str, error: Exception) -> None:
        """Say in the terminal that something failed which should not, in a line or whole."""
        if self.debug:
            terminal.complain("".join(traceback.format_exception(error)))
        else:
            terminal.complain(f"{what} failed: {_name_error(error)}; --debug shows the traceback")

    @property
    def url(self) -> str:
        """Address of the page; whoever has it may read the run."""
        return f"{self.address}?{_TOKEN}={self.secret}"

    @property
    def address(self) -> str:
        """The same without the secret."""
        return f"http://{HOST}:{self.server_port}/"

    @property
    def cookie(self) -> str:
        """What a browser sends once it was at `url`; cookies know no ports, so the name has it."""
        return f"{self.cookie_name}={self.secret}"

    @property
    def cookie_name(self) -> str:
        """Name of the cookie."""
        return f"ionbox-{self.server_port}"

    def knows(self, secret: str) -> bool:
        """Say whether a request has the secret, in a time that does not tell how nearly."""
        return hmac.compare_digest(secret.encode(errors="replace"), self.secret.encode())


def own_names(port: int) -> set[str]:
    """Return the values of the ``Host`` header with which browsers ask a viewer at a port."""
    names = (HOST, "localhost")
    return {f"{name}:{port}" for name in names} | set(names if port == _HTTP_PORT else ())


class _Handler(BaseHTTPRequestHandler):
    server: Viewer
    timeout = 30  # for reading a request, not for answering it
    protocol_version = "HTTP/1.1"
    server_version = f"ionbox/{__version__}"
    sys_version = ""

    def do_GET(self) -> None:
        try:
            response = self._respond()
        except Unanswerable as error:
            response = _refusal(error.status, str(error))
        except TransientError as error:
            response = _refusal(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}; try again")
        except InternalError as error:
            response = _refusal(HTTPStatus.NOT_FOUND, str(error))
        except OperateError as error:
            response = _refusal(HTTPStatus.BAD_GATEWAY, str(error))
        except Exception as error:  # noqa: BLE001 (the one place: the next request is answered)
            self.server.complain(f"{self.command} {self.path[:200]!r}", error)
            response = _refusal(HTTPStatus.INTERNAL_SERVER_ERROR, _name_error(error))
        self._send(response)

    def do_HEAD(self) -> None:
        self.do_GET()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what cannot be a request for us, in plain text.

        The base class calls this, also for a method that has no ``do_…`` here; its own answer
        would be a page of HTML.
        """
        status = HTTPStatus(code)
        headers = {"Connection": "close"}  # what follows may be the body that was not read
        if status == HTTPStatus.NOT_IMPLEMENTED:
            status, message = HTTPStatus.METHOD_NOT_ALLOWED, f"only {_METHODS} are answered"
            headers["Allow"] = _METHODS
        self.close_connection = True
        text = f"{message or status.phrase}\n".encode(errors="replace")
        self._send(Response(text, "text/plain; charset=utf-8", status, headers))

    def _find_stranger(self) -> str:
        """Return why a request does not come from our page or the address bar; empty if it does."""
        if self.headers.get("Host", "").lower() not in self.server.hosts:
            return f"this viewer answers at {self.server.address} only"
        origin = self.headers.get("Origin")
        if origin is not None and _split(origin).netloc.lower() not in self.server.hosts:
            return "this viewer answers its own page only"
        if self.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
            return "this viewer answers its own page only; type its address into the browser"
        return ""

    def _respond(self) -> Response:
        stranger = self._find_stranger()
        if stranger:
            return _refusal(HTTPStatus.FORBIDDEN, stranger)
        address = _split(self.path)
        if not any(map(self.server.knows, (*self._tokens(address.query), *self._cookies()))):
            return _refusal(HTTPStatus.FORBIDDEN, "open the address that 'ionbox view' printed")
        with plain_errors():
            self.server.run.require_unchanged()
            return self._answer(address.path, address.query)

    def _tokens(self, query: str) -> list[str]:
        return parse_qs(query).get(_TOKEN, [])

    def _cookies(self) -> list[str]:
        cookies = SimpleCookie()
        try:
            cookies.load(self.headers.get("Cookie", ""))
        except CookieError:
            return []
        found = cookies.get(self.server.cookie_name)
        return [found.value] if found else []

    def _answer(self, path: str, query: str) -> Response:
        if path == "/":
            headers = {
                "Content-Security-Policy": self.server.policy,
                "Set-Cookie": f"{self.server.cookie}; Path=/; HttpOnly; SameSite=Strict",
            }
            return Response(self.server.page, "text/html; charset=utf-8", headers=headers)
        parts = path.split("/")
        if len(parts) > 2 and parts[1] == "api" and parts[2] in _QUESTIONS:
            given = {name: values[-1] for name, values in parse_qs(query).items()}
            with self.server.turns:
                return _QUESTIONS[parts[2]](self.server.run, parts[3:], given)
        raise NotFound(f"there is nothing at {path[:200]}")

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        for name, value in {**_HEADERS, **response.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: the base class would print a line per request below the address."""


# --- questions ---
#
# Each takes what follows /api/<question>/ in the path, and the query's last value by name.


def _run(run: RunReader, path: list[str], query: Query) -> Response:
    _expect_parts(path, 0)
    return _json(run.describe())


def _tic(run: RunReader, path: list[str], query: Query) -> Response:
    _expect_parts(path, 0)
    # sums in float64 may be larger than float32 can hold
    tic = np.minimum(make_finite(run.images.tic), np.finfo(np.float32).max)
    return _floats(tic.astype(np.float32))


def _mask(run: RunReader, path: list[str], query: Query) -> Response:
    _expect_parts(path, 0)
    return _floats(run.images.mask.astype(np.float32))


def _image(run: RunReader, path: list[str], query: Query) -> Response:
    _expect_parts(path, 2)
    row, isotope = (_whole("image", part) for part in path)
    return _floats(run.images.read_image(row, isotope))


def _any_mz(run: RunReader, path: list[str], query: Query) -> Response:
    _expect_parts(path, 0)
    ppm = _number("ppm", query) if query.get("ppm") else None
    return _floats(run.mz_image(_number("mz", query), ppm))


def _spectrum(run: RunReader, path: list[str], query: Query) -> Response:
    _expect_parts(path, 0)
    x, y = (_whole(name, query.get(name, "")) for name in ("x", "y"))
    found = run.spectrum(x, y)
    return _json(
        {
            "x": x,
            "y": y,
            "nSpectra": found.n_spectra,
            "mz": found.mz.tolist(),
            "intensity": [
                value if math.isfinite(value) else None for value in found.intensity.tolist()
            ],
        }
    )


def _why(run: RunReader, path: list[str], query: Query) -> Response:
    _expect_parts(path, 0)
    names = ("formula", "adduct", "neutralLoss", "chemMod", "database")
    formula, adduct, loss, chem_mod, database = (query.get(name, "") for name in names)
    return _json({"answers": run.why(formula, adduct or None, loss, chem_mod, database)})


_QUESTIONS: dict[str, Callable[[RunReader, list[str], Query], Response]] = {
    "run": _run,
    "tic": _tic,
    "mask": _mask,
    "image": _image,
    "anymz": _any_mz,
    "spectrum": _spectrum,
    "why": _why,
}


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        raise BadQuestion(f"'{address[:200]}' is no address") from None


def _expect_parts(path: list[str], n: int) -> None:
    if len(path) != n:
        raise NotFound("there is nothing at this address")


def _number(name: str, query: Query) -> float:
    try:
        return float(query.get(name, ""))
    except ValueError:
        raise BadQuestion(f"{name}: expected a number, got '{query.get(name, '')}'") from None


def _whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise BadQuestion(f"{name}: expected a whole number, got '{text}'")
    return int(text)


def _json(value: Any) -> Response:
    return Response(json.dumps(value, separators=(",", ":"), allow_nan=False).encode())


def _floats(image: npt.NDArray[np.float32]) -> Response:
    height, width = image.shape
    headers = {"X-Image-Width": str(width), "X-Image-Height": str(height)}
    body = np.ascontiguousarray(make_finite(image), "<f4").tobytes()
    return Response(body, "application/octet-stream", headers=headers)


def _refusal(status: HTTPStatus, sentence: str) -> Response:
    return Response(json.dumps({"error": sentence}).encode(), status=status)


def _name_error(error: Exception) -> str:
    """Return an unexpected error as one line: its class and text."""
    return " ".join(f"{type(error).__name__}: {error}".split())
