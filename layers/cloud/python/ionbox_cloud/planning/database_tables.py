"""Molecule tables that a run can name: files in the inbox, and those that ship with ionbox."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from ionbox_science.errors import InvalidConfig, InvalidDatabase, Refusals

from ionbox_cloud import keys
from ionbox_cloud.identity import hash_content
from ionbox_cloud.json_record import JsonRecord
from ionbox_cloud.messages import DatabaseFile
from ionbox_cloud.store import Store

FOLDER = "databases/"
"""Where tables are dropped in the inbox."""

SUFFIXES = (".tsv", ".csv")

Layers = Sequence[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class DatabaseTable:
    """A molecule table: its name, and a function that returns its bytes (TSV or CSV)."""

    name: str
    read: Callable[[], bytes]

    @classmethod
    def of(cls, file: DatabaseFile, inbox: Store) -> DatabaseTable:
        """Return a table that is a file in the inbox."""
        return cls(file.name, lambda: inbox.read(file.key))


@dataclass(frozen=True)
class RegisteredDatabase(JsonRecord):
    """What was found about a table in the inbox; ``databases/<name>.json`` in the results bucket.

    Attributes
    ----------
    name, key : str
        What configs call it, and where it is.
    status : str
        ``ok``, or ``invalid`` if no run can use it as it is.
    content_id : str
        Identity of the file's bytes.
    n_molecules : int
        Rows that can be used; 0 if invalid.
    message : str
        What is wrong and what to do; empty if nothing is.
    """

    name: str
    key: str
    status: str
    content_id: str
    n_molecules: int
    message: str


def as_database(key: str) -> DatabaseFile | None:
    """Return the table that a key in the inbox is, None if it is none.

    Only what lies in `FOLDER` itself is one, not in folders below it.
    """
    path = PurePosixPath(key)
    if f"{path.parent}/" != FOLDER or path.suffix.lower() not in SUFFIXES:
        return None
    return DatabaseFile(path.stem, key)


def find_tables(inbox: Store, layers: Layers) -> list[DatabaseTable]:
    """Find the tables that the strongest layer with ``databases`` names.

    A name means the file of that name in the inbox, or else a shipped table. File names
    (``lipids.tsv``), which configs for the command line have, are understood.

    Raises
    ------
    InvalidConfig
        If it names none that is there, or one that is there twice.
    """
    given = ((source, layer.get("databases")) for source, layer in layers)
    named = ((source, names) for source, names in given if names is not None)
    source, names = next(named, ("", []))
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidConfig(f"databases ({source}): expected a list of names, got {names!r}")
    dropped = [file for key in inbox.list(FOLDER) if (file := as_database(key))] if names else []
    refusals = Refusals()
    found = [
        refusals.check(functools.partial(_find_table, name, source, dropped, inbox))
        for name in names
    ]
    refusals.raise_any()
    return [table for table in found if table]


def _find_table(
    given: str, source: str, dropped: Sequence[DatabaseFile], inbox: Store
) -> DatabaseTable:
    path = PurePosixPath(given)
    name = path.stem if path.suffix.lower() in SUFFIXES else given
    files = [file for file in dropped if file.name == name]
    if len(files) > 1:
        both = " and ".join(file.key for file in files)
        raise InvalidConfig(f"databases ({source}): '{name}' is there twice, {both}; remove one")
    if files:  # before the shipped ones: a user's own table may have the name of one
        return DatabaseTable.of(files[0], inbox)
    from ionbox_science.theory.lipids import SHIPPED_DATABASES

    if name in SHIPPED_DATABASES:
        return DatabaseTable(name, SHIPPED_DATABASES[name])
    there = sorted({*SHIPPED_DATABASES, *(file.name for file in dropped)})
    raise InvalidConfig(
        f"databases ({source}): there is no '{given}'. There are: {', '.join(there)}; others are "
        f"dropped into {FOLDER} of the inbox, as TSV or CSV"
    )


def inspect_database(inbox: Store, file: DatabaseFile) -> RegisteredDatabase:
    """Read a table and say whether runs can use it.

    Raises
    ------
    MissingObject
        If it is gone.
    """
    # not above: Intake is mostly called for files that are no tables, and does without the science
    from ionbox_science.theory.databases import parse_database

    data = inbox.read(file.key)
    try:
        molecules = parse_database(data, file.name)
    except InvalidDatabase as error:
        return RegisteredDatabase(file.name, file.key, "invalid", hash_content(data), 0, str(error))
    n_molecules = len(molecules.ids)
    return RegisteredDatabase(file.name, file.key, "ok", hash_content(data), n_molecules, "")


def register_database(
    file: DatabaseFile, inbox: Store, results: Store, complain: Callable[[RegisteredDatabase], None]
) -> RegisteredDatabase:
    """Inspect a table and write down what was found.

    ``complain`` is called about an unfit table before that is written down, so that it is called
    again if the call breaks off, and not again once the same was written. Runs do not need what is
    written here: they read the table themselves.

    Raises
    ------
    MissingObject
        If the table is gone.
    """
    record = inspect_database(inbox, file)
    key = keys.registered_database(file.name)
    known = results.read_json(key) if results.exists(key) else None
    if known != record.to_json():
        if record.status == "invalid":
            complain(record)
        results.write_json(key, record.to_json())
    return record
