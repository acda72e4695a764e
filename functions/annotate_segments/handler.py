"""AnnotateSegments: images and metrics of a run of ions."""

from __future__ import annotations

from ionbox_cloud import keys
from ionbox_cloud.datasets import read_stored_header
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import Done, ScoreItem
from ionbox_cloud.patterns import read_patterns
from ionbox_cloud.run_plan import read_plan
from ionbox_cloud.segments import SegmentReader
from ionbox_cloud.store import Stores
from ionbox_science.ion_images import Grid, window_bounds
from ionbox_science.ions import IonTable
from ionbox_science.scores import score_ions


@state_handler("AnnotateSegments", ScoreItem)
def lambda_handler(message: ScoreItem, stores: Stores) -> Done:
    """Write the scores of ions ``start`` to ``stop`` of one database."""
    plan = read_plan(stores.work, message.execution_id)
    options = plan.run_config.image_options
    patterns_id = plan.databases[message.database].patterns_id
    table = IonTable.from_arrays(stores.work.read_arrays(keys.ions(patterns_id)))
    patterns = read_patterns(stores.work, patterns_id, table.is_target, message.start, message.stop)
    segments = SegmentReader(stores.results, plan.segments_id)
    peaks = segments.read(*window_bounds(patterns.mz[patterns.mz > 0], options.ppm))
    grid = Grid(read_stored_header(stores.work, plan.dataset_id).mask)
    scores = score_ions(peaks, patterns, grid, options, segments.mz_range, message.start)
    stores.work.write_arrays(message.output_key, scores.to_arrays())
    return Done()
