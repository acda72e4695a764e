"""What the calls of each state compute, move and wait for, from the counts of a run.

Work is cut by the functions that cut it (`ionbox_cloud.planning.work_items`). Requests are those
that wait for one another, as the table of docs/performance.md has them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ionbox_science.imzml.ibd import MAX_GAP

from ionbox_cloud.forecast.counts import DatabaseCounts, RunCounts
from ionbox_cloud.identity import N_SAMPLES
from ionbox_cloud.planning.call_memory import publish_memory_mb
from ionbox_cloud.planning.fan_out import FanOut
from ionbox_cloud.planning.rate_table import Rates
from ionbox_cloud.planning.read_ahead import MOST_BYTES
from ionbox_cloud.planning.work_items import (
    IONS_PER_CHUNK,
    IONS_PER_READ,
    PEAKS_PER_READ,
    IonRange,
    choose_merge_peaks,
    choose_score_peaks,
    cut,
    cut_image_items,
    cut_merge_items,
    cut_score_items,
    image_memory_mb,
    images_per_shard,
    merge_memory_mb,
    pattern_memory_mb,
    score_memory_mb,
)
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.storage.side_by_side import AT_ONCE

_NS, _US = 1e-9, 1e-6
_SAMPLED_SPECTRA = 512  # that PlanRun reads of an ibd, at most
_PART_BYTES = 16 << 20  # of an object that is written in parts
_WINDOW_BYTES = 64 << 10  # least that is read for an image: from one entry of an index to the next
_TABLE_BYTES = 120  # a row of a molecule table
_SCORE_BYTES = 40  # an ion's metrics
_PATTERN_BYTES = 60
_RANGES_PER_REQUEST = 10
_PREPARED_BYTES = 256 << 20  # of images to colocalize, at most
_PICTURE_BYTES = 10_000  # of the report, an ion


@dataclass(frozen=True)
class StateWork:
    """What one state does.

    Attributes
    ----------
    state : str
        Its name.
    n_calls : int
        Calls; of a Map its items.
    memory_mb : int
        What a call should need, MB.
    cpu_s : float
        CPU seconds of one call, on the machine of the rates.
    n_bytes : float
        What one call moves to and from storage, bytes.
    n_requests : float
        Requests of one call that wait for one another.
    is_map : bool
        Whether the state is a Map.
    overlaps : bool
        Whether it computes while bytes are moved.
    n_reads : int
        Reads of all calls from one prefix, where these could be too many.
    """

    state: str
    n_calls: int
    memory_mb: int
    cpu_s: float
    n_bytes: float = 0
    n_requests: float = 0
    is_map: bool = False
    overlaps: bool = False
    n_reads: int = 0


def count_work(
    plan: RunPlan,
    counts: RunCounts,
    rates: Rates,
    memory_mb: dict[str, int],
    fan: FanOut | None = None,
) -> dict[str, StateWork]:
    """Return what each state of a run does that finds nothing computed, by state.

    Parameters
    ----------
    plan : RunPlan
        Its plan.
    counts : RunCounts
        What there is to do.
    rates : Rates
        What computing takes.
    memory_mb : dict of str to int
        Memory of the calls on the whole run by state, MB.
    fan : FanOut or None
        What the run may use; None for items of the base size.
    """
    works = [
        _plan_run(plan, counts, rates),
        *_sorting(plan, counts, rates, memory_mb, fan),
        *_patterns(counts, rates, memory_mb),
        *_annotation(plan, counts, rates, memory_mb, fan),
    ]
    return {work.state: work for work in works}


def _waves(n: float) -> int:
    """Return the turns in which so many requests are made."""
    return math.ceil(n / AT_ONCE)


def _more(n: float) -> int:
    """Return the turns beyond the first, which all tables of requests have."""
    return max(0, _waves(n) - 1)


def _plan_run(plan: RunPlan, counts: RunCounts, rates: Rates) -> StateWork:
    share = min(1.0, _SAMPLED_SPECTRA / max(counts.n_spectra, 1))
    sampled = counts.n_peaks * share
    sampled_bytes = min(counts.ibd_bytes * share + (4 << 20), counts.ibd_bytes)
    cpu_s = (
        rates.plan_s
        + counts.imzml_bytes * rates.plan_ns_per_imzml_byte * _NS
        + counts.n_molecules * rates.plan_us_per_molecule * _US
        + sampled * rates.plan_ns_per_sampled_peak * _NS
    )
    # samples that lie near one another are read together, with what is between them
    n_apart = min(_SAMPLED_SPECTRA, counts.n_spectra) + N_SAMPLES
    if counts.ibd_bytes / n_apart < MAX_GAP:
        sampled_bytes, n_apart = min(counts.ibd_bytes, MOST_BYTES), 1
    moved = counts.imzml_bytes + sampled_bytes + counts.n_molecules * _TABLE_BYTES * 2
    n_requests = 10 + _more(n_apart)
    return StateWork("PlanRun", 1, plan.planning_mb, cpu_s, moved, n_requests)


def _sorting(
    plan: RunPlan,
    counts: RunCounts,
    rates: Rates,
    memory_mb: dict[str, int],
    fan: FanOut | None,
) -> Iterator[StateWork]:
    columns = counts.n_peaks * counts.peak_bytes
    hash_s = counts.ibd_bytes * rates.hash_ns_per_byte * _NS
    if plan.sort.way != "map":
        state = "SegmentSpectra" if plan.sort.way == "lambda" else "SortSpectra"
        cpu_s = rates.call_cpu_s + counts.n_peaks * rates.sort_ns_per_peak * _NS + hash_s
        moved = (1 + counts.n_ranges) * counts.ibd_bytes + columns
        n_requests = 9 + 3 * (counts.n_segments - 1)
        yield StateWork(state, 1, plan.sort.memory_mb, cpu_s, moved, n_requests)
        return
    n_spans, n_segments = counts.n_spans, counts.n_segments
    span = counts.n_peaks / n_spans
    yield StateWork(
        "SortSpans",
        n_spans,
        plan.sort.memory_mb,
        rates.call_cpu_s + span * rates.span_ns_per_peak * _NS,
        (counts.ibd_bytes + columns) / n_spans,  # what is read is kept until it is placed
        9,
        is_map=True,
    )
    yield StateWork("PlanMerge", 1, memory_mb["PlanMerge"], rates.call_cpu_s, 0, 7 + _more(n_spans))
    n_peaks = [counts.n_peaks // n_segments] * n_segments
    items = cut_merge_items(n_peaks, choose_merge_peaks(n_peaks, n_spans, fan))
    yield StateWork(
        "MergeSegments",
        len(items),
        merge_memory_mb(max(item.n_peaks for item in items), counts.peak_bytes - 8),
        rates.call_cpu_s + counts.n_peaks / len(items) * rates.merge_ns_per_peak * _NS,
        2 * columns / len(items),
        9,  # others wait while these bring their bytes
        is_map=True,
        n_reads=n_spans * len(items),
    )
    if counts.reads_checksum:
        yield StateWork(
            "ChecksumIbd",
            1,
            plan.planning_mb,
            rates.call_cpu_s + hash_s,
            counts.ibd_bytes,
            6,
            overlaps=True,
        )
    n_requests = 6 + _more(n_spans) + _more(len(items))
    pixels = counts.n_pixels * rates.tic_ns_per_pixel * _NS
    yield StateWork(
        "FinishSegments",
        1,
        memory_mb["FinishSegments"],
        rates.call_cpu_s + pixels,
        counts.n_spectra * 32 + counts.n_pixels * 8,
        n_requests,
    )


def _patterns(counts: RunCounts, rates: Rates, memory_mb: dict[str, int]) -> Iterator[StateWork]:
    n_databases = len(counts.databases)
    yield StateWork(
        "BuildIons",
        1,
        memory_mb["BuildIons"],
        rates.call_cpu_s
        + counts.n_molecules * rates.ions_us_per_molecule * _US
        + counts.n_ions * rates.ions_us_per_ion * _US,
        counts.n_molecules * _TABLE_BYTES + counts.n_ions * 20,
        7 + 3 * (n_databases - 1),
    )
    chunks = list(_cut_chunks(counts))
    per_chunk = counts.n_ions / max(len(chunks), 1)
    yield StateWork(
        "GenerateIsotopePatterns",
        len(chunks),
        pattern_memory_mb(max((stop - start for start, stop in chunks), default=0)),
        rates.call_cpu_s + per_chunk * rates.patterns_us_per_ion * _US,
        per_chunk * _PATTERN_BYTES,
        5,
        is_map=True,
    )


def _cut_chunks(counts: RunCounts) -> Iterator[tuple[int, int]]:
    for database in counts.databases:
        yield from cut(database.n_ions, IONS_PER_CHUNK)


def _annotation(
    plan: RunPlan,
    counts: RunCounts,
    rates: Rates,
    memory_mb: dict[str, int],
    fan: FanOut | None,
) -> Iterator[StateWork]:
    n_databases, n_chunks = len(counts.databases), len(list(_cut_chunks(counts)))
    of_segments = _more(counts.n_segments)
    databases = [_chunks_with_peaks(each, counts, rates) for each in counts.databases]
    per_item = choose_score_peaks(databases, fan)
    items = [item for chunks in databases for item in cut_score_items(chunks, per_item)]
    planning = 8 + of_segments + _more(n_chunks)
    if plan.config.recalibrate:
        needed = memory_mb["PlanRecalibration"]
        yield StateWork("PlanRecalibration", 1, needed, rates.call_cpu_s, 0, planning)
        n_ions = counts.n_targets + (counts.n_ions - counts.n_targets) / plan.config.decoys
        yield _score("MeasureMzErrors", items, n_ions, counts, rates)
        planning += 2 + _more(len(items))  # the errors
    needed = memory_mb["PlanAnnotation"]
    yield StateWork("PlanAnnotation", 1, needed, rates.call_cpu_s, 0, planning)
    yield _score("AnnotateSegments", items, counts.n_ions, counts, rates)
    yield StateWork(
        "EstimateFdr",
        1,
        memory_mb["EstimateFdr"],
        rates.fdr_s
        + counts.n_ions * rates.fdr_us_per_ion * _US
        + counts.n_pixels * rates.tic_ns_per_pixel * _NS,
        counts.n_ions * (_SCORE_BYTES + 20) + counts.n_pixels * 16,
        9 + 3 * (n_databases - 1) + _more(len(items)) + _more(n_chunks) + of_segments,
    )
    yield from _images(plan, counts, rates, fan)


def _chunks_with_peaks(database: DatabaseCounts, counts: RunCounts, rates: Rates) -> list[IonRange]:
    """Return the chunks of a database as if peaks were spread evenly over its ions."""
    chunks = list(cut(database.n_ions, IONS_PER_CHUNK))
    per_chunk = counts.n_peaks // max(len(chunks), 1)
    per_ion = counts.n_isotopes * counts.peaks_per_window(rates)
    return [
        IonRange(start, stop, per_chunk, round((stop - start) * per_ion)) for start, stop in chunks
    ]


def _score(
    state: str, items: list[IonRange], n_ions: float, counts: RunCounts, rates: Rates
) -> StateWork:
    """Return the work of a Map that scores ``n_ions`` of the ions of its items."""
    n_items = max(len(items), 1)
    n_peaks = sum(item.n_peaks for item in items)
    windows = n_ions * counts.n_isotopes * counts.peaks_per_window(rates)
    cpu_s = (
        n_ions * rates.annotate_us_per_ion * _US
        + n_peaks * rates.annotate_ns_per_peak * _NS
        + windows * rates.annotate_ns_per_window_peak * _NS
        + counts.n_targets * counts.n_pixels * rates.annotate_ns_per_target_pixel * _NS
    )
    largest = max((item.n_peaks for item in items), default=0)
    most_ions = max((item.stop - item.start for item in items), default=0)
    n_reads = max(n_ions / IONS_PER_READ, n_peaks / PEAKS_PER_READ) / n_items
    return StateWork(
        state,
        len(items),
        score_memory_mb(most_ions, largest, counts.n_pixels),
        rates.call_cpu_s + cpu_s / n_items,
        (n_peaks * counts.peak_bytes + n_ions * (_PATTERN_BYTES + _SCORE_BYTES)) / n_items,
        8 + n_reads / _RANGES_PER_REQUEST,
        is_map=True,
        overlaps=True,
    )


def _images(
    plan: RunPlan, counts: RunCounts, rates: Rates, fan: FanOut | None
) -> Iterator[StateWork]:
    n_images, n_isotopes, n_pixels = counts.n_annotated, counts.n_isotopes, counts.n_pixels
    items = cut_image_items(n_images, n_isotopes, n_pixels, fan)
    n_items, per_shard = max(len(items), 1), images_per_shard(n_isotopes, n_pixels)
    cells = n_images * n_isotopes * n_pixels
    per_window = max(
        counts.peaks_per_window(rates), n_pixels * rates.image_fill
    )  # an ion that is found has more peaks than noise has
    # windows that lie near one another are read together, with what is between them
    n_windows = n_images * n_isotopes
    columns = counts.n_peaks * counts.peak_bytes
    is_near = columns / 2 < n_windows * MAX_GAP
    window_bytes = max(per_window * counts.peak_bytes, _WINDOW_BYTES)
    read = columns / n_items if is_near else n_windows / n_items * window_bytes
    cpu_s = (
        n_images * rates.render_us_per_image * _US + cells * rates.render_ns_per_cell * _NS
    ) / n_items
    n_shards = -(-n_images // per_shard) / n_items
    per_call = n_images / n_items
    n_reads = 1 if is_near else 2 * min(per_shard, per_call) * n_isotopes
    stored = cells / n_items * 4 * rates.stored_share
    largest = min(n_images, per_shard)
    yield StateWork(
        "RenderImages",
        len(items),
        image_memory_mb(
            largest * n_isotopes * n_pixels,
            round(largest * n_isotopes * per_window),
            math.ceil(n_shards),
        ),
        rates.call_cpu_s + cpu_s,
        read + stored,
        9 + 2 * (n_shards - 1) + _more(n_reads),
        is_map=True,
        overlaps=True,
    )
    yield _publish(plan, counts, rates, n_items)


def _publish(plan: RunPlan, counts: RunCounts, rates: Rates, n_items: int) -> StateWork:
    n_images = counts.n_annotated
    # images to colocalize are averaged to what fits, two bytes a pixel
    n_pixels = min(counts.n_pixels, _PREPARED_BYTES // 2 // max(n_images, 1))
    pairs = n_images * n_images / 2
    return StateWork(
        "PublishResults",
        1,
        publish_memory_mb(plan, n_images),
        rates.publish_s
        + n_images * rates.publish_us_per_image * _US
        + counts.n_spectra * rates.publish_us_per_spectrum * _US
        + pairs * n_pixels * rates.publish_ns_per_pair_pixel * _NS,
        n_images * n_pixels * 2 + n_images * _PICTURE_BYTES + counts.n_spectra * 24,
        10 + 3 * _more(n_items),
        overlaps=True,
    )
