"""Objects as bytes, in S3, in a local folder or in memory: opening, reading, writing, listing.

`ionbox_cloud.store.Store` is this with JSON and arrays on top, and is what everybody uses.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import MemoryStore, ObjectStore, from_url

from ionbox_cloud.errors import MissingObject
from ionbox_cloud.storage.folder_files import FolderFiles
from ionbox_cloud.storage.object_head import ObjectHead, ask_s3
from ionbox_cloud.storage.side_by_side import AT_ONCE
from ionbox_cloud.storage.storage_errors import named_errors

if TYPE_CHECKING:
    import boto3
    from obstore import GetResult

_MEMORY = "memory:"
_S3 = "s3:"
_FILE = "file:"

_SLICE_BYTES = 8 << 20  # of a buffer that is written; a slice is copied on its way, a buffer is not

_WHOLE_BYTES = 16 << 20
"""Up to this size an object is written in one request, and a larger one in parts of this size. That
takes three requests one after the other: that it begins, parts at once, that it is complete."""

_PARTS_AT_ONCE = 4  # of what is written in parts; they are in memory once more

_PIECE_BYTES = 1 << 20  # of a download, for a progress bar that moves

_SILENCE = timedelta(minutes=1)
"""How long a person's connection may bring nothing; as long as it brings something it is waited
for, because lines are slow and files large."""

_LONGEST_ANSWER = timedelta(days=1)

# A run takes a day at most; storage removes objects some time after they expire, never before.
_LONGEST_USE = timedelta(days=2)


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


class ByteStore:
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
        self._files = FolderFiles(url) if url.startswith(_FILE) else None

    @classmethod
    def open(cls, url: str, expiry_days: int = 0, *, create: bool = True) -> Self:
        """Open ``s3://bucket``, ``file:///folder`` (made if absent) or ``memory://``.

        Callers that only read say ``create=False``: then no folder is ever made.

        Raises
        ------
        MissingObject
            If there is no such folder, and none is to be made.
        """
        if url.startswith(_MEMORY):
            return cls(MemoryStore(), url, expiry_days)
        if url.startswith(_FILE):
            return cls(_open_folder(url, create=create), url, expiry_days, create=create)
        # with its checksum each object is stored: `has_content` asks for it
        return cls(from_url(url, config={"checksum_algorithm": "SHA256"}), url, expiry_days)

    @classmethod
    def open_bucket(cls, url: str, session: boto3.Session, endpoint: str | None = None) -> Self:
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

    @property
    def at_once(self) -> int:
        """Requests that are worth making at once: many to a bucket, one to a folder or memory."""
        return AT_ONCE if self.is_remote else 1

    def objects_below(self, folder: str) -> ObjectStore:
        """Open a folder as an obstore store of its own, for libraries that speak it (zarr).

        In memory it is a copy: what such a library writes is not seen through this store, because
        obstore cannot open part of a memory store.
        """
        if self.url.startswith(_MEMORY):
            part = self._folders.setdefault(folder, MemoryStore())
            for key in self.list(folder):
                obstore.put(part, key.removeprefix(f"{folder}/"), self.read(key))
            return part
        url = f"{self.url}/{folder}"
        if self._access:
            return from_url(url, **self._access)
        return type(self).open(url, create=self._create)._objects

    def read(self, key: str) -> bytes:
        """Read a whole object.

        Raises
        ------
        MissingObject
            If there is none.
        """
        return bytes(self.read_view(key))

    def read_view(self, key: str) -> memoryview:
        """Read a whole object as `read` does, without a copy of its own."""
        found = self._files.read(key) if self._files else None
        if found is not None:
            return found
        with named_errors(key):
            return memoryview(obstore.get(self._objects, key).bytes())

    def read_large(self, key: str) -> bytes:
        """Read a whole object that there is memory for once only; `read` has it twice meanwhile.

        Raises
        ------
        MissingObject
            If there is none.
        """
        there = self._files.read(key) if self._files else None
        if there is not None and isinstance(there.obj, bytes):
            return there.obj
        with named_errors(key):
            found = obstore.get(self._objects, key)
        buffer = io.BytesIO()  # grows in place, and gives its bytes away without a copy
        for piece in _pieces(found, key):
            buffer.write(piece)
        return buffer.getvalue()

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
        with named_errors(key):
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
        found = self._files.read(key, offset, n_bytes) if self._files else None
        if found is not None:
            return found
        with named_errors(key), self._long_enough(key, offset):
            return memoryview(obstore.get_range(self._objects, key, start=offset, length=n_bytes))

    def map_range(self, key: str, offset: int, n_bytes: int) -> memoryview:
        """Return what `read_range` does; bytes of a file are read as they are looked at.

        For objects that are written once and removed, and nothing else: see `FolderFiles.map`.
        """
        found = self._files.map(key, offset, n_bytes) if self._files and n_bytes else None
        return self.read_range(key, offset, n_bytes) if found is None else found

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
                    f"object '{key}' has {facts.n_bytes} bytes, none from {offset} on", key
                ) from None
            raise

    def write(self, key: str, data: bytes | Sequence[memoryview]) -> None:
        """Write an object, given whole or in consecutive pieces; replaces what was there."""
        if self._files and self._files.write(key, [data] if isinstance(data, bytes) else data):
            return
        content: bytes | Iterator[memoryview]
        if isinstance(data, bytes):
            content = data
        elif sum(piece.nbytes for piece in data) <= _WHOLE_BYTES:
            content = b"".join(data)
        else:
            content = _cut(data)
        with named_errors(key, self.url):
            obstore.put(
                self._objects,
                key,
                content,
                chunk_size=_WHOLE_BYTES,
                max_concurrency=_PARTS_AT_ONCE,
            )

    def write_whole(self, key: str, data: memoryview) -> None:
        """Write an object of one piece in one request: only then S3 keeps its whole checksum."""
        if self._files and self._files.write(key, [data]):
            return
        with named_errors(key, self.url):
            obstore.put(self._objects, key, data, use_multipart=False)

    def has_content(self, key: str, n_bytes: int, sha256: str) -> bool:
        """Say whether there is an object of this size and checksum.

        Parameters
        ----------
        key : str
            Key of the object.
        n_bytes : int
            Expected size, bytes.
        sha256 : str
            Expected SHA-256, hex digits.

        Notes
        -----
        S3 keeps the checksum it was given with an object, and compared it then: it is asked. Of an
        object that was uploaded in parts it has only those of the parts; that one is read, as
        objects elsewhere are.
        """
        facts = self.facts(key)
        if facts is None or facts.n_bytes != n_bytes:
            return False
        in_one_piece = "-" not in facts.etag
        head = self.ask_head(key) if in_one_piece else None
        known = head.checksums.get("sha256", "") if head is not None else ""
        return (known or self._digest(key)) == sha256

    def ask_head(self, key: str) -> ObjectHead | None:
        """Return what S3 keeps with an object; None of a store that is no bucket."""
        return ask_s3(self.url, key) if self.is_remote else None

    def _digest(self, key: str) -> str:
        digest = hashlib.sha256()
        with named_errors(key):
            found = obstore.get(self._objects, key)
        for piece in _pieces(found, key):
            digest.update(piece)
        return digest.hexdigest()

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; those that are not there are none to remove."""
        for key in keys:
            with contextlib.suppress(MissingObject), named_errors(key):
                obstore.delete(self._objects, key)

    def create(self, key: str, data: bytes) -> bool:
        """Write an object unless it exists; say whether it was written.

        A conditional put: of several callers at once, exactly one gets True.
        """
        try:
            with named_errors(key, self.url):
                obstore.put(self._objects, key, data, mode="create")
        except (AlreadyExistsError, PreconditionError):
            return False
        return True

    def facts(self, key: str) -> ObjectFacts | None:
        """Return size and tag of an object, None if there is none."""
        try:
            with named_errors(key):
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
        with named_errors(start):
            for batch in obstore.list(self._objects, folder or None, offset=start):
                here = [meta["path"] for meta in batch if meta["path"].startswith(start)]
                found += here
                if len(here) < len(batch) and self.url.startswith(_S3):
                    break  # S3 lists in order: what follows begins otherwise
        return sorted(found)

    def list_folder(self, folder: str) -> list[str]:
        """Return the keys in a folder, but not those in its folders, sorted."""
        with named_errors(folder):
            found = obstore.list_with_delimiter(self._objects, folder.rstrip("/") or None)
            return sorted(meta["path"] for meta in found["objects"])

    def list(self, prefix: str) -> list[str]:
        """Return the keys below a prefix (a folder), sorted."""
        with named_errors(prefix):
            found = obstore.list(self._objects, prefix.rstrip("/"))
            return sorted(meta["path"] for batch in found for meta in batch)

    def sizes(self, prefix: str) -> dict[str, int]:
        """Return the size in bytes of each object below a prefix (a folder), by key, sorted."""
        with named_errors(prefix):
            found = obstore.list(self._objects, prefix.rstrip("/"))
            return dict(sorted((meta["path"], meta["size"]) for batch in found for meta in batch))

    def list_lasting(self, prefix: str) -> set[str]:
        """Return the keys below a prefix of objects that will still be there after any run.

        Lifecycle rules remove objects one by one, by age. What would be removed while a run uses it
        counts as absent; it is then made again, and so renewed.
        """
        with named_errors(prefix):
            found = obstore.list(self._objects, prefix.rstrip("/"))
            objects = (meta for batch in found for meta in batch)
            return {meta["path"] for meta in objects if self._lasts(meta["last_modified"])}

    def _lasts(self, written: datetime) -> bool:
        if not self._expiry_days:
            return True
        age = datetime.now(UTC) - written
        return age < timedelta(days=self._expiry_days) - _LONGEST_USE


def _open_folder(url: str, *, create: bool) -> ObjectStore:
    try:
        return from_url(url, automatic_cleanup=True, mkdir=create)
    except BaseError as error:
        if create:
            raise
        raise MissingObject(f"there is no folder {url}") from error


def _pieces(found: GetResult, key: str) -> Iterator[memoryview]:
    with named_errors(key):
        for piece in found.stream(min_chunk_size=_PIECE_BYTES):
            yield memoryview(piece)


def _cut(pieces: Sequence[memoryview]) -> Iterator[memoryview]:
    """Cut buffers into slices that are written without ever copying a whole buffer."""
    for piece in pieces:
        for start in range(0, len(piece), _SLICE_BYTES):
            yield piece[start : start + _SLICE_BYTES]
