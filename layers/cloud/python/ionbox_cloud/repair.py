"""Objects that cannot be used: noted by who finds one, set aside by PlanRun, and so made anew.

A handler that reads an object which is damaged, or missing although others say that it is there,
fails with an `UnusableObject`, of which `note_unusable` leaves a record. The state machine then
goes back to PlanRun: `set_aside` removes the object, together with those that say that it is there.
What is absent is planned, and so computed, as in any run. What cannot be used twice in an execution
ends it, so there are no more rounds than objects.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from ionbox_cloud import keys
from ionbox_cloud.errors import NotRepaired, UnusableObject
from ionbox_cloud.json_record import JsonRecord
from ionbox_cloud.store import Store, Stores

_WORK = {
    *("databases", "datasets", "executions", "mz-errors", "patterns"),
    *("runs", "scores", "sort"),
}
_RESULTS = {"contents", "results", "segments"}


@dataclass(frozen=True)
class UnusableRecord(JsonRecord):
    """An object that could not be used in an execution.

    Attributes
    ----------
    key : str
        Its key.
    message : str
        What was wrong with it.
    is_set_aside : bool
        Whether it was removed since, to be computed anew.
    """

    key: str
    message: str
    is_set_aside: bool = False


def note_unusable(work: Store, execution_id: str, error: UnusableObject) -> None:
    """Leave a record of an object that cannot be used.

    Raises
    ------
    NotRepaired
        If it was set aside in this execution before.
    """
    key = _record_key(execution_id, error.key)
    known = work.read_json_if_whole(key)
    if known is not None and UnusableRecord.from_json(known).is_set_aside:
        raise NotRepaired(
            f"{error}; it was computed anew and cannot be used again: check disk and memory"
        ) from error
    work.write_json(key, UnusableRecord(error.key, str(error)).to_json())


def set_aside(stores: Stores, execution_id: str) -> list[str]:
    """Remove what could not be used in this execution, and the failures that it led to.

    Returns
    -------
    list of str
        Key of each object; empty where nothing was to be done.
    """
    folder = keys.all_unusable(execution_id)
    records = stores.work.read_many_json(stores.work.list(folder))
    noted = [UnusableRecord.from_json(record) for record in records]
    unusable = [record for record in noted if not record.is_set_aside]
    for record in unusable:
        store = _store_of(record.key, stores)
        if store is not None:
            store.delete(_siblings(store, record.key))
        done = replace(record, is_set_aside=True)
        stores.work.write_json(_record_key(execution_id, record.key), done.to_json())
    if unusable:
        stores.work.delete(stores.work.list(keys.all_failures(execution_id)))
    return [record.key for record in unusable]


def _record_key(execution_id: str, key: str) -> str:
    return keys.unusable(execution_id, hashlib.sha256(key.encode()).hexdigest()[:32])


def _store_of(key: str, stores: Stores) -> Store | None:
    """Return the store of what is computed; None for what users put into the inbox."""
    folder = key.partition("/")[0]
    if folder in _WORK:
        return stores.work
    return stores.results if folder in _RESULTS else None


def _siblings(store: Store, key: str) -> list[str]:
    """Return the objects of a name, whatever their extensions: they stand for each other."""
    folder, _, name = key.rpartition("/")
    start = f"{folder}/{name.partition('.')[0]}."
    return [found for found in store.list_folder(folder) if f"{found}.".startswith(start)]
