"""Reading files of results: what is missing, cut short or foreign is said with the file's name.

`reading` is around every read of a file of the results, so that users see "run.json is damaged"
with what to do, not the error of a parser; `asking_storage` is around what asks storage for
anything else, so that a bucket that refuses is an error of `ionbox.errors`, too. `read_record` also
refuses runs of newer versions.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from ionbox_cloud.errors import DamagedObject, InvalidMessage, MissingObject, StorageError
from ionbox_cloud.published import RECORD
from ionbox_cloud.records.run_record import RunRecord
from ionbox_cloud.storage.storage_errors import named_errors
from ionbox_cloud.stored.file_records import PublishedFile
from ionbox_science.config import RunConfig

from ionbox.errors import DamagedResults, NoResults

_DAMAGE = (  # what JSON, numpy, pandas and zarr raise on files with broken content
    *(ValueError, KeyError, IndexError, TypeError, AttributeError, RuntimeError, EOFError),
    *(zipfile.BadZipFile, zlib.error, InvalidMessage, DamagedObject),
)


@contextlib.contextmanager
def asking_storage(name: str) -> Iterator[None]:
    """Turn errors of storage into those that scripts can catch.

    Parameters
    ----------
    name : str
        What is asked for in the block; errors that do not name their object name it.

    Raises
    ------
    UserMustAct
        If permissions, the login or the region must be corrected first.
    OperateError
        If storage did not answer; trying again may help.
    """
    try:
        with named_errors(name):
            yield
    except StorageError as error:
        from ionbox.account import translate  # boto3, which most runs on this machine do not need

        raise translate(error) from error


@contextlib.contextmanager
def reading(place: str, name: str) -> Iterator[None]:
    """Say which file of which results cannot be read.

    Parameters
    ----------
    place : str
        Path or URI of the results, for the message.
    name : str
        The file that is read in the block.

    Raises
    ------
    DamagedResults
        If the file is missing, or cannot be read as what it should be; fetch or annotate again.
    UserMustAct, OperateError
        If storage refuses or does not answer.
    """
    try:
        with asking_storage(name):
            yield
    except (MissingObject, FileNotFoundError):
        raise DamagedResults(f"{place} is not whole: {name} is missing") from None
    except DamagedResults:
        raise
    except _DAMAGE as error:
        why = f"no {error}" if isinstance(error, KeyError) else str(error).partition("\n")[0]
        raise DamagedResults(
            f"{place}: {name} is damaged ({why or type(error).__name__}); fetch or annotate again"
        ) from error


def require_listed(data: bytes, name: str, listed: Mapping[str, PublishedFile]) -> bytes:
    """Return a file's bytes if they are those that the run record lists.

    Parameters
    ----------
    data : bytes
        What was read.
    name : str
        Name of the file in the results.
    listed : mapping of str to PublishedFile
        The files that the run record lists, by name; of any other nothing is known.

    Raises
    ------
    DamagedObject
        If size or checksum are others; `reading` makes a sentence of it.
    """
    file = listed.get(name)
    if file is not None and hashlib.sha256(data).hexdigest() != file.sha256:
        raise DamagedObject(
            f"it has {len(data):,} bytes and {RECORD} lists {file.n_bytes:,}"
            if len(data) != file.n_bytes
            else f"its checksum is not the one that {RECORD} lists"
        )
    return data


def read_record(document: dict[str, Any], place: str) -> RunRecord:
    """Make the run record from what ``run.json`` holds.

    Parameters
    ----------
    document : dict
        The parsed ``run.json``.
    place : str
        Path or URI of the results, for the message.

    Raises
    ------
    DamagedResults
        If it is not a run record.
    NoResults
        If it has settings that this version does not know: a newer ionbox wrote it, so update.
    """
    with reading(place, RECORD):
        config, version = dict(document["config"]), str(document["versions"]["ionbox"])
        if config.keys() <= {field.name for field in dataclasses.fields(RunConfig)}:
            return RunRecord.from_json(document)
    raise NoResults(f"{place}: written by a newer ionbox ({version}); update")
