"""How a dataset's peaks are sorted into segments: three ways to the same bytes.

::

    lambda    one call sorts all peaks in memory
    map       calls sort spans of spectra, further calls merge them, one range of m/z each
    fargate   one task does the same on its own disk: any size in bounded memory

The plan takes the way that is worth most of those that can do it, by its dollars and by its minutes
at what the user says one is worth, or a simpler one (in this order) that is worth hardly less; a
user may name one. PlanRun asks `plan_sort`, and the state machine branches by the answer. On one
machine minutes do not count: that the dataset fits is what decides.
"""

from __future__ import annotations

from dataclasses import dataclass

from ionbox_science.errors import InvalidConfig, InvalidDataset

from ionbox_cloud.environment import SORT_TASK_VARIABLE, read_architecture, read_json_variable
from ionbox_cloud.json_record import JsonRecord
from ionbox_cloud.ladder import Ladder
from ionbox_cloud.planning.fan_out import SIMPLER_IS_WORTH, Cost, FanOut
from ionbox_cloud.planning.prices import Prices, gigabyte_seconds, read_prices
from ionbox_cloud.planning.rate_table import read_rates
from ionbox_cloud.planning.rates import (
    BYTES_PER_S,
    MERGE_S_PER_PEAK,
    SORT_S_PER_PEAK,
    START_S,
)
from ionbox_cloud.planning.work_items import (
    PEAKS_PER_MERGE_ITEM,
    SORT_RANGE_BYTES,
    merge_memory_mb,
    price_merges,
    sort_memory_mb,
    span_memory_mb,
)
from ionbox_cloud.run_plan import SortPlan

PEAKS_PER_SPAN = 24_000_000
"""Peaks of a span of spectra that one call sorts at most (300 to 400 MB)."""

SPAN_SHARES = tuple(range(24, 2, -1))
"""Twenty-fourths of that, of which one is chosen: spans of so many million peaks. Their number
decides how long both Maps of sorting take, so it is chosen more finely than other cuts."""

MOST_SPANS = 512
"""Spans of a dataset, and so calls that sort it: 12 thousand million peaks, about what fits on the
disk of a Fargate task."""

DISK_LIMIT_GB = 200
"""What a Fargate task can have; source: Amazon ECS, task storage, 2026-11."""

_LONGEST_CALL_S = 600  # of the 900 that Lambda allows: predictions may be a third too low
_GB = 1 << 30
_MB = 1 << 20
_TASK_BYTES_PER_S = read_rates().task_bytes_per_s  # to and from object storage and disk
_TASK_START_S = read_rates().task_start_s  # until Fargate has found a host and fetched the image


@dataclass(frozen=True)
class SortTask(JsonRecord):
    """Processors and memory in MB of the Fargate task; its disk is chosen for each run."""

    vcpu: int
    memory_mb: int


def read_sort_task() -> SortTask | None:
    """Read the size of this deployment's Fargate task; None if it has none.

    Raises
    ------
    InvalidMessage
        If the variable is not set, or is neither null nor a size.
    """
    value = read_json_variable(SORT_TASK_VARIABLE)
    return None if value is None else SortTask.from_json(value)


@dataclass(frozen=True)
class SortJob:
    """What there is to sort.

    Attributes
    ----------
    name : str
        Name of the dataset, for messages.
    n_peaks : int
        Peaks as the imzML declares them; those of zero intensity are dropped later.
    mz_bytes : int
        Bytes of an m/z, 4 or 8.
    ibd_bytes : int
        Size of the ibd, bytes.
    n_segments : int
        Segments that come of it.
    n_pixels : int
        Pixels of an image, measured or not: the total ion current is one.
    n_picked : int or None
        Peaks expected where they are picked from profile spectra; ``n_peaks`` are then points.
    """

    name: str
    n_peaks: int
    mz_bytes: int
    ibd_bytes: int
    n_segments: int
    n_pixels: int
    n_picked: int | None = None

    @property
    def n_merged(self) -> int:
        """Peaks that are merged into segments."""
        return self.n_peaks if self.n_picked is None else self.n_picked

    @property
    def column_bytes(self) -> int:
        """Bytes of all peaks as columns: m/z, float32 intensity and uint32 pixel."""
        return self.n_peaks * (self.mz_bytes + 8)

    @property
    def memory_mb(self) -> int:
        """Memory of the call that sorts all of it, MB."""
        is_picked = self.n_picked is not None
        return sort_memory_mb(self.n_peaks, self.mz_bytes, self.n_pixels, is_picked=is_picked)

    @property
    def n_ranges(self) -> int:
        """Ranges of m/z that this call sorts, one after the other."""
        return 1 if self.n_picked is not None else max(1, -(-self.column_bytes // SORT_RANGE_BYTES))

    @property
    def least_spans(self) -> int:
        """Spans of spectra that many calls would sort at least, one each."""
        return max(1, -(-self.n_peaks // PEAKS_PER_SPAN))


def plan_sort(
    asked: str,
    job: SortJob,
    ladder: Ladder,
    task: SortTask | None,
    fan: FanOut | None = None,
) -> SortPlan:
    """Choose how to sort a dataset.

    Parameters
    ----------
    asked : str
        ``auto``, or the way the user wants.
    job : SortJob
        What there is to sort.
    ladder : Ladder
        Sizes of the functions of this deployment.
    task : SortTask or None
        Size of the Fargate task, if this deployment has one.
    fan : FanOut or None
        What the run may use; None if minutes do not count.

    Raises
    ------
    InvalidConfig
        If the way that was asked for cannot do it: too little memory, time or disk, or no task.
    InvalidDataset
        If no way can.
    """
    prices = read_prices(read_architecture())
    refusals = {
        "lambda": _refuse_lambda(job, ladder),
        "map": _refuse_map(job, ladder),
        "fargate": _refuse_fargate(job, task),
    }
    if asked != "auto" and refusals[asked]:
        raise InvalidConfig(
            f"sort: {asked} cannot sort {job.name}: {refusals[asked]}; leave the choice to ionbox "
            "(sort: auto)"
        )
    plans = [
        plan
        for plan in (
            None if refusals["lambda"] else _plan_lambda(job, ladder, prices),
            None if refusals["map"] else _plan_map(job, ladder, prices, fan),
            None if refusals["fargate"] or task is None else _plan_fargate(job, task, prices),
        )
        if plan and asked in ("auto", plan.way)
    ]
    if not plans:
        reasons = "\n".join(f"  {way}: {reason}" for way, reason in refusals.items())
        raise InvalidDataset(
            f"{job.name}: its {job.n_peaks:,} peaks cannot be sorted here:\n{reasons}"
        )

    def worth(plan: SortPlan) -> float:
        cost = Cost(plan.predicted_seconds, plan.predicted_dollars)
        return fan.worth(cost) if fan else cost.dollars

    limit = min(map(worth, plans)) + SIMPLER_IS_WORTH
    return next(plan for plan in plans if worth(plan) <= limit)


def choose_spans(job: SortJob, fan: FanOut | None) -> int:
    """Choose into how many spans of spectra many calls cut a dataset.

    More are sorted by more calls at once. But each call that merges reads of every span, so that
    spans x items of MergeSegments requests are made, which are paid for, and of which storage
    answers so many in a second.

    Parameters
    ----------
    job : SortJob
        What there is to sort.
    fan : FanOut or None
        What the run may use; None for spans of the base size.
    """
    if fan is None:
        return job.least_spans
    numbers = (
        max(1, -(-job.n_peaks * SPAN_SHARES[0] // (PEAKS_PER_SPAN * share)))
        for share in SPAN_SHARES
    )
    fit = [n for n in numbers if n <= MOST_SPANS] or [job.least_spans]
    return fan.choose(fit, lambda n: _price_sort(job, n, fan))


# Each of these returns why a way cannot sort a dataset; nothing if it can.


def _refuse_lambda(job: SortJob, ladder: Ladder) -> str:
    memory_mb = job.memory_mb
    if not ladder.fits("SegmentSpectra", memory_mb):
        top = ladder.top_mb("SegmentSpectra")
        return f"its peaks take {memory_mb:,} MB, the largest function has {top:,} MB"
    seconds = _lambda_seconds(job)
    if seconds > _LONGEST_CALL_S:
        return f"it would take about {seconds:,.0f} s, a call may take {_LONGEST_CALL_S}"
    return ""


def _refuse_map(job: SortJob, ladder: Ladder) -> str:
    if job.least_spans > MOST_SPANS:
        return (
            f"it would take {job.least_spans:,} calls of SortSpans, a run may have {MOST_SPANS:,}"
        )
    needed = {
        "SortSpans": span_memory_mb(min(job.n_peaks, PEAKS_PER_SPAN), job.mz_bytes),
        "MergeSegments": merge_memory_mb(_peaks_of(job, _segments_per_item(job)[0]), job.mz_bytes),
    }
    for state, memory_mb in needed.items():
        if not ladder.fits(state, memory_mb):
            top = ladder.top_mb(state)
            return f"{state} needs {memory_mb:,} MB, its largest function has {top:,} MB"
    return ""


def _refuse_fargate(job: SortJob, task: SortTask | None) -> str:
    if task is None:
        return "this deployment has no Fargate task (fargate: false)"
    disk_gb = _disk_gb(job)
    if disk_gb > DISK_LIMIT_GB:
        return f"its peaks take {disk_gb:,} GB of disk, a task has at most {DISK_LIMIT_GB}"
    return ""


def _lambda_seconds(job: SortJob) -> float:
    # the ibd is read to count peaks, and to place those of each range; the segments are written
    moved = (1 + job.n_ranges) * job.ibd_bytes + job.column_bytes
    return START_S + moved / BYTES_PER_S + job.n_peaks * SORT_S_PER_PEAK


def _plan_lambda(job: SortJob, ladder: Ladder, prices: Prices) -> SortPlan:
    memory_mb = job.memory_mb
    state = "SegmentSpectra"
    rung_mb = ladder.rungs_mb[state][ladder.start_rung(state, memory_mb)]
    seconds = _lambda_seconds(job)
    dollars = prices.lambda_calls(gigabyte_seconds(seconds, rung_mb), 1)
    return SortPlan("lambda", memory_mb, 0, 0, round(seconds, 1), round(dollars, 6))


def _plan_map(job: SortJob, ladder: Ladder, prices: Prices, fan: FanOut | None) -> SortPlan:
    # without word of workers there are as many as calls
    fan_out = fan or FanOut(MOST_SPANS, (), 0)
    n_spans = choose_spans(job, fan)
    # spans are cut by these, and may be a spectrum larger
    share = PEAKS_PER_SPAN // SPAN_SHARES[0]
    per_span = -(-job.n_peaks // (n_spans * share)) * share
    memory_mb = span_memory_mb(min(job.n_peaks, per_span), job.mz_bytes)
    rung_mb = ladder.rungs_mb["SortSpans"][ladder.start_rung("SortSpans", memory_mb)]
    # what is read of the ibd is kept; columns are spans, read back, and written as segments
    moved = job.ibd_bytes + 3 * job.column_bytes
    work_s = (
        moved / BYTES_PER_S
        + job.n_peaks * SORT_S_PER_PEAK
        + job.n_merged * MERGE_S_PER_PEAK
        + 2 * START_S  # of PlanMerge and FinishSegments
    )
    checksum_s = job.ibd_bytes / BYTES_PER_S
    maps = _price_sort(job, n_spans, fan_out)
    dollars = (
        prices.lambda_calls(gigabyte_seconds(work_s + checksum_s, rung_mb), 3)
        + prices.transitions(3)
        + maps.dollars
    )
    # the checksum is made beside the calls that sort
    seconds = max(maps.seconds + 2 * START_S, START_S + checksum_s)
    return SortPlan("map", memory_mb, 0, 0, round(seconds, 1), round(dollars, 6))


def _price_sort(job: SortJob, n_spans: int, fan: FanOut) -> Cost:
    """Predict what both Maps take if there are so many spans, as `FanOut.price_map` does."""
    span_s = (job.ibd_bytes + job.column_bytes) / BYTES_PER_S + job.n_peaks * SORT_S_PER_PEAK
    sort = fan.price_map("SortSpans", n_spans, span_s / n_spans)
    merges = [
        price_merges(*(fan, -(-job.n_segments // n), _peaks_of(job, n), n_spans), job.mz_bytes + 8)
        for n in _segments_per_item(job)
    ]
    return sort + min(merges, key=fan.worth)


def _segments_per_item(job: SortJob) -> range:
    """Return how many segments an item of MergeSegments may have, most first."""
    most = PEAKS_PER_MERGE_ITEM * job.n_segments // max(1, job.n_merged)
    return range(min(max(1, most), job.n_segments), 0, -1)


def _peaks_of(job: SortJob, n_segments: int) -> int:
    """Return the peaks of so many segments."""
    return job.n_merged * n_segments // job.n_segments


def _plan_fargate(job: SortJob, task: SortTask, prices: Prices) -> SortPlan:
    # what is read of the ibd is kept in memory; columns go to disk and back, then out as segments
    moved = job.ibd_bytes + 3 * job.column_bytes
    work_s = moved / _TASK_BYTES_PER_S + 2 * job.n_peaks * SORT_S_PER_PEAK / task.vcpu
    seconds = _TASK_START_S + work_s
    disk_gb = _disk_gb(job)
    dollars = prices.fargate_task(seconds, task.vcpu, task.memory_mb, disk_gb)
    size = task.memory_mb, disk_gb, task.vcpu
    return SortPlan("fargate", *size, round(seconds, 1), round(dollars, 6))


def _disk_gb(job: SortJob) -> int:
    """Return the disk of a task in GiB: its own system, and all peaks once with a twentieth more.

    21 is the least that Fargate takes.
    """
    return max(21, 5 + -(-job.column_bytes * 21 // 20 // _GB))
