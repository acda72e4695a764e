"""Reading and writing objects: the same calls on S3, a local folder and memory.

Handlers get three stores (`Stores`): the inbox, work and results buckets, or folders of these names
on one machine. Keys come from `ionbox_cloud.keys`. Writes are atomic: an object is there whole or
not at all, so an object that is there is a finished one. Nothing else in ionbox touches storage.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import MemoryStore, ObjectStore, from_url

from ionbox_cloud.errors import AccessDenied, MissingObject, StoreUnavailable, UnsafeKey
from ionbox_cloud.published import IMAGES
from ionbox_cloud.settings import Settings

if TYPE_CHECKING:
    import boto3
    from obstore import GetResult

_MEMORY = "memory:"
_S3 = "s3:"
_FILE = "file://"

_SLICE_BYTES = 8 << 20  # of a buffer that is written; a slice is copied on its way, a buffer is not

_PIECE_BYTES = 1 << 20  # of a download, for a progress bar that moves

_READ_AT_ONCE = 32  # small objects: the time is in waiting

_SILENCE = timedelta(minutes=1)
"""How long a person's connection may bring nothing; as long as it brings something it is waited
for, because lines are slow and files large."""

_LONGEST_ANSWER = timedelta(days=1)

# A run takes a day at most; storage removes objects some time after they expire, never before.
_LONGEST_USE = timedelta(days=2)

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

_CODE = re.compile(r"<Code>(\w+)</Code>")

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class ObjectFacts:
    """What storage says of an object.

    Attributes
    ----------
    n_bytes : int
        Size of the object, bytes.
    etag : str
        Changes with the content.
    version : str
        Changes with every write, also of the same content: the version's id, or in a bucket
        without versions the time of the write.
    """

    n_bytes: int
    etag: str
    version: str


class Store:
    """One bucket or folder, whose objects have keys and bytes.

    Every method that asks storage may raise `AccessDenied`, if storage refuses for good, and
    `StoreUnavailable`, if it does not answer properly; those that need an object raise
    `MissingObject` if there is none.

    Parameters
    ----------
    objects : ObjectStore
        The obstore store that does the work.
    url : str
        Its address, as for `open`.
    expiry_days : int
        The age in days at which storage removes what is kept to be used again; 0 for never.
    access : mapping
        Credentials, region and endpoint, if not those of the environment; kept to open a part of
        the bucket with, too.
    create : bool
        Whether missing folders are made; callers that only read want none.
    """

    def __init__(
        self,
        objects: ObjectStore,
        url: str = _MEMORY,
        expiry_days: int = 0,
        access: Mapping[str, Any] | None = None,
        *,
        create: bool = True,
    ) -> None:
        self._objects = objects
        self.url = url
        self._expiry_days = expiry_days
        self._access = access or {}
        self._create = create
        self._folders: dict[str, MemoryStore] = {}

    @classmethod
    def open(cls, url: str, expiry_days: int = 0, *, create: bool = True) -> Store:
        """Open ``s3://bucket``, ``file:///folder`` (made if absent) or ``memory://``.

        Callers that only read say ``create=False``: then no folder is ever made.

        Raises
        ------
        MissingObject
            If there is no such folder, and none is to be made.
        """
        if url.startswith(_MEMORY):
            return cls(MemoryStore(), url, expiry_days)
        if url.startswith("file:"):
            return cls(_open_folder(url, create=create), url, expiry_days, create=create)
        return cls(from_url(url), url, expiry_days)

    @classmethod
    def open_bucket(cls, url: str, session: boto3.Session, endpoint: str | None = None) -> Store:
        """Open ``s3://bucket`` with a person's login instead of the environment's.

        Parameters
        ----------
        url : str
            Address of the bucket.
        session : boto3.Session
            Has the person's credentials, and the region.
        endpoint : str or None
            URL of a service that stands for S3, for tests; None for S3.
        """
        from obstore.auth.boto3 import Boto3CredentialProvider

        access: dict[str, Any] = {"credential_provider": Boto3CredentialProvider(session)}
        access["config"] = {"region": session.region_name} if session.region_name else {}
        access["client_options"] = {"read_timeout": _SILENCE, "timeout": _LONGEST_ANSWER}
        if endpoint is not None:
            access["config"] |= {"endpoint": endpoint, "virtual_hosted_style_request": False}
            access["client_options"] |= {"allow_http": endpoint.startswith("http:")}
        return cls(from_url(url, **access), url, access=access)

    @property
    def is_remote(self) -> bool:
        """Whether it is a bucket, not a folder or memory."""
        return self.url.startswith("s3:")

    def objects_below(self, folder: str) -> ObjectStore:
        """Open a folder as an obstore store of its own, for libraries that speak it (zarr).

        In memory, what such a library writes is not seen through this store: obstore cannot open
        part of a memory store.
        """
        if self.url.startswith(_MEMORY):
            return self._folders.setdefault(folder, MemoryStore())
        url = f"{self.url}/{folder}"
        if self._access:
            return from_url(url, **self._access)
        return Store.open(url, create=self._create)._objects

    def read(self, key: str) -> bytes:
        """Read a whole object.

        Raises
        ------
        MissingObject
            If there is none.
        """
        with _named_errors(key):
            return bytes(obstore.get(self._objects, key).bytes())

    def read_if_there(self, key: str) -> bytes | None:
        """Read a whole object, None if there is none."""
        try:
            return self.read(key)
        except MissingObject:
            return None

    def download(self, key: str, path: Path, tell: Callable[[int], None]) -> None:
        """Copy an object to a file, a piece at a time.

        Parameters
        ----------
        key : str
            Key of the object.
        path : Path
            The file, which is replaced.
        tell : callable
            Is told the number of bytes of each piece that arrived.

        Raises
        ------
        MissingObject
            If there is no object; then no file is made.
        """
        with _named_errors(key):
            found = obstore.get(self._objects, key)
        with path.open("wb") as file:
            for piece in _pieces(found, key):
                file.write(piece)
                tell(len(piece))

    def read_range(self, key: str, offset: int, n_bytes: int) -> memoryview:
        """Read ``n_bytes`` from ``offset``, both in bytes; no copy is made.

        Raises
        ------
        MissingObject
            If there is no object, or it ends before ``offset``.
        """
        if n_bytes == 0:  # HTTP has no range without bytes
            return memoryview(b"")
        with _named_errors(key), self._long_enough(key, offset):
            return memoryview(obstore.get_range(self._objects, key, start=offset, length=n_bytes))

    @contextlib.contextmanager
    def _long_enough(self, key: str, offset: int) -> Iterator[None]:
        """Tell an object that ends before an offset from storage that does not answer.

        Both are one error to the library, but only the second is worth a retry.
        """
        try:
            yield
        except BaseError:
            facts = self.facts(key)
            if facts is not None and facts.n_bytes <= offset:
                raise MissingObject(
                    f"object '{key}' has {facts.n_bytes} bytes, none from {offset} on"
                ) from None
            raise

    def write(self, key: str, data: bytes | Sequence[memoryview]) -> None:
        """Write an object, given whole or in consecutive pieces; replaces what was there."""
        with _named_errors(key, self.url):
            if isinstance(data, bytes):
                obstore.put(self._objects, key, data)
            else:
                obstore.put(self._objects, key, _cut(data))

    def create(self, key: str, data: bytes) -> bool:
        """Write an object unless it exists; say whether it was written.

        A conditional put: of several callers at once, exactly one gets True.
        """
        try:
            with _named_errors(key, self.url):
                obstore.put(self._objects, key, data, mode="create")
        except (AlreadyExistsError, PreconditionError):
            return False
        return True

    def facts(self, key: str) -> ObjectFacts | None:
        """Return size and tag of an object, None if there is none."""
        try:
            with _named_errors(key):
                meta = obstore.head(self._objects, key)
        except MissingObject:
            return None
        # only the inbox keeps versions; elsewhere the time of the write has to do
        version = meta["version"] or meta["last_modified"].isoformat()
        return ObjectFacts(meta["size"], meta["e_tag"] or "", version)

    def exists(self, key: str) -> bool:
        """Say whether there is an object."""
        return self.facts(key) is not None

    def list_beginning(self, start: str) -> list[str]:
        """Return the keys that begin with a text and go on, sorted; cheap whatever else there is.

        ``start`` need not end at a folder. The library lists folders only, so this lists a folder
        from ``start`` on and stops where keys begin otherwise.
        """
        folder = start.rpartition("/")[0]
        found: list[str] = []
        with _named_errors(start):
            for batch in obstore.list(self._objects, folder or None, offset=start):
                here = [meta["path"] for meta in batch if meta["path"].startswith(start)]
                found += here
                if len(here) < len(batch) and self.url.startswith(_S3):
                    break  # S3 lists in order: what follows begins otherwise
        return sorted(found)

    def list_folder(self, folder: str) -> list[str]:
        """Return the keys in a folder, but not those in its folders, sorted."""
        with _named_errors(folder):
            found = obstore.list_with_delimiter(self._objects, folder.rstrip("/") or None)
            return sorted(meta["path"] for meta in found["objects"])

    def list(self, prefix: str) -> list[str]:
        """Return the keys below a prefix (a folder), sorted."""
        with _named_errors(prefix):
            found = obstore.list(self._objects, prefix.rstrip("/"))
            return sorted(meta["path"] for batch in found for meta in batch)

    def sizes(self, prefix: str) -> dict[str, int]:
        """Return the size in bytes of each object below a prefix (a folder), by key, sorted."""
        with _named_errors(prefix):
            found = obstore.list(self._objects, prefix.rstrip("/"))
            return dict(sorted((meta["path"], meta["size"]) for batch in found for meta in batch))

    def list_lasting(self, prefix: str) -> set[str]:
        """Return the keys below a prefix of objects that will still be there after any run.

        Lifecycle rules remove objects one by one, by age. What would be removed while a run uses it
        counts as absent; it is then made again, and so renewed.
        """
        with _named_errors(prefix):
            found = obstore.list(self._objects, prefix.rstrip("/"))
            objects = (meta for batch in found for meta in batch)
            return {meta["path"] for meta in objects if self._lasts(meta["last_modified"])}

    def _lasts(self, written: datetime) -> bool:
        if not self._expiry_days:
            return True
        age = datetime.now(UTC) - written
        return age < timedelta(days=self._expiry_days) - _LONGEST_USE

    def read_json(self, key: str) -> Any:
        """Read an object and parse it as JSON."""
        return json.loads(self.read(key))

    def read_json_if_whole(self, key: str) -> Any:
        """Read a JSON object; None if there is none, or it is only half written."""
        data = self.read_if_there(key)
        try:
            return None if data is None else json.loads(data)
        except ValueError:
            return None

    def read_many_json(self, keys: Sequence[str]) -> Sequence[Any]:
        """Read many objects at once as `read_json_if_whole` does, in the order of their keys."""
        with ThreadPoolExecutor(_READ_AT_ONCE) as threads:
            return list(threads.map(self.read_json_if_whole, keys))

    def write_json(self, key: str, value: Any) -> None:
        """Write a value as JSON, laid out for people; see `encode_json`."""
        self.write(key, encode_json(value))

    def read_arrays(self, key: str) -> Arrays:
        """Read what `write_arrays` wrote: a name → array mapping."""
        # never pickles: reading one runs what is in it
        with np.load(io.BytesIO(self.read(key)), allow_pickle=False) as archive:
            return dict(archive)

    def write_arrays(
        self, key: str, arrays: Mapping[str, npt.NDArray[Any]], *, compressed: bool = False
    ) -> None:
        """Write named arrays as one ``.npz`` object; equal arrays make equal bytes."""
        buffer = io.BytesIO()
        save = np.savez_compressed if compressed else np.savez
        save(buffer, allow_pickle=False, **arrays)
        self.write(key, buffer.getvalue())


@dataclass(frozen=True)
class Stores:
    """The three places objects live: inbox, work and results; see `Settings`."""

    inbox: Store
    work: Store
    results: Store

    @classmethod
    def open(cls, settings: Settings) -> Stores:
        """Open inbox, work and results as the settings say; folders that are absent are made."""
        return cls(
            Store.open(settings.inbox_url),
            Store.open(settings.work_url, settings.work_expiry_days),
            Store.open(settings.results_url, settings.segments_expiry_days),
        )


@functools.cache
def open_stores(settings: Settings) -> Stores:
    """Open the stores once per process: connections are kept from call to call."""
    return Stores.open(settings)


def encode_json(value: Any) -> bytes:
    """Write a value as JSON with sorted keys, so that equal values make equal bytes."""
    return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def _open_folder(url: str, *, create: bool) -> ObjectStore:
    try:
        return from_url(url, automatic_cleanup=True, mkdir=create)
    except BaseError as error:
        if create:
            raise
        raise MissingObject(f"there is no folder {url}") from error


def _pieces(found: GetResult, key: str) -> Iterator[memoryview]:
    with _named_errors(key):
        for piece in found.stream(min_chunk_size=_PIECE_BYTES):
            yield memoryview(piece)


def _cut(pieces: Sequence[memoryview]) -> Iterator[memoryview]:
    """Cut buffers into slices that are written without ever copying a whole buffer."""
    for piece in pieces:
        for start in range(0, len(piece), _SLICE_BYTES):
            yield piece[start : start + _SLICE_BYTES]


@contextlib.contextmanager
def _named_errors(key: str, url: str = "") -> Iterator[None]:
    """Turn the library's errors into ours, with the key in the message and a folder's path."""
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


def _translate(
    error: Exception, key: str, url: str
) -> MissingObject | AccessDenied | StoreUnavailable | UnsafeKey:
    text, code = str(error), _read_code(error)
    if isinstance(error, FileNotFoundError) and code != "NoSuchBucket":
        return MissingObject(f"no object '{key}'")
    for sign, reason in _LASTING.items():
        if sign in text:
            folder = f" in {url.removeprefix(_FILE)}" if url.startswith(_FILE) else ""
            return AccessDenied(f"object '{key}'{folder}: {reason}", code)
    first_line = text.split("\n", 1)[0].partition(": <?xml")[0]
    if _FOUND_NO_PATH in first_line:
        return UnsafeKey(f"'{key}': {first_line}; delete it, it is none of ours")
    return StoreUnavailable(f"object '{key}': {first_line}", code)


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


def _read_code(error: Exception) -> str:
    """Return S3's word for an error; empty if it gives none."""
    found = _CODE.search(str(error))
    if found:
        return found[1]
    if isinstance(error, PermissionDeniedError):
        return "Forbidden"  # an answer to HEAD has a number only
    return "Unauthenticated" if isinstance(error, UnauthenticatedError) else ""
