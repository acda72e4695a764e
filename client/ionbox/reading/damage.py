"""Reading files of results: what is missing, cut short or foreign is said with the file's name."""

from __future__ import annotations

import contextlib
import dataclasses
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from ionbox_cloud.errors import InvalidMessage, MissingObject
from ionbox_cloud.published import RECORD
from ionbox_cloud.run_record import RunRecord
from ionbox_science.config import RunConfig

from ionbox.errors import DamagedResults, NoResults

_DAMAGE = (  # what JSON, numpy, pandas and zarr raise on files that are not what they were
    *(ValueError, KeyError, IndexError, TypeError, AttributeError, RuntimeError, EOFError),
    *(zipfile.BadZipFile, zlib.error, InvalidMessage),
)


@contextlib.contextmanager
def reading(place: str, name: str) -> Iterator[None]:
    """Say which file of which results cannot be read.

    Parameters
    ----------
    place : str
        The results, as people know them.
    name : str
        The file that is read in the block.

    Raises
    ------
    DamagedResults
        If it is missing, or not what it should be.
    """
    try:
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


def read_record(document: dict[str, Any], place: str) -> RunRecord:
    """Read the run record.

    Parameters
    ----------
    document : dict
        What ``run.json`` holds.
    place : str
        The results, as people know them.

    Raises
    ------
    DamagedResults
        If it is no run record.
    NoResults
        If it has settings that this version does not know.
    """
    with reading(place, RECORD):
        version = str(document["versions"]["ionbox"])
        known = {field.name for field in dataclasses.fields(RunConfig)}
        if dict(document["config"]).keys() <= known:
            return RunRecord.from_json(document)
    raise NoResults(f"{place}: written by a newer ionbox ({version}); update")
