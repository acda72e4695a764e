"""RenderImages: isotope images of a range of annotated ions, one item of the last Map.

Stands between EstimateFdr and PublishResults. Reads the image list, the mask and the segments in
the ions' m/z windows; writes one shard of ``ion_images.zarr`` and ``images/<n>.json``.
"""

from __future__ import annotations

from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import Done, ImageItem
from ionbox_cloud.run_plan import read_plan
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.dataset import read_mask
from ionbox_cloud.stored.images import read_image_list, write_images
from ionbox_cloud.stored.publication import Publication
from ionbox_cloud.stored.segments import SegmentReader
from ionbox_science.progress import part_of_progress, report_progress
from ionbox_science.scoring.ion_images import (
    Grid,
    drop_small_images,
    extract_images,
    find_windows,
    window_bounds,
)


@state_handler("RenderImages", ImageItem)
def lambda_handler(message: ImageItem, stores: Stores) -> Done:
    """Write the images of ions ``start`` to ``stop``, then that they are all there."""
    plan = read_plan(stores.work, message.execution_id)
    options = plan.config.image_options
    mz = read_image_list(stores.work, plan.run_id).mz[message.start : message.stop]
    segments = SegmentReader(stores.results, plan.segments_id)
    peaks = segments.read(*window_bounds(mz[mz > 0], options.ppm))
    windows = drop_small_images(find_windows(peaks.mz, mz, options.ppm), options.min_px)
    grid = Grid(read_mask(stores.work, plan.segments_id))
    publication = Publication(stores.results, plan)
    images = extract_images(peaks, windows, grid)
    with part_of_progress(0, 0.5):  # the rest is writing
        report_progress(len(mz), len(mz), "images")
    write_images(stores.results, publication, message.start, images)
    publication.note(stores.work, message.execution_id, "RenderImages", message.item)
    stores.work.write_json(message.output_key, {"n_images": len(mz)})
    return Done()
