"""BuildIons: enumerate targets and decoys of each database, and list the patterns still missing.

First state of the patterns' branch, beside sorting. Reads the plan and the molecule tables; writes
the ion tables (``patterns/<patterns>/ions.npz``, ``ions.json``) and the items of
GenerateIsotopePatterns, a chunk of ions each. Patterns depend on formulas and settings, not on the
dataset: runs of other datasets find them made.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from ionbox_cloud import keys
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import ItemList, PatternItem, RunCall
from ionbox_cloud.planning.map_items import plan_items
from ionbox_cloud.planning.work_items import IONS_PER_CHUNK, cut, pattern_memory_mb
from ionbox_cloud.run_plan import PlannedDatabase, read_plan
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.annotations import read_table
from ionbox_cloud.stored.patterns import count_ions, write_ions
from ionbox_science.config import RunConfig
from ionbox_science.progress import part_of_progress
from ionbox_science.theory.databases import parse_database
from ionbox_science.theory.ions import build_ions


@state_handler("BuildIons", RunCall)
def lambda_handler(message: RunCall, stores: Stores) -> ItemList:
    """Write ion tables that do not exist yet; answer with the chunks of patterns to compute."""
    plan = read_plan(stores.work, message.execution_id)
    # by output: databases of equal formulas share their patterns, which are then computed once
    missing: dict[str, tuple[str, int, int, int]] = {}
    n_databases = len(plan.databases)
    for index, database in enumerate(plan.databases):
        present = stores.work.list_lasting(keys.patterns(database.patterns_id))
        with part_of_progress(index / n_databases, (index + 1) / n_databases):
            n_ions = _ensure_ions(stores, database, plan.config, present)
        for chunk, (start, stop) in _chunks(n_ions):
            output_key = keys.pattern_chunk_summary(database.patterns_id, chunk)
            if not {output_key, keys.pattern_chunk(database.patterns_id, chunk)} <= present:
                missing[output_key] = (database.patterns_id, chunk, start, stop)
    items = [
        PatternItem(
            message.execution_id,
            message.run_id,
            item,
            output_key,
            patterns_id,
            chunk,
            start,
            stop,
            memory_mb=pattern_memory_mb(stop - start),
        )
        for item, (output_key, (patterns_id, chunk, start, stop)) in enumerate(missing.items())
    ]
    return plan_items(stores.work, "GenerateIsotopePatterns", message.execution_id, items)


def _chunks(n_ions: int) -> Iterator[tuple[int, tuple[int, int]]]:
    return enumerate(cut(n_ions, IONS_PER_CHUNK))


def _ensure_ions(
    stores: Stores, database: PlannedDatabase, config: RunConfig, present: Set[str]
) -> int:
    """Return the number of ions of a database; build its ion table if there is none."""
    # the count is written after the ions; lifecycle rules may remove either first
    if {keys.ions(database.patterns_id), keys.ion_count(database.patterns_id)} <= present:
        return count_ions(stores.work, database.patterns_id)
    data = read_table(stores.work, database)
    molecules = parse_database(data, database.name, skip_bad_rows=config.skip_bad_rows)
    table = build_ions(molecules.unique_formulas(), config.ion_rule)
    write_ions(stores.work, database.patterns_id, table)
    return table.n_ions
