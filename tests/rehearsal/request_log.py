"""Every request that reaches the emulated account: who asked for what, and when.

Sits in front of moto's server. It can also answer requests of S3 late, so that one sees which of
them were asked one after the other.
"""

from __future__ import annotations

import io
import json
import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from moto.moto_server.werkzeug_app import DomainDispatcherApplication

STATE_MACHINE = "ak"
"""Key id with which moto's Step Functions signs what it asks for."""

_KEY_ID = re.compile(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/")


@dataclass(frozen=True)
class Request:
    """One request.

    Attributes
    ----------
    key_id : str
        What it was signed with: ``<logical id>.<number>`` for a sandbox.
    service : str
        As in the signature: ``s3``, ``sqs``, ``states`` …
    action : str
        Name of the API's action (``SendMessage``); of S3 and Lambda the method (``GET``).
    path, query : str
        Path, unquoted, and query.
    parameters : dict
        What a request says in its body; of S3 only ``Keys``, those that are deleted.
    started, ended : float
        Seconds on the monotonic clock; ``ended`` with all delay.
    """

    key_id: str
    service: str
    action: str
    path: str
    query: str
    parameters: dict[str, Any]
    started: float
    ended: float

    @property
    def principal(self) -> str:
        """Logical id of who asked."""
        return self.key_id.partition(".")[0]


class RequestLog:
    """Application in front of moto's, which remembers requests.

    Parameters
    ----------
    application : DomainDispatcherApplication
        moto's.
    """

    def __init__(self, application: DomainDispatcherApplication) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self.delay_s = 0.0

    @property
    def requests(self) -> list[Request]:
        """What was asked so far, in order of answers."""
        with self._lock:
            return list(self._requests)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        signed = _KEY_ID.search(environ.get("HTTP_AUTHORIZATION", ""))
        if signed is None:
            return self._answer(environ, start_response)
        started = time.monotonic()
        key_id, service = signed.groups()
        parameters: dict[str, Any] = {}
        if service == "s3" and self.delay_s and "." in key_id:
            time.sleep(self.delay_s)
        if service != "s3" or _deletes(environ):
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
            parameters = {"Keys": _DELETED.findall(body)} if service == "s3" else _parameters(body)
        try:
            return self._answer(environ, start_response)
        finally:
            request = Request(
                key_id,
                service,
                _action(environ, parameters),
                unquote_plus(environ["PATH_INFO"]),
                environ.get("QUERY_STRING", ""),
                parameters,
                started,
                time.monotonic(),
            )
            with self._lock:
                self._requests.append(request)

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answer: Iterable[bytes] = self._application(environ, start_response)
        return answer


_DELETED = re.compile(rb"<Key>([^<]+)</Key>")


def _deletes(environ: dict[str, Any]) -> bool:
    """Say whether a request of S3 deletes several objects; their keys are in its body."""
    return environ["REQUEST_METHOD"] == "POST" and "delete" in environ.get("QUERY_STRING", "")


def _parameters(body: bytes) -> dict[str, Any]:
    """Read what a request says, as JSON or as a form."""
    try:
        said = json.loads(body or b"{}")
    except ValueError:
        return {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
    return said if isinstance(said, dict) else {}


def _action(environ: dict[str, Any], parameters: dict[str, Any]) -> str:
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    return target.rpartition(".")[2] or str(parameters.get("Action") or environ["REQUEST_METHOD"])


def count_waves(requests: Iterable[Request]) -> int:
    """Return how many requests were asked one after the other: the longest chain.

    Each of a chain began when the one before it had ended.
    """
    waves, end = 0, float("-inf")
    for request in sorted(requests, key=lambda each: each.ended):
        if request.started >= end:
            waves, end = waves + 1, request.ended
    return waves
