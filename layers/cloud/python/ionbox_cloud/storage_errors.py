"""What storage answers when it does not do as asked, in the words of `ionbox_cloud.errors`."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from ionbox_cloud.errors import AccessDenied, MissingObject, StoreUnavailable

# What errors that stay look like in the library's texts.
_LASTING = {
    "(os error 13)": "no permission",
    "(os error 28)": "the disk is full",
    "(os error 30)": "the disk is read-only",
    "AccessDenied": "no permission",
    "NoSuchBucket": "there is no such bucket",
}

_CODE = re.compile(r"<Code>(\w+)</Code>")


@contextlib.contextmanager
def named_errors(key: str) -> Iterator[None]:
    """Turn the library's errors into ours, with the key in the message.

    Raises
    ------
    MissingObject
        If there is no such object.
    AccessDenied
        If storage refuses, and will again.
    StoreUnavailable
        If it did not answer properly.
    """
    try:
        yield
    except (AlreadyExistsError, PreconditionError):
        raise  # an answer, which `create` asked for
    except (BaseError, FileNotFoundError) as error:
        raise _translate(error, key) from error


def _translate(error: Exception, key: str) -> MissingObject | AccessDenied | StoreUnavailable:
    text, code = str(error), _read_code(error)
    if isinstance(error, FileNotFoundError) and code != "NoSuchBucket":
        return MissingObject(f"no object '{key}'", key)
    for sign, reason in _LASTING.items():
        if sign in text:
            return AccessDenied(f"object '{key}': {reason}", code)
    first_line = text.split("\n", 1)[0].partition(": <?xml")[0]
    return StoreUnavailable(f"object '{key}': {first_line}", code)


def _read_code(error: Exception) -> str:
    """Return S3's word for an error; empty if it gives none."""
    found = _CODE.search(str(error))
    if found:
        return found[1]
    if isinstance(error, PermissionDeniedError):
        return "Forbidden"  # an answer to HEAD has a number only
    return "Unauthenticated" if isinstance(error, UnauthenticatedError) else ""
