"""AnnotateSegments: images and metrics of a range of ions, one item of the scoring Map.

Stands between PlanAnnotation and EstimateFdr. Reads the plan, the mask, patterns of one database
and the segments that their m/z windows touch; writes ``scores/<scores>/ions-<n>-<n>.npz``.
"""

from __future__ import annotations

from ionbox_cloud.environment import count_threads
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import Done, ScoreItem
from ionbox_cloud.planning.work_items import cut, ions_per_read
from ionbox_cloud.run_plan import read_plan
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.dataset import read_mask
from ionbox_cloud.stored.patterns import read_patterns
from ionbox_cloud.stored.recalibration import read_recalibration
from ionbox_cloud.stored.segments import SegmentReader, read_ahead
from ionbox_science.progress import report_progress
from ionbox_science.scoring.ion_images import Grid, window_bounds
from ionbox_science.scoring.recalibration import place_patterns, recalibrate_scores
from ionbox_science.scoring.scores import IonScores, score_ions


@state_handler("AnnotateSegments", ScoreItem)
def lambda_handler(message: ScoreItem, stores: Stores) -> Done:
    """Write the scores of ions ``start`` to ``stop`` of one database.

    Ions are in order of mass, so the windows of neighbours lie in the same part of the segments;
    the peaks of the next batch are read while this one is scored. Windows lie where the run's
    recalibration puts them.
    """
    plan = read_plan(stores.work, message.execution_id)
    options = plan.config.image_options
    patterns_id = plan.databases[message.database].patterns_id
    with stores.work.side_by_side() as calls:
        chunks = calls.start(read_patterns, stores.work, patterns_id, message.start, message.stop)
        opened = calls.start(SegmentReader, stores.results, plan.segments_id)
        mask = calls.start(read_mask, stores.work, plan.segments_id)
        line = calls.start(read_recalibration, stores.work, plan)
    segments, grid = opened.result(), Grid(mask.result())
    patterns = place_patterns(chunks.result(), line.result())
    # patterns are padded with m/z 0, which is no window to read
    n_peaks = segments.count_peaks(*window_bounds(patterns.mz[patterns.mz > 0], options.ppm))
    batches = [
        (message.start + start, patterns.take(slice(start, stop)))
        for start, stop in cut(len(patterns.mz), ions_per_read(len(patterns.mz), n_peaks))
    ]
    reads = [segments.plan_read(*window_bounds(p.mz[p.mz > 0], options.ppm)) for _, p in batches]
    mz_range, n_threads = segments.mz_range, count_threads()
    parts, n_done = [], 0
    for (first_ion, part), peaks in zip(batches, read_ahead(reads), strict=True):
        scores = score_ions(peaks, part, grid, options, mz_range, first_ion, n_threads=n_threads)
        parts.append(scores)
        n_done += len(part.mz)
        report_progress(n_done, message.stop - message.start, "ions")
    scores = recalibrate_scores(IonScores.concatenate(parts), line.result())
    stores.work.write_arrays(message.output_key, scores.to_arrays())
    return Done()
