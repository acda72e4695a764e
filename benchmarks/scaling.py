"""How a run scales with its dataset and with calls at once: a model, nothing is run.

Cut by the planning functions themselves, timed by ``data/rates.json``. Pixels, XML and peaks grow
with the dataset, as those of a slide do whose pixels have 3,000 peaks each.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ionbox_cloud.forecast.counts import count_run
from ionbox_cloud.forecast.planned_run import PlannedWork, usual_fan_out
from ionbox_cloud.ladder import Ladder
from ionbox_cloud.messages import DatasetFiles
from ionbox_cloud.planning.call_memory import read_memory_mb
from ionbox_cloud.planning.rate_table import read_rates
from ionbox_cloud.planning.sort_plan import SortJob, SortTask, choose_spans, plan_sort
from ionbox_cloud.run_plan import Forecast, PlannedDatabase, RunPlan
from ionbox_science.config import RunConfig
from ionbox_science.sorting.segments import PEAKS_PER_SEGMENT
from rich.console import Console
from rich.table import Table

WORKERS = (8, 39, 78, 157, 315, 788)
"""Calls of a Map at once."""

SIZES_GB = (1, 21, 64)
DROPS_GB = (0.01, 0.2, 1)
"""Sizes of an ibd, GB (10^9 bytes)."""

CASES = {
    "as planned": ("auto", True),
    "sorted by many calls": ("map", True),
    "sorted by many calls, checksum stated": ("map", False),
}
"""Way of sorting, and whether the ibd has to be read for its checksum."""

_FUNCTIONS = Path(__file__).parents[1] / "statemachine" / "functions.json"
_PEAK_BYTES = 12
_PEAKS_PER_PIXEL = 3000
_XML_BYTES = 1450
_N_FORMULAS = 11_592
_N_ANNOTATED = 2000
_N_ISOTOPES = 4
_MAPS = ("SortSpans", "MergeSegments", "AnnotateSegments", "RenderImages")


@dataclass(frozen=True)
class Goal:
    """What a run of this size, with so many calls at once, is asked to stay below."""

    size_gb: float
    n_workers: int
    seconds: float
    to_mail: bool = False


GOALS = (
    Goal(21, 39, 130),
    Goal(21, 157, 60),
    Goal(21, 788, 45),
    Goal(64, 788, 120),
    Goal(0.01, 157, 15, to_mail=True),
    Goal(0.2, 157, 25, to_mail=True),
    Goal(1, 157, 40, to_mail=True),
)
LEAST_SPEED_UP = {"whole run": 2.8, "Maps alone": 5.1}
"""Of 21 GB, from 39 to 788 calls at once."""
MOST_DOLLARS = 0.19
"""Of 21 GB."""


def print_scaling(console: Console) -> None:
    """Print the tables."""
    console.print("A model: cut by the planning code, timed by data/rates.json; nothing is run.")
    console.print("child_execution_type EXPRESS; functions are called for the first time.")
    cases = {case: _forecast_all(*how) for case, how in CASES.items()}
    for case, found in cases.items():
        console.print(_table_of_sizes(case, found))
    *_, (case, found) = cases.items()
    console.print(_table_of_states(case, found))
    console.print(_table_of_goals(cases))


Found = dict[tuple[float, int], Forecast]


def _forecast_all(asked: str, reads_checksum: bool) -> Found:
    return {
        (size, n): forecast_size(size, n, asked, reads_checksum=reads_checksum)
        for size in sorted({*SIZES_GB, *DROPS_GB})
        for n in WORKERS
    }


def forecast_size(
    size_gb: float, n_workers: int, asked: str = "auto", *, reads_checksum: bool = True
) -> Forecast:
    """Forecast a run on a dataset of this size, on AWS, nothing of it being there.

    Parameters
    ----------
    size_gb : float
        Size of the ibd, GB.
    n_workers : int
        Calls of a Map at once.
    asked : str
        Way of sorting.
    reads_checksum : bool
        Whether the ibd has to be read for its checksum.
    """
    plan, imzml_bytes, ladder = plan_size(size_gb, asked, n_workers)
    n_annotated = _N_ANNOTATED if size_gb >= 1 else None
    counts = count_run(
        plan,
        read_rates(),
        imzml_bytes=imzml_bytes,
        n_formulas=[_N_FORMULAS],
        n_annotated=n_annotated,
        reads_checksum=reads_checksum,
    )
    return PlannedWork(plan, counts, ladder).on_aws(usual_fan_out(n_workers))


def plan_size(
    size_gb: float, asked: str = "auto", n_workers: int = 157
) -> tuple[RunPlan, int, Ladder]:
    """Return the plan of a made-up dataset of this size, the bytes of its imzML, and the ladder."""
    table = json.loads(_FUNCTIONS.read_text("utf-8"))
    ladder = Ladder({name: tuple(row["rungs_mb"]) for name, row in table["functions"].items()})
    task = table["tasks"]["SortSpectra"]
    ibd_bytes = round(size_gb * 1e9)
    n_peaks = ibd_bytes // _PEAK_BYTES
    n_spectra = max(1, n_peaks // _PEAKS_PER_PIXEL)
    width = math.isqrt(n_spectra - 1) + 1
    height = -(-n_spectra // width)
    n_segments = max(1, round(n_peaks / PEAKS_PER_SEGMENT))
    job = SortJob("slide", n_peaks, 8, ibd_bytes, n_segments, width * height)
    fan = usual_fan_out(n_workers)
    sort = plan_sort(asked, job, ladder, SortTask(task["vcpu"], task["memory_mb"]), fan)
    cuts = np.linspace(0, n_spectra, choose_spans(job, fan) + 1).astype(int).tolist()
    imzml_bytes = n_spectra * _XML_BYTES
    config = RunConfig(
        "positive",
        "orbitrap",
        0.000619,
        ("+H", "+Na", "+K"),
        fdr_method="metaspace-v1",
        isotope_patterns="cpymspec-0.4.2",
    )
    plan = RunPlan(
        run_id="",
        dataset_id="",
        segments_id="",
        dataset=DatasetFiles("slide", "slide.imzML", "slide.ibd", None),
        imzml_sha256="",
        ibd_bytes=ibd_bytes,
        ibd_etag="",
        n_spectra=n_spectra,
        n_peaks=n_peaks,
        width=width,
        height=height,
        mz_type="<f8",
        checksum_algorithm="sha1",
        declared_checksum="",
        segment_bounds=tuple(map(float, range(1, n_segments))),
        sort=sort,
        span_cuts=tuple(cuts) if sort.way == "map" else (),
        config=config,
        databases=(PlannedDatabase("hmdb", "", "", "", _N_FORMULAS, 0),),
        dollars_per_minute=fan.dollars_per_minute,
        force=False,
        n_formulas=_N_FORMULAS,
        planning_mb=read_memory_mb(imzml_bytes, 256 << 20),
        warnings=(),
    )
    return plan, imzml_bytes, ladder


def to_mail_s(forecast: Forecast) -> float:
    """Return the seconds from the last file's arrival to the mail."""
    rates = read_rates()
    return rates.intake_s + forecast.seconds + rates.mail_s


def _table_of_sizes(case: str, found: Found) -> Table:
    table = Table(title=f"{case}: seconds, dollars and floor")
    table.add_column("calls at once", justify="right")
    for size in SIZES_GB:
        table.add_column(f"{size} GB")
    for n in WORKERS:
        cells = []
        for size in SIZES_GB:
            each = found[size, n]
            cells.append(f"{each.seconds:.0f} s, ${each.dollars:.3f}; {each.floor}")
        table.add_row(f"{n}", *cells)
    return table


def _table_of_states(case: str, found: Found) -> Table:
    title = f"21 GB, {case}: seconds by state (starting, requests, bytes, computing)"
    table = Table(title=title)
    table.add_column("state")
    shown = (39, 157, 788)
    for n in shown:
        table.add_column(f"{n} at once")
    states = dict.fromkeys(state for n in shown for state in found[21, n].states)
    for state in states:
        cells = []
        for n in shown:
            each = found[21, n].states.get(state)
            on_path = state in found[21, n].path
            parts = each and (each.start_s, each.wait_s, each.move_s, each.compute_s)
            cells.append(
                f"{each.seconds:.1f}{'' if on_path else ' beside'} "
                f"({', '.join(f'{part:.1f}' for part in parts)}); {each.calls} calls"
                if each and parts
                else ""
            )
        table.add_row(state, *cells)
    return table


def _table_of_goals(cases: dict[str, Found]) -> Table:
    table = Table(title="goals")
    for column in ("what", "asked for", *cases):
        table.add_column(column)
    for goal in GOALS:
        what = f"{goal.size_gb:g} GB, {goal.n_workers} at once"
        what += ", from the drop to the mail" if goal.to_mail else ""
        cells = [_goal_cell(goal, found) for found in cases.values()]
        table.add_row(what, f"{goal.seconds:.0f} s", *cells)
    for what, least in LEAST_SPEED_UP.items():
        name = f"21 GB, 39 to 788 at once, {what}"
        ratios = (speed_ups(found)[what] for found in cases.values())
        table.add_row(name, f"{least}x", *(f"{ratio:.1f}x" for ratio in ratios))
    dearest = (max(found[21, n].dollars for n in WORKERS) for found in cases.values())
    table.add_row("21 GB", f"${MOST_DOLLARS}", *(f"${dollars:.3f}" for dollars in dearest))
    return table


def _goal_cell(goal: Goal, found: Found) -> str:
    each = found[goal.size_gb, goal.n_workers]
    seconds = to_mail_s(each) if goal.to_mail else each.seconds
    return f"{seconds:.0f} s, ${each.dollars:.3f}"


def speed_ups(found: Found) -> dict[str, float]:
    """Return how many times as fast 21 GB are with 788 calls at once as with 39."""
    few, many = found[21, 39], found[21, 788]
    return {
        "whole run": few.seconds / many.seconds,
        "Maps alone": _maps_s(few) / _maps_s(many),
    }


def _maps_s(forecast: Forecast) -> float:
    """Return the seconds of the Maps, without what starting them takes."""
    states = [forecast.states[state] for state in _MAPS if state in forecast.states]
    return sum(state.seconds - state.start_s for state in states)
