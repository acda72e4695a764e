"""GenerateIsotopePatterns: theoretical m/z and abundances of one chunk of ions, one item of a Map.

Stands between BuildIons and PlanAnnotation. Reads the plan and the database's ion table; writes
``patterns/<patterns>/chunk-<n>.npz`` and, after it, ``chunk-<n>.json``.
"""

from __future__ import annotations

import numpy as np
from ionbox_cloud.environment import count_threads
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import Done, PatternItem
from ionbox_cloud.run_plan import read_plan
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.patterns import read_ions, write_chunk
from ionbox_science.progress import part_of_progress
from ionbox_science.theory.isotope_patterns import generate_patterns_of


@state_handler("GenerateIsotopePatterns", PatternItem)
def lambda_handler(message: PatternItem, stores: Stores) -> Done:
    """Write the patterns of ions ``start`` to ``stop``."""
    model = read_plan(stores.work, message.execution_id).config.isotope_model
    table = read_ions(stores.work, message.patterns_id)
    with part_of_progress(0.05, 0.9):  # between reading the ions and writing the patterns
        mz, intensity = generate_patterns_of(
            table.compositions(slice(message.start, message.stop)),
            model,
            # formulas are written for the rare ion that needs one, not for all of the chunk
            lambda row: table.ion_formulas(np.array([message.start + row]))[0],
            n_threads=count_threads(),
        )
    write_chunk(
        stores.work,
        message.patterns_id,
        message.chunk,
        message.start,
        mz,
        intensity,
        table.is_target[message.start : message.stop],
    )
    return Done()
