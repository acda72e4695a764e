"""What storage answers when it does not do as asked, in the words of `ionbox_cloud.errors`."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from ionbox_cloud.errors import AccessDenied, MissingObject, StoreUnavailable, UnsafeKey
from ionbox_cloud.published import IMAGES

# What errors that stay look like in the library's texts.
_LASTING = {
    "(os error 13)": "no permission",
    "(os error 27)": "the file would be larger than this system allows",
    "(os error 28)": "the disk is full",
    "(os error 122)": "the disk quota is used up",
    "(os error 30)": "the disk is read-only",
    "AccessDenied": "no permission",
    "NoSuchBucket": "there is no such bucket",
}

# What the library says of keys with .. or // in them: to be read, and found in a bucket.
_NO_PATH = "Could not parse path"
_FOUND_NO_PATH = "object with invalid path"
_FILE = "file://"

_CODE = re.compile(r"<Code>(\w+)</Code>")


@contextlib.contextmanager
def named_errors(key: str, url: str = "") -> Iterator[None]:
    """Turn the library's errors into ours, with the key in the message and a folder's path.

    Raises
    ------
    MissingObject
        If there is no such object.
    AccessDenied
        If storage refuses, and will again.
    StoreUnavailable
        If it did not answer properly.
    UnsafeKey
        If no object can have such a key.
    """
    try:
        yield
    except (AlreadyExistsError, PreconditionError):
        raise  # an answer, which `create` asked for
    except (BaseError, FileNotFoundError) as error:
        raise _translate(error, key, url) from error
    except ValueError as error:
        if _NO_PATH not in str(error):
            raise
        raise UnsafeKey(f"no object can be {key!r}") from error


@contextlib.contextmanager
def lasting_errors() -> Iterator[None]:
    """Raise `AccessDenied` where a disk is full or read-only, whatever library wrote to it.

    zarr, for one, hands on the errors of its store, and those of scratch files are Python's.
    """
    try:
        yield
    except BaseError as error:
        if not any(sign in str(error) for sign in _LASTING):
            raise
        raise _translate(error, IMAGES, "") from error
    except OSError as error:
        reason = _LASTING.get(f"(os error {error.errno})")
        if reason is None:
            raise
        path = error.filename or f"a temporary file in {tempfile.gettempdir()}"
        raise AccessDenied(f"{path}: {reason}") from error


def _translate(
    error: Exception, key: str, url: str
) -> MissingObject | AccessDenied | StoreUnavailable | UnsafeKey:
    text, code = str(error), _read_code(error)
    if isinstance(error, FileNotFoundError) and code != "NoSuchBucket":
        return MissingObject(f"no object '{key}'", key)
    for sign, reason in _LASTING.items():
        if sign in text:
            folder = f" in {url.removeprefix(_FILE)}" if url.startswith(_FILE) else ""
            return AccessDenied(f"object '{key}'{folder}: {reason}", code)
    first_line = text.split("\n", 1)[0].partition(": <?xml")[0]
    if _FOUND_NO_PATH in first_line:
        return UnsafeKey(f"'{key}': {first_line}; delete it, it is none of ours")
    return StoreUnavailable(f"object '{key}': {first_line}", code)


def _read_code(error: Exception) -> str:
    """Return S3's word for an error; empty if it gives none."""
    found = _CODE.search(str(error))
    if found:
        return found[1]
    if isinstance(error, PermissionDeniedError):
        return "Forbidden"  # an answer to HEAD has a number only
    return "Unauthenticated" if isinstance(error, UnauthenticatedError) else ""
