"""Run the benchmarks: ``python -m benchmarks [--tiny] [--huge] [--only NAME] [--record]``."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Collection
from pathlib import Path

from rich.console import Console

from benchmarks.colocalization import measure_colocalization
from benchmarks.disk_sorting import measure_disk_sort
from benchmarks.estimate import compare_forecasts, print_comparisons
from benchmarks.history import HISTORY, record
from benchmarks.kernels import kernel_names, run_kernel
from benchmarks.measure import is_busy, measure_copy_gb_s
from benchmarks.pipeline import run_pipeline
from benchmarks.report import Results, print_results, write_json
from benchmarks.scaling import print_scaling
from benchmarks.startup import measure_help
from benchmarks.workloads import ON_REQUEST, make_workload, workload_names

STARTUP = "startup"
COLOCALIZATION = "colocalization-10000"
DISK_SORT = "disk-sort"
ESTIMATE = "estimate"
SCALING = "scaling"


def main() -> None:
    options = _parse_options()
    available = _parts(options)
    known = [*available, ESTIMATE, SCALING]
    unknown = sorted(set(options.only) - set(known))
    if unknown:
        raise SystemExit(f"no such part: {', '.join(unknown)}; there are {', '.join(known)}")
    console = Console()
    if options.only and not set(options.only) - {ESTIMATE, SCALING}:
        _compare(options.only, console, tiny=options.tiny)
        return
    results = _measure(options.only or available, console, tiny=options.tiny)
    print_results(results, console)
    console.print(f"written to {write_json(options.out, results, tiny=options.tiny)}")
    if options.record:
        record(results.goals, busy=results.busy)
        console.print(f"a row more in {HISTORY}, and in docs/performance.md")


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--tiny", action="store_true", help="tiny inputs: does everything run?")
    add("--huge", action="store_true", help="also 200 x 200 pixels, 1.1 GB: minutes more")
    add("--giant", action="store_true", help="also 4.1 GB, and 8 GB on disk: many minutes more")
    add("--record", action="store_true", help="keep the main figures in history.tsv")
    add("--only", action="append", default=[], metavar="NAME", help="this part; repeat")
    add("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    if options.record and options.tiny:
        parser.error("--record: figures of tiny inputs mean nothing")
    return options


def _parts(options: argparse.Namespace) -> list[str]:
    more = [name for name in ON_REQUEST if getattr(options, name) or name in options.only]
    workloads = workload_names(tiny=options.tiny, more=more)
    # tiny, it runs in a second; else it takes minutes and 30 GB of disk
    on_disk = options.tiny or options.giant or DISK_SORT in options.only
    large = [DISK_SORT] if on_disk else []
    return [STARTUP, COLOCALIZATION, *kernel_names(), *large, *workloads]


def _compare(parts: Collection[str], console: Console, *, tiny: bool) -> None:
    """Print what is said of runs beforehand; no figure of it is kept."""
    if SCALING in parts:
        print_scaling(console)
    if ESTIMATE in parts:
        with tempfile.TemporaryDirectory(prefix="ionbox-bench-") as folder:
            print_comparisons(list(compare_forecasts(Path(folder), tiny=tiny)), console)


def _measure(parts: Collection[str], console: Console, *, tiny: bool) -> Results:
    results = Results(measure_copy_gb_s(tiny=tiny), busy=is_busy())
    _compare(parts, console, tiny=tiny)
    for part in parts:
        if part in (ESTIMATE, SCALING):
            continue
        console.print(f"{part} ...", highlight=False)
        if part == STARTUP:
            results.help = measure_help(tiny=tiny)
        elif part == COLOCALIZATION:
            results.colocalization = measure_colocalization(tiny=tiny)
        elif part == DISK_SORT:
            results.disk_sorts = measure_disk_sort(tiny=tiny)
        elif part in kernel_names():
            results.kernels.append(run_kernel(part, tiny=tiny))
        else:
            with tempfile.TemporaryDirectory(prefix="ionbox-bench-") as folder:
                workload = make_workload(part, Path(folder))
                results.runs += run_pipeline(workload, Path(folder), 10 if tiny else 1000)
    return results


if __name__ == "__main__":
    main()
