"""How a dataset's peaks are sorted into segments: three ways to the same bytes.

::

    lambda    one call sorts all peaks in memory
    map       calls sort spans of spectra, further calls merge them, one range of m/z each
    fargate   one task does the same on its own disk: any size in bounded memory

The plan takes the cheapest way that can do it, or a simpler one (in this order) that costs hardly
more; a user may name one. PlanRun asks `plan_sort`, and the state machine branches by the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from ionbox_science.errors import InvalidConfig, InvalidDataset

from ionbox_cloud.environment import SORT_TASK_VARIABLE, read_architecture, read_json_variable
from ionbox_cloud.json_record import JsonRecord
from ionbox_cloud.ladder import Ladder
from ionbox_cloud.planning.prices import Prices, gigabyte_seconds, read_prices
from ionbox_cloud.planning.rate_table import read_rates
from ionbox_cloud.planning.work_items import (
    PEAKS_PER_MERGE_ITEM,
    SORT_RANGE_BYTES,
    merge_memory_mb,
    sort_memory_mb,
    span_memory_mb,
)
from ionbox_cloud.run_plan import SortPlan

PEAKS_PER_SPAN = 24_000_000
"""Peaks of a span of spectra that one call sorts (300 to 400 MB)."""

MOST_SPANS = 512
"""Spans of a dataset, and so calls that sort it: 12 thousand million peaks, about what fits on the
disk of a Fargate task."""

DISK_LIMIT_GB = 200
"""What a Fargate task can have; source: Amazon ECS, task storage, 2026-11."""

_SIMPLER_IS_WORTH = 0.05  # dollars: a way of fewer calls has less that can go wrong
_LONGEST_CALL_S = 600  # of the 900 that Lambda allows: predictions may be a third too low
_GB = 1 << 30
_MB = 1 << 20
# Bytes per second to and from object storage, and peaks per second; they decide between ways, never
# what comes out.
_RATES = read_rates()
_CALL_BYTES_PER_S = _RATES.call_bytes_per_s
_TASK_BYTES_PER_S = _RATES.task_bytes_per_s
_PEAKS_PER_S = _RATES.task_peaks_per_s
_CALL_START_S = _RATES.cold_start_s + _RATES.init_s  # imports
_TASK_START_S = _RATES.task_start_s


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
    def n_spans(self) -> int:
        """Spans of spectra that many calls would sort, one each."""
        return max(1, -(-self.n_peaks // PEAKS_PER_SPAN))


def plan_sort(asked: str, job: SortJob, ladder: Ladder, task: SortTask | None) -> SortPlan:
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
            None if refusals["map"] else _plan_map(job, ladder, prices),
            None if refusals["fargate"] or task is None else _plan_fargate(job, task, prices),
        )
        if plan and asked in ("auto", plan.way)
    ]
    if not plans:
        reasons = "\n".join(f"  {way}: {reason}" for way, reason in refusals.items())
        raise InvalidDataset(
            f"{job.name}: its {job.n_peaks:,} peaks cannot be sorted here:\n{reasons}"
        )
    limit = min(plan.predicted_dollars for plan in plans) + _SIMPLER_IS_WORTH
    return next(plan for plan in plans if plan.predicted_dollars <= limit)


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
    if job.n_spans > MOST_SPANS:
        return f"it would take {job.n_spans:,} calls of SortSpans, a run may have {MOST_SPANS:,}"
    needed = {
        "SortSpans": span_memory_mb(min(job.n_peaks, PEAKS_PER_SPAN), job.mz_bytes),
        "MergeSegments": merge_memory_mb(job.n_merged // job.n_segments, job.mz_bytes),
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
    return _CALL_START_S + moved / _CALL_BYTES_PER_S + job.n_peaks / _PEAKS_PER_S


def _plan_lambda(job: SortJob, ladder: Ladder, prices: Prices) -> SortPlan:
    memory_mb = job.memory_mb
    state = "SegmentSpectra"
    rung_mb = ladder.rungs_mb[state][ladder.start_rung(state, memory_mb)]
    seconds = _lambda_seconds(job)
    dollars = prices.lambda_calls(gigabyte_seconds(seconds, rung_mb), 1)
    return SortPlan("lambda", memory_mb, 0, 0, round(seconds, 1), round(dollars, 6))


def _plan_map(job: SortJob, ladder: Ladder, prices: Prices) -> SortPlan:
    memory_mb = span_memory_mb(min(job.n_peaks, PEAKS_PER_SPAN), job.mz_bytes)
    rung_mb = ladder.rungs_mb["SortSpans"][ladder.start_rung("SortSpans", memory_mb)]
    # the ibd as in one call; columns are written as spans, read back, and written as segments
    moved = 2 * job.ibd_bytes + 3 * job.column_bytes
    n_calls = job.n_spans + max(1, job.n_peaks // PEAKS_PER_MERGE_ITEM)
    work_s = moved / _CALL_BYTES_PER_S + 2 * job.n_peaks / _PEAKS_PER_S + n_calls * _CALL_START_S
    checksum_s = job.ibd_bytes / _CALL_BYTES_PER_S
    # besides: PlanMerge, FinishSegments and ChecksumIbd; a merge reads a block of every span
    dollars = (
        prices.lambda_calls(gigabyte_seconds(work_s + checksum_s, rung_mb), n_calls + 3)
        + prices.transitions(n_calls)
        + job.n_spans * job.n_segments * prices.s3_read
    )
    # two rounds, of about half of the calls each, all at once; the checksum is made beside them
    seconds = max(2 * _CALL_START_S + 2 * work_s / n_calls, checksum_s)
    return SortPlan("map", memory_mb, 0, 0, round(seconds, 1), round(dollars, 6))


def _plan_fargate(job: SortJob, task: SortTask, prices: Prices) -> SortPlan:
    # what is read of the ibd is kept in memory; columns go to disk and back, then out as segments
    moved = job.ibd_bytes + 3 * job.column_bytes
    work_s = moved / _TASK_BYTES_PER_S + 2 * job.n_peaks / _PEAKS_PER_S / task.vcpu
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
