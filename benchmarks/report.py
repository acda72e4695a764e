"""The results as tables for people and as JSON for comparisons over time."""

from __future__ import annotations

import importlib.metadata
import itertools
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from ionbox.local.functions import IONBOX, read_functions
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from benchmarks.colocalization import ColocalizationCost
from benchmarks.disk_sorting import DiskSortCost
from benchmarks.goals import Goal, list_goals
from benchmarks.history import figures_before, read_history
from benchmarks.kernels import KernelResult
from benchmarks.pipeline import PipelineRun
from benchmarks.startup import HelpCost

_LIBRARIES = ("numpy", "cpyMSpec", "cpyImagingMSpec", "pyimzml")


@dataclass
class Results:
    """Everything measured in one run of the benchmarks.

    Attributes
    ----------
    copy_gb_s : float
        What numpy copies in a CPU second, 10^9 bytes: says how fast the machine's memory is.
    busy : bool
        Whether other work kept all cores busy when this began: wall-clock times say little then.
    help : HelpCost or None
        What ``ionbox --help`` takes; None if it was not measured.
    colocalization : ColocalizationCost or None
        What finding the partners of many ions takes; None if it was not measured.
    disk_sorts : list of DiskSortCost
        What sorting takes that does not fit the memory; the smallest first.
    kernels : list of KernelResult
        In the order in which they were measured.
    runs : list of PipelineRun
        In the order in which they were measured.
    """

    copy_gb_s: float
    busy: bool = False
    help: HelpCost | None = None
    colocalization: ColocalizationCost | None = None
    disk_sorts: list[DiskSortCost] = field(default_factory=list)
    kernels: list[KernelResult] = field(default_factory=list)
    runs: list[PipelineRun] = field(default_factory=list)

    @property
    def goals(self) -> list[Goal]:
        parts = self.runs, self.kernels, self.help, self.colocalization, self.disk_sorts
        return list(list_goals(*parts))


def print_results(results: Results, console: Console) -> None:
    """Print a table for each kind of measurement."""
    if results.kernels:
        _print_kernels(results.kernels, console)
    if results.runs:
        _print_runs(results.runs, console)
        for _, runs in itertools.groupby(results.runs, lambda run: run.workload.name):
            _print_states(list(runs), console)
    if results.disk_sorts:
        _print_disk_sorts(results.disk_sorts, console)
    copied = f"{results.copy_gb_s:.1f} GB/s"
    console.print(f"memory: numpy copies {copied} on one core (read once, written once)")
    _print_goals(results.goals, console, busy=results.busy)


def _print_kernels(kernels: Sequence[KernelResult], console: Console) -> None:
    table = Table("kernel", "input", *_numeric("CPU s"), "others, times ionbox", box=SIMPLE)
    table.title = "Kernels: same input, same answer"
    for kernel in kernels:
        for case in kernel.cases:
            ours = next(iter(case.cpu_s.values()))
            others = "\n".join(f"{name} {ratio:.3g}" for name, ratio in case.ratios.items())
            table.add_row(kernel.title, case.case, f"{ours:.4f}", others)
        table.add_section()
    console.print(table)


def _print_disk_sorts(costs: Sequence[DiskSortCost], console: Console) -> None:
    headers = ("CPU s", "of the system", "wall s", "ns per peak", "MB", "may have")
    table = Table("ibd, GB", "peaks, M", *_numeric(*headers), title="Sort on disk", box=SIMPLE)
    for cost in costs:
        size = f"{cost.ibd_bytes / 1e9:.3g}", f"{cost.n_peaks / 1e6:.3g}"
        seconds = (f"{each:.1f}" for each in (cost.cpu_s, cost.system_s, cost.wall_s))
        memory = (f"{each / 1e6:,.0f}" for each in (cost.peak_bytes, cost.limit_bytes))
        table.add_row(*size, *seconds, f"{cost.ns_per_peak:.0f}", *memory)
    console.print(table)


def _print_runs(runs: Sequence[PipelineRun], console: Console) -> None:
    headers = ("CPU s", "wall s", "MB", "start s", "L", "÷loop", "÷sort", "÷copy", "found")
    table = Table("", "", *_numeric(*headers), title="Whole pipeline: all processes", box=SIMPLE)
    for run in runs:
        table.add_row(
            run.workload.name,
            run.kind,
            f"{run.cost.cpu_s:.1f}",
            f"{run.cost.wall_s:.1f}",
            f"{run.peak_memory_mb:.0f}",
            f"{run.first_state_s:.1f}",
            *(f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}" for ratio in _ratios(run).values()),
            str(run.n_annotations),
        )
    console.print(table)
    for run in runs:
        if run.kind == run.workload.kinds[0]:
            for line in _notes(run):
                console.print(line, highlight=False)
    console.print(
        "L: CPU s over those of cpyMSpec's plain loop over 1,000 formulas of HMDB; "
        "÷: over its loop over the run's ions, numpy's argsort, numpy's copy"
    )
    console.print(
        "cold: nothing computed before; warm: isotope patterns are there; finished: all is there"
    )
    console.print(
        "MB: most memory of any worker; start: wall seconds from the command to the first state"
    )
    console.print()


def _print_states(runs: Sequence[PipelineRun], console: Console) -> None:
    """Print what a workload's runs spent in each state, in the order of the state machine."""
    # what a finished run costs is outside the handlers, and would make the table too wide
    runs = [run for run in runs if run.kind != "finished"]
    headers = [f"{run.kind} {unit}" for unit in ("CPU s", "MB") for run in runs]
    table = Table(
        Column("", no_wrap=True),
        *_numeric(*headers, "planned MB"),
        title=runs[0].workload.name,
        box=SIMPLE,
    )
    in_order = dict.fromkeys(function.state for function in read_functions(IONBOX).values())
    for name in in_order:
        spent = [run.states.get(name, {}) for run in runs]
        if any(spent):
            planned = max(state.get("planned_memory_mb", 0) for state in spent)
            table.add_row(
                name,
                *(f"{state['cpu_s']:.2f}" if state else "" for state in spent),
                *(f"{state['peak_memory_mb']:.0f}" if state else "" for state in spent),
                f"{planned:.0f}" if planned else "",
            )
    table.add_row("outside the handlers", *(f"{run.outside_cpu_s:.2f}" for run in runs))
    console.print(table)


def _print_goals(goals: Sequence[Goal], console: Console, *, busy: bool) -> None:
    headers = _numeric("measured", "asked", "before", "engine")
    table = Table("goal", *headers, "", title="Goals", box=SIMPLE)
    before = figures_before(read_history())
    for goal in goals:
        bound = f"{'≥' if goal.at_least else '≤'} {goal.bound:g}"
        was = before.get(goal.column, "")
        verdict = "met" if goal.met else "MISSED"
        table.add_row(goal.what, f"{goal.measured:.3g}", bound, was, goal.engine, verdict)
    console.print(table)
    if busy:
        console.print("other work kept all cores busy: wall-clock times say little")
    console.print(f"before: of {before['commit']} or an earlier commit (benchmarks/history.tsv)")
    if any(goal.engine for goal in goals):
        console.print("engine: METASPACE's; CPU s without L were measured on another machine")


def _numeric(*headers: str) -> Iterator[Column]:
    for header in headers:
        yield Column(header, justify="right")


def _ratios(run: PipelineRun) -> dict[str, float]:
    seconds = _yardstick_seconds(run)
    return {name: run.cpu_s / yardstick for name, yardstick in seconds.items()}


def _yardstick_seconds(run: PipelineRun) -> dict[str, float]:
    yardsticks = run.yardsticks
    return {
        "loop_of_1000": run.loop_s,
        "pattern_loop": yardsticks.pattern_loop_s,
        "argsort": yardsticks.argsort_s,
        "copy": yardsticks.copy_s,
    }


def _notes(run: PipelineRun) -> Iterator[str]:
    yardsticks = run.yardsticks
    yield f"{run.workload.name}: {run.workload.note}"
    yield (
        f"  yardsticks: L {run.loop_s:.3f} s, "
        f"cpyMSpec's plain loop over its {yardsticks.n_ions:,} ions "
        f"{yardsticks.pattern_loop_s:.2f} s (extrapolated), numpy's stable argsort of its "
        f"{yardsticks.n_peaks:,} m/z {yardsticks.argsort_s:.3f} s, numpy's copy of its peaks "
        f"({yardsticks.peak_bytes} bytes each) {yardsticks.copy_s:.3f} s, "
        f"a copy of its ibd {yardsticks.file_copy_s:.2f} s of wall time"
    )


def write_json(folder: Path, results: Results, *, tiny: bool) -> Path:
    """Write everything measured to ``<date>.json``; a later run of the day replaces it."""
    today = date.today().isoformat()
    report = {
        "date": today,
        "machine": {
            "cores": os.cpu_count(),
            "busy": results.busy,
            "processor": platform.machine(),
            "system": platform.system(),
            "python": platform.python_version(),
            "copy_gb_s": _round(results.copy_gb_s),
            **{name: importlib.metadata.version(name) for name in _LIBRARIES},
        },
        "help": None if results.help is None else _rounded(asdict(results.help.cost)),
        "colocalization": None
        if results.colocalization is None
        else _rounded(asdict(results.colocalization)),
        "disk_sorts": [_rounded(asdict(cost)) for cost in results.disk_sorts],
        "pipeline": [_run_json(run) for run in results.runs],
        "kernels": [
            {
                "kernel": kernel.title,
                "case": case.case,
                "cpu_s": _rounded(case.cpu_s),
                "ratios": _rounded(case.ratios),
            }
            for kernel in results.kernels
            for case in kernel.cases
        ],
        "goals": [
            {**asdict(goal), "measured": _round(goal.measured), "met": goal.met}
            for goal in results.goals
        ],
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{today}{'-tiny' if tiny else ''}.json"
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return path


def _run_json(run: PipelineRun) -> dict[str, Any]:
    return {
        "workload": run.workload.name,
        "note": run.workload.note,
        "run": run.kind,
        **_rounded(asdict(run.cost)),
        "peak_memory_mb": run.peak_memory_mb,
        "first_state_s": _round(run.first_state_s),
        "states": run.states,
        "outside_handlers_cpu_s": _round(run.outside_cpu_s),
        "n_annotations": run.n_annotations,
        "n_ions": run.yardsticks.n_ions,
        "n_peaks": run.yardsticks.n_peaks,
        "yardsticks_cpu_s": _rounded(_yardstick_seconds(run)),
        "ratios": _rounded(_ratios(run)),
    }


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: _round(value) for name, value in values.items()}


def _round(value: float) -> float:
    return float(f"{value:.4g}")
