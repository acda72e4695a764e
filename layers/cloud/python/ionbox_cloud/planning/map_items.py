"""Planning a Map's items and gathering its outcome.

AWS hides which item of a distributed Map failed and how, and the local interpreter reports success
whatever happened. So each item's failure is recorded as an object, and the state after the Map
looks at what is really there.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TypeVar

from ionbox_cloud import keys
from ionbox_cloud.error_words import read_words
from ionbox_cloud.errors import ItemFailure, MissingOutput
from ionbox_cloud.ladder import OUT_OF_MEMORY, Ladder
from ionbox_cloud.messages import ItemFailureReport, ItemList, MapItem
from ionbox_cloud.storage.side_by_side import map_in_order
from ionbox_cloud.store import Store

Item = TypeVar("Item", bound=MapItem)


def plan_items(work: Store, state: str, execution_id: str, items: Sequence[MapItem]) -> ItemList:
    """Write the list a Map works on: each item, and the rung of the ladder it starts on.

    Returns
    -------
    ItemList
        How many items there are, and the key of the list; the state machine reads no more of it.
    """
    ladder = Ladder.from_environment()
    key = keys.items(execution_id, state)
    work.write_json(
        key,
        [
            {"item": item.to_json(), "rung": ladder.start_rung(state, item.memory_mb)}
            for item in items
        ],
    )
    return ItemList(len(items), key)


def gather(work: Store, state: str, execution_id: str, item_type: type[Item]) -> list[Item]:
    """Make sure that every item of a Map has its output.

    Returns
    -------
    list
        The items, in order.

    Raises
    ------
    ItemFailure
        If any item failed: the first in their order, under the class name it failed with, so that
        the state machine's Catch treats it as if this state had failed so.
    MissingOutput
        If an item left neither output nor record.
    """
    with work.side_by_side() as reads:
        listed = reads.start(work.read_json, keys.items(execution_id, state))
        failures = reads.start(work.list, keys.failures(execution_id, state))
    items = [item_type.from_json(entry["item"]) for entry in listed.result()]
    failed = failures.result()
    if failed:  # before outputs: an item that failed has none either
        report = ItemFailureReport.from_json(work.read_json(failed[0]))
        item = next(item for item in items if item.item == report.item)
        error = report.error.Error
        raise ItemFailure.named(
            error,
            f"{state} item {item.item} ({item.describe()}): {read_words(work, report.error.Cause)}"
            + (f" ({len(failed)} items failed)" if len(failed) > 1 else "")
            + (describe_lack(state, item.memory_mb) if error in OUT_OF_MEMORY else ""),
        )
    # a list per folder instead of a question per item
    folders = {item.output_key.rpartition("/")[0] for item in items}
    lists = map_in_order(work.list, sorted(folders), work.at_once)
    present = set(itertools.chain.from_iterable(lists))
    for item in items:
        if item.output_key not in present:
            raise MissingOutput(
                f"{state} item {item.item} ({item.describe()}) ended without output "
                f"'{item.output_key}'; run again, finished items are kept"
            )
    return items


def describe_lack(state: str, memory_mb: int) -> str:
    """Say what was tried when even the largest function of a state ran out of memory.

    Parameters
    ----------
    state : str
        The state whose item failed.
    memory_mb : int
        What the plan expected the item to need, MB.
    """
    top_mb = Ladder.from_environment().top_mb(state)
    return (
        f"; the largest {state} function has {top_mb:,} MB, the plan expected {memory_mb:,} MB: "
        "deploy with a higher max_lambda_mb"
    )
