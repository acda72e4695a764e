"""RenderImages: isotope images of a range of annotated ions, one item of the last Map.

Stands between EstimateFdr and PublishResults. Reads the image list, the mask and the segments in
the ions' m/z windows; writes shards of ``ion_images.zarr``, what PublishResults needs of the images
(``runs/<run>/images-<n>.npz``), and ``images/<n>.json``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import Done, ImageItem
from ionbox_cloud.planning.work_items import cut_shards
from ionbox_cloud.run_plan import read_plan
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.dataset import read_mask
from ionbox_cloud.stored.image_parts import ImagePart
from ionbox_cloud.stored.images import read_image_list, write_images
from ionbox_cloud.stored.publication import Publication
from ionbox_cloud.stored.segments import SegmentReader
from ionbox_science.progress import report_progress
from ionbox_science.scoring.ion_images import (
    Grid,
    drop_small_images,
    extract_images,
    find_windows,
    window_bounds,
)
from ionbox_science.scoring.scores import ImageOptions


@state_handler("RenderImages", ImageItem)
def lambda_handler(message: ImageItem, stores: Stores) -> Done:
    """Write the images of ions ``start`` to ``stop``, then that they are all there."""
    plan = read_plan(stores.work, message.execution_id)
    listed = read_image_list(stores.work, plan.run_id)
    segments = SegmentReader(stores.results, plan.segments_id)
    grid = Grid(read_mask(stores.work, plan.segments_id))
    publication = Publication(stores.results, plan)
    part = ImagePart(plan, listed, message)

    def render(start: int, stop: int) -> None:
        images = _draw(segments, listed.mz[start:stop], plan.config.image_options, grid)
        write_images(publication, plan, start, images)
        part.add(start, images)

    n_pixels, n_images = plan.width * plan.height, message.stop - message.start
    for start, stop in cut_shards(message.start, message.stop, plan.config.isotope_peaks, n_pixels):
        render(start, stop)
        report_progress(stop - message.start, n_images, "images")
    part.write(stores.work)
    publication.note(stores.work, message.execution_id, "RenderImages", message.item)
    stores.work.write_json(message.output_key, {"n_images": message.stop - message.start})
    return Done()


def _draw(
    segments: SegmentReader, mz: npt.NDArray[np.float64], options: ImageOptions, grid: Grid
) -> npt.NDArray[np.float32]:
    """Draw the images of the ions of a shard, (n, n_isotopes, height, width), counts."""
    peaks = segments.read(*window_bounds(mz[mz > 0], options.ppm))
    windows = drop_small_images(find_windows(peaks.mz, mz, options.ppm), options.min_px)
    return extract_images(peaks, windows, grid)
