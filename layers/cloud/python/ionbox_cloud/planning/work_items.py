"""How work is cut into Map items, and how much memory an item needs.

Cuts depend on counts (ions, peaks, pixels), and on how many calls may be on at once and what a
minute is worth (`ionbox_cloud.planning.fan_out`). What is finished is named by its range: who
cuts alike finds it, and who cuts otherwise takes nothing else for it. The predictions of
memory choose the rung of the ladder a call starts on; one that is too low costs a call, nothing
more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ionbox_cloud.planning.fan_out import SHARES, Cost, FanOut
from ionbox_cloud.planning.prices import read_prices
from ionbox_cloud.planning.rates import (
    BYTES_PER_S,
    DRAW_S_PER_CELL,
    DRAWN_BYTES_PER_CELL,
    MERGE_S_PER_PEAK,
    READS_PER_S,
    REQUEST_S,
    SCORE_BYTES_PER_PEAK,
    SCORE_S_PER_PEAK,
    START_S,
)
from ionbox_cloud.storage.side_by_side import AT_ONCE

PEAKS_PER_MERGE_ITEM = 12_000_000
"""Peaks that one call reads together and merges, one segment after the other, at most; a segment is
the least."""

PEAKS_PER_SORT_THREAD = 64_000_000
"""Peaks of a dataset (some six seconds of sorting) for which one more thread is used."""

SORT_RANGE_BYTES = 2 << 30
"""Memory for the peaks of a range of m/z, of which one call sorts one after the other."""

IONS_PER_CHUNK = 65536
"""Ions per chunk of isotope patterns, and per item: half a second of computing here, a second on
AWS. A call takes longer than that to start, so chunks are not cut smaller for more workers."""

IONS_PER_SCORE_ITEM = 131072
"""Ions of a score item, unless their windows hold too many peaks."""

IONS_PER_READ = 16384
"""Ions of a score item whose measured peaks are read together, while those before are scored."""

PEAKS_PER_READ = 2_000_000
"""Measured peaks that are read together: more take memory that the system has to clear."""

PEAKS_PER_SCORE_ITEM = 20_000_000
"""Measured peaks in the m/z range of a score item at most; what has more is split."""

PEAKS_IN_WINDOWS_PER_ITEM = 200_000_000
"""Peaks in the windows of a score item's ions at most, each counted for every window it is in:
seven seconds. Where ions are dense, their windows overlap many times."""

IMAGE_CELLS_PER_SHARD = 16_000_000
"""Pixel values of an object of ``ion_images.zarr`` (64 MB)."""

IMAGE_CELLS_PER_CHUNK = 1 << 16
"""Pixel values (256 kB) compressed together there, and read together to get one image."""

MOST_IMAGE_ITEMS = 96
"""Items of images at most, on one machine; where there are more objects than this, an item writes
several, one after the other. PublishResults reads four small objects of each item."""

MOST_SHARDS_PER_ITEM = 16
"""Objects of ``ion_images.zarr`` that an item writes at most, on AWS: some twenty seconds."""

BLOCKS_AT_ONCE = AT_ONCE
"""Spans that a call of MergeSegments reads at once."""

MB = 1 << 20
"""Bytes."""

# Measured on simulated datasets of 100x100 and 400x400 pixels; run.json shows how well they hold.
BASE_MEMORY_MB = 130  # interpreter, libraries, ion table, what earlier calls left behind
READ_BUFFERS_MB = 30
_BYTES_PER_PATTERN = 400  # its ion's atoms, the pattern, the file being written
_BYTES_PER_SCORED_ION = 700  # pattern, windows, metrics, the file being written
_BYTES_PER_SCORED_PEAK = 18  # columns, mapped or copied
_READS_AT_ONCE = 2  # the peaks that are scored, and those that are read meanwhile
_BYTES_PER_DRAWN_CELL = 4  # float32
_BYTES_PER_STORED_CELL = 10  # float32, and at worst as much again compressed, as it grows
_BYTES_PER_PEAK = 16  # m/z, intensity and pixel
_BYTES_PER_TIC_PIXEL = 24  # the sum, and copies of it while it is written
_BYTES_PER_SCORED_PIXEL = 181  # mask, and images of 30 bytes per pixel in each of 6 threads


@dataclass(frozen=True)
class IonRange:
    """Ions ``start`` to ``stop`` of a database.

    Attributes
    ----------
    start, stop : int
        The ions, without ``stop``.
    n_peaks : int
        Peaks in their m/z range.
    n_in_windows : int
        Peaks in their windows, each counted for every window it is in; about.
    """

    start: int
    stop: int
    n_peaks: int
    n_in_windows: int = 0


@dataclass(frozen=True)
class SegmentRange:
    """Segments ``start`` to ``stop``, and how many peaks they have together."""

    start: int
    stop: int
    n_peaks: int


def cut(n: int, size: int) -> Iterator[tuple[int, int]]:
    """Cut ``n`` things into ranges (start, stop) of ``size``, of which the last may be shorter."""
    for start in range(0, n, size):
        yield start, min(n, start + size)


def ions_per_read(n_ions: int, n_peaks: int) -> int:
    """Return how many ions of an item to read peaks for together; it has ``n_peaks``."""
    by_peaks = n_ions * PEAKS_PER_READ // max(n_peaks, 1)
    return max(1, min(IONS_PER_READ, by_peaks))


def sort_memory_mb(n_peaks: int, mz_bytes: int, n_pixels: int, *, is_picked: bool = False) -> int:
    """Predict the memory in MB of sorting a dataset: peaks as columns, buffers, the TIC.

    Of peaks, a range of m/z at a time; only those that are picked from profiles all together, and
    then as many as there are points.
    """
    columns = n_peaks * (mz_bytes + 8)
    if not is_picked:
        columns = min(columns, SORT_RANGE_BYTES)
    n_bytes = columns + n_pixels * _BYTES_PER_TIC_PIXEL
    return BASE_MEMORY_MB + READ_BUFFERS_MB + n_bytes // MB


def span_memory_mb(n_peaks: int, mz_bytes: int) -> int:
    """Predict the memory in MB of sorting a span: peaks as columns, and what is kept of the ibd."""
    return sort_memory_mb(n_peaks, mz_bytes, 0) + n_peaks * (mz_bytes + 4) // MB


def merge_memory_mb(n_peaks: int, mz_bytes: int) -> int:
    """Predict the memory in MB of merging an item: blocks, segments, what is written of them."""
    return BASE_MEMORY_MB + READ_BUFFERS_MB + 3 * n_peaks * (mz_bytes + 8) // MB


def pattern_memory_mb(n_ions: int) -> int:
    """Predict the memory in MB of an item of isotope patterns."""
    return BASE_MEMORY_MB + n_ions * _BYTES_PER_PATTERN // MB


def score_memory_mb(n_ions: int, n_peaks: int, n_pixels: int) -> int:
    """Predict the memory in MB of an item of scores, from the peaks in its m/z range."""
    per_read = n_peaks * ions_per_read(n_ions, n_peaks) // max(n_ions, 1)
    n_bytes = (
        n_ions * _BYTES_PER_SCORED_ION
        + min(_READS_AT_ONCE * per_read, n_peaks) * _BYTES_PER_SCORED_PEAK
        + n_pixels * _BYTES_PER_SCORED_PIXEL
    )
    return BASE_MEMORY_MB + n_bytes // MB


def image_memory_mb(n_cells: int, n_peaks: int, n_shards: int = 1) -> int:
    """Predict the memory in MB of an item of images, from its largest shard and most peaks of one.

    First peaks and images are in memory, then images and what is stored of them. Of several shards
    the peaks of two are, and what is stored of one while the next is drawn. The pictures of an item
    take less than either.
    """
    drawn = n_cells * _BYTES_PER_DRAWN_CELL + n_peaks * _BYTES_PER_PEAK
    stored = n_cells * _BYTES_PER_STORED_CELL
    if n_shards > 1:
        stored += _READS_AT_ONCE * n_peaks * _BYTES_PER_PEAK
    return BASE_MEMORY_MB + max(drawn, stored) // MB


def choose_score_peaks(databases: Sequence[Sequence[IonRange]], fan: FanOut | None) -> int:
    """Choose how many measured peaks a score item may have in its range of m/z.

    Parameters
    ----------
    databases : sequence of sequence of IonRange
        The chunks of each database, whose items are all on one list.
    fan : FanOut or None
        What the run may use; None for the base size.
    """
    if fan is None:
        return PEAKS_PER_SCORE_ITEM

    def price(peaks_per_item: int) -> Cost:
        items = [item for chunks in databases for item in cut_score_items(chunks, peaks_per_item)]
        most = max((item.n_peaks for item in items), default=0)
        seconds = most * (SCORE_S_PER_PEAK + SCORE_BYTES_PER_PEAK / BYTES_PER_S)
        return fan.price_map("AnnotateSegments", len(items), seconds)

    return fan.choose((PEAKS_PER_SCORE_ITEM * share // SHARES[0] for share in SHARES), price)


def cut_score_items(
    chunks: Sequence[IonRange], peaks_per_item: int = PEAKS_PER_SCORE_ITEM
) -> list[IonRange]:
    """Cut the ions of a database into items.

    Small neighbouring chunks are joined until an item has enough ions; a chunk whose m/z range, or
    whose windows, hold too many peaks is split, each part with its share of them.

    Parameters
    ----------
    chunks : sequence of IonRange
        Neighbouring ranges of ions in order of mass, each with its peaks.
    peaks_per_item : int
        Measured peaks in the range of an item, at most.

    Returns
    -------
    list of IonRange
        Ranges that cover the same ions.
    """
    items: list[IonRange] = []
    joined = IonRange(0, 0, 0)
    for chunk in chunks:
        both = _join(joined, chunk)
        if joined.stop > joined.start and (
            both.stop - both.start > IONS_PER_SCORE_ITEM or _count_parts(both, peaks_per_item) > 1
        ):
            items.append(joined)
            both = chunk
        n_parts = _count_parts(both, peaks_per_item)
        if n_parts > 1:
            items += _split(both, n_parts)
            both = IonRange(both.stop, both.stop, 0)
        joined = both
    if joined.stop > joined.start:
        items.append(joined)
    return items


def _join(one: IonRange, other: IonRange) -> IonRange:
    return IonRange(
        one.start, other.stop, one.n_peaks + other.n_peaks, one.n_in_windows + other.n_in_windows
    )


def _count_parts(ions: IonRange, peaks_per_item: int) -> int:
    by_peaks = -(-ions.n_peaks // peaks_per_item)
    return max(1, by_peaks, -(-ions.n_in_windows // PEAKS_IN_WINDOWS_PER_ITEM))


def _split(ions: IonRange, n_parts: int) -> list[IonRange]:
    """Split ions evenly, as if peaks were spread evenly over them."""
    size = max(1, -(-(ions.stop - ions.start) // n_parts))
    shares = ions.n_peaks // n_parts, ions.n_in_windows // n_parts
    return [
        IonRange(ions.start + start, ions.start + stop, *shares)
        for start, stop in cut(ions.stop - ions.start, size)
    ]


def choose_merge_peaks(n_peaks: Sequence[int], n_spans: int, fan: FanOut | None) -> int:
    """Choose how many peaks an item of merging may have, if it has several segments.

    Parameters
    ----------
    n_peaks : sequence of int
        Peaks of each segment.
    n_spans : int
        Spans that are merged.
    fan : FanOut or None
        What the run may use; None for the base size.
    """
    if fan is None:
        return PEAKS_PER_MERGE_ITEM

    def price(peaks_per_item: int) -> Cost:
        items = cut_merge_items(n_peaks, peaks_per_item)
        longest = max(item.n_peaks for item in items)
        return price_merges(fan, len(items), longest, n_spans)

    return fan.choose((PEAKS_PER_MERGE_ITEM * share // SHARES[0] for share in SHARES), price)


def price_merges(
    fan: FanOut, n_items: int, n_peaks: int, n_spans: int, peak_bytes: int = 16
) -> Cost:
    """Predict what MergeSegments takes, as `FanOut.price_map` does, and what its reads cost.

    Each item makes a request to each span. Storage answers so many in a second: that may be what
    all of them wait for, before the last of them merges and writes.

    Parameters
    ----------
    fan : FanOut
        What the run may use.
    n_items : int
        Items.
    n_peaks : int
        Peaks of the largest.
    n_spans : int
        Spans that are merged.
    peak_bytes : int
        Bytes of a peak.
    """
    n_reads = n_spans * n_items
    merged = fan.price_map("MergeSegments", n_items, merge_seconds(n_peaks, n_spans, peak_bytes))
    answered_s = START_S + n_reads / READS_PER_S
    seconds = max(merged.seconds, answered_s + _after_reading_s(n_peaks, peak_bytes))
    return Cost(seconds, merged.dollars + n_reads * read_prices().s3_read)


def merge_seconds(n_peaks: int, n_spans: int, peak_bytes: int = 16) -> float:
    """Predict the seconds of merging an item on AWS, the start of the call left out.

    Requests wait while others bring their bytes, unless they bring next to nothing.
    """
    moved_s = n_peaks * peak_bytes / BYTES_PER_S
    read_s = REQUEST_S + max(moved_s, n_spans / BLOCKS_AT_ONCE * REQUEST_S)
    return read_s + _after_reading_s(n_peaks, peak_bytes)


def _after_reading_s(n_peaks: int, peak_bytes: int) -> float:
    """Predict how long an item merges and writes."""
    return n_peaks * (MERGE_S_PER_PEAK + peak_bytes / BYTES_PER_S)


def cut_merge_items(
    n_peaks: Sequence[int], peaks_per_item: int = PEAKS_PER_MERGE_ITEM
) -> list[SegmentRange]:
    """Cut segments into items of neighbouring ones, which one call merges one after the other.

    Parameters
    ----------
    n_peaks : sequence of int
        Peaks of each segment, at least one segment.
    peaks_per_item : int
        Peaks of an item of several segments, at most.
    """
    items: list[SegmentRange] = []
    start = total = 0
    for index, n in enumerate(n_peaks):
        if index > start and total + n > peaks_per_item:
            items.append(SegmentRange(start, index, total))
            start = index
            total = 0
        total += n
    return [*items, SegmentRange(start, len(n_peaks), total)]


def images_per_chunk(n_pixels: int) -> int:
    """Return how many ions share a chunk of the image array."""
    return max(1, IMAGE_CELLS_PER_CHUNK // n_pixels)


def images_per_shard(n_isotopes: int, n_pixels: int) -> int:
    """Return how many ions share an object of the image array: whole chunks."""
    per_chunk = images_per_chunk(n_pixels)
    n_chunks = IMAGE_CELLS_PER_SHARD // (n_isotopes * n_pixels) // per_chunk
    return max(1, n_chunks) * per_chunk


def cut_image_items(
    n_ions: int, n_isotopes: int, n_pixels: int, fan: FanOut | None = None
) -> list[tuple[int, int]]:
    """Cut the ions with images into items (start, stop), each of whole shards.

    Shards are part of the results: they do not depend on what the run may use, ``fan``.
    """
    per_shard = images_per_shard(n_isotopes, n_pixels)
    n_shards = -(-n_ions // per_shard)
    shards_per_item = max(1, -(-n_shards // MOST_IMAGE_ITEMS))
    if fan:
        cells = per_shard * n_isotopes * n_pixels
        shard_s = cells * (DRAW_S_PER_CELL + DRAWN_BYTES_PER_CELL / BYTES_PER_S)

        def price(size: int) -> Cost:
            n_items = -(-n_shards // size)
            drawn = fan.price_map("RenderImages", n_items, min(size, n_shards) * shard_s)
            # four small objects of each item, so many at once
            return drawn + Cost(4 * n_items / AT_ONCE * REQUEST_S, 0)

        shards_per_item = fan.choose(range(MOST_SHARDS_PER_ITEM, 0, -1), price)
    return list(cut(n_ions, per_shard * shards_per_item))


def cut_shards(start: int, stop: int, n_isotopes: int, n_pixels: int) -> list[tuple[int, int]]:
    """Cut an item of images into shards (start, stop)."""
    per_shard = images_per_shard(n_isotopes, n_pixels)
    return [(start + a, start + b) for a, b in cut(stop - start, per_shard)]
