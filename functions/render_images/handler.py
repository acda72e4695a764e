"""RenderImages: isotope images of a range of annotated ions, one item of a Map.

Stands between EstimateFdr and PublishResults. Reads the image list, the mask and the segments in
the ions' m/z windows; writes shards of ``ion_images.zarr``, what later states need of the images
(``prepared-<n>-<n>.npz`` and ``pictures-<n>-<n>.npz`` in ``runs/<run>/``), and ``images/<n>.json``.
Of molecules that have labelled forms as well, it writes fraction images, and
``fractions-<n>-<n>.npz`` beside the others.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from ionbox_cloud import keys
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import Done, ImageItem
from ionbox_cloud.planning.work_items import cut_shards
from ionbox_cloud.run_plan import read_plan
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.dataset import read_mask
from ionbox_cloud.stored.image_parts import ImagePart
from ionbox_cloud.stored.images import ImageList, read_image_list, write_images
from ionbox_cloud.stored.label_fractions import pack_fractions, write_fraction
from ionbox_cloud.stored.publication import Publication
from ionbox_cloud.stored.recalibration import read_recalibration
from ionbox_cloud.stored.segments import Float64s, SegmentReader, read_ahead
from ionbox_science.annotation.label_series import LabelFraction, measure_label_fraction
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.progress import report_progress
from ionbox_science.scoring.ion_images import (
    Grid,
    drop_small_images,
    extract_images,
    find_windows,
    window_bounds,
)
from ionbox_science.scoring.options import ImageOptions


@state_handler("RenderImages", ImageItem)
def lambda_handler(message: ImageItem, stores: Stores) -> Done:
    """Write the images of ions ``start`` to ``stop``, then that they are all there."""
    plan = read_plan(stores.work, message.execution_id)
    with stores.work.side_by_side() as reads:
        images_listed = reads.start(read_image_list, stores.work, plan.run_id)
        opened = reads.start(SegmentReader, stores.results, plan.segments_id)
        mask = reads.start(read_mask, stores.work, plan.segments_id)
        line = reads.start(read_recalibration, stores.work, plan)
    listed, segments, grid = images_listed.result(), opened.result(), Grid(mask.result())
    publication = Publication(stores.results, plan)
    part, options = ImagePart(plan, listed, message), plan.config.image_options
    n_pixels, n_images = plan.width * plan.height, message.stop - message.start
    placed = line.result().place(listed.mz)

    def bounds(start: int, stop: int) -> tuple[Float64s, Float64s]:
        mz = placed[start:stop]
        return window_bounds(mz[mz > 0], options.ppm)

    shards = cut_shards(message.start, message.stop, plan.config.isotope_peaks, n_pixels)
    segments.read_indices(*bounds(message.start, message.stop))
    peaks_of_shards = read_ahead(segments.plan_read(*bounds(*shard)) for shard in shards)

    def render(start: int, stop: int) -> None:
        images = _draw(next(peaks_of_shards), placed[start:stop], options, grid)
        writes.finish()  # a shard is written while the next one is drawn, not longer
        write_images(publication, plan, start, images)
        part.add(start, images)

    with stores.work.side_by_side() as writes, publication.written_by(writes):
        for start, stop in shards:
            render(start, stop)
            report_progress(stop - message.start, n_images, "images")
        part.write(stores.work)
        measured = {
            series: _measure_fraction(listed, placed, series, segments, options, grid)
            for series in listed.series_of(message.start, message.stop)
        }
        for series, fraction in measured.items():
            write_fraction(publication, plan, series, fraction.image)
        if measured:
            of_item = keys.label_fractions(plan.run_id, message.start, message.stop)
            stores.work.write_arrays(of_item, pack_fractions(measured).to_arrays())
    with stores.work.side_by_side() as writes:
        # after the files that they are about
        item, done = message.item, {"n_images": n_images}
        writes.start(publication.note, stores.work, message.execution_id, "RenderImages", item)
        writes.start(stores.work.write_json, message.output_key, done)
    return Done()


def _draw(
    peaks: Peaks, mz: npt.NDArray[np.float64], options: ImageOptions, grid: Grid
) -> npt.NDArray[np.float32]:
    """Draw the images of the ions of a shard, (n, n_isotopes, height, width), counts."""
    windows = drop_small_images(find_windows(peaks.mz, mz, options.ppm), options.min_px)
    return extract_images(peaks, windows, grid)


def _measure_fraction(
    listed: ImageList,
    placed: Float64s,
    series: int,
    segments: SegmentReader,
    options: ImageOptions,
    grid: Grid,
) -> LabelFraction:
    """Measure the labelled fraction of a series, whose ions other calls may draw."""
    rows = listed.members(series)
    first = placed[rows][:, :1]
    peaks = segments.read(*window_bounds(first, options.ppm))
    images = _draw(peaks, first, options, grid)[:, 0]
    return measure_label_fraction(images, listed.mz[rows], listed.abundance[rows], options.ppm)
