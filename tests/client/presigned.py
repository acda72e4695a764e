"""Links to objects, followed as S3 follows them: moto serves the object but checks no signature.

Source of the check: "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)",
Amazon S3 API reference, 2026-11.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import urllib.request
from datetime import UTC, datetime, timedelta
from email.message import Message
from urllib.parse import parse_qsl, quote, urlsplit

from tests.patience import PATIENCE_S


class Forbidden(Exception):  # noqa: N818 (what S3 answers)
    """S3 would answer 403; says why."""


def follow(link: str, server: str, secret: str, when: datetime) -> tuple[bytes, Message]:
    """Return body and headers of what a presigned link leads to at a time.

    Raises
    ------
    Forbidden
        If it is not signed with the secret as it stands, or its time is over.
    """
    parts = urlsplit(link)
    query = dict(parse_qsl(parts.query, strict_parsing=True))
    signature = query.pop("X-Amz-Signature")
    signed_at = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if not hmac.compare_digest(signature, _sign(parts.netloc, parts.path, query, secret)):
        raise Forbidden("SignatureDoesNotMatch")
    if when > signed_at + timedelta(seconds=int(query["X-Amz-Expires"])):
        raise Forbidden("Request has expired")
    # the pretended S3 is elsewhere; it finds the bucket by the host that is asked for
    request = urllib.request.Request(
        f"{server}{parts.path}?{parts.query}", headers={"Host": parts.netloc}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return answer.read(), answer.headers


def _sign(host: str, path: str, query: dict[str, str], secret: str) -> str:
    day, region, service, end = query["X-Amz-Credential"].split("/")[1:]
    assert query["X-Amz-SignedHeaders"] == "host"
    sorted_query = "&".join(f"{quote(k, '')}={quote(v, '')}" for k, v in sorted(query.items()))
    canonical = f"GET\n{path}\n{sorted_query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
    scope = f"{day}/{region}/{service}/{end}"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{query['X-Amz-Date']}\n{scope}\n{hashed}"
    steps = (day, region, service, end)
    key = functools.reduce(_hmac, steps, f"AWS4{secret}".encode())
    return _hmac(key, text).hex()


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
