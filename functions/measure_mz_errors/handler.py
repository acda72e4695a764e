"""MeasureMzErrors: m/z errors of targets and some decoys, one item of the first pass.

Stands between PlanRecalibration and PlanAnnotation. Reads the plan, the mask, patterns of one
database and the segments that their m/z windows touch; writes
``mz-errors/<scores>/ions-<n>-<n>.npz``. The scoring is that of AnnotateSegments, of one ion in
ten.
"""

from __future__ import annotations

import numpy as np
from ionbox_cloud.environment import count_threads
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import Done, MzErrorItem
from ionbox_cloud.planning.work_items import cut, ions_per_read
from ionbox_cloud.run_plan import read_plan
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.dataset import read_mask
from ionbox_cloud.stored.patterns import read_patterns
from ionbox_cloud.stored.recalibration import write_first_pass
from ionbox_cloud.stored.segments import SegmentReader, read_ahead
from ionbox_science.progress import report_progress
from ionbox_science.scoring.ion_images import Grid, window_bounds
from ionbox_science.scoring.recalibration import (
    FirstPass,
    MzErrors,
    measure_mz_errors,
    sample_ions,
)


@state_handler("MeasureMzErrors", MzErrorItem)
def lambda_handler(message: MzErrorItem, stores: Stores) -> Done:
    """Write the m/z errors of ions ``start`` to ``stop`` of one database."""
    plan = read_plan(stores.work, message.execution_id)
    options = plan.config.image_options
    patterns_id = plan.databases[message.database].patterns_id
    with stores.work.side_by_side() as calls:
        chunks = calls.start(read_patterns, stores.work, patterns_id, message.start, message.stop)
        opened = calls.start(SegmentReader, stores.results, plan.segments_id)
        mask = calls.start(read_mask, stores.work, plan.segments_id)
    every, segments, grid = chunks.result(), opened.result(), Grid(mask.result())
    sampled = sample_ions(every.is_target, message.start, plan.config.decoys)
    patterns = every.take(sampled)
    n_ions = len(patterns.mz)
    n_peaks = segments.count_peaks(*window_bounds(patterns.mz[patterns.mz > 0], options.ppm))
    batches = [
        patterns.take(slice(start, stop))
        for start, stop in cut(n_ions, ions_per_read(n_ions, n_peaks))
    ]
    reads = [segments.plan_read(*window_bounds(p.mz[p.mz > 0], options.ppm)) for p in batches]
    parts, n_done = [MzErrors.empty()], 0
    for part, peaks in zip(batches, read_ahead(reads), strict=True):
        mz_range, n_threads = segments.mz_range, count_threads()
        parts.append(measure_mz_errors(peaks, part, grid, options, mz_range, n_threads))
        n_done += len(part.mz)
        report_progress(n_done, n_ions, "ions")
    n_targets = int(np.count_nonzero(patterns.is_target))
    measured = FirstPass(MzErrors.concatenate(parts), n_targets, n_ions - n_targets)
    write_first_pass(stores.work, message.output_key, measured)
    return Done()
