"""Run the benchmarks: ``python -m benchmarks [--tiny] [--huge] [--only NAME] [--out FOLDER]``."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Collection
from pathlib import Path

from rich.console import Console

from benchmarks.kernels import kernel_names, run_kernel
from benchmarks.measure import measure_copy_gb_s
from benchmarks.pipeline import run_pipeline
from benchmarks.report import Results, print_results, write_json
from benchmarks.startup import measure_help
from benchmarks.workloads import make_workload, workload_names

STARTUP = "startup"


def main() -> None:
    options = _parse_options()
    available = _parts(options)
    unknown = sorted(set(options.only) - set(available))
    if unknown:
        raise SystemExit(f"no such part: {', '.join(unknown)}; there are {', '.join(available)}")
    console = Console()
    results = _measure(options.only or available, console, tiny=options.tiny)
    print_results(results, console)
    console.print(f"written to {write_json(options.out, results, tiny=options.tiny)}")


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--tiny", action="store_true", help="tiny inputs: does everything run?")
    add("--huge", action="store_true", help="also 200 x 200 pixels, 1.1 GB: minutes more")
    add("--only", action="append", default=[], metavar="NAME", help="this part; repeat")
    add("--out", type=Path, default=Path(__file__).parent / "results")
    return parser.parse_args()


def _parts(options: argparse.Namespace) -> list[str]:
    huge = options.huge or "huge" in options.only
    return [STARTUP, *kernel_names(), *workload_names(tiny=options.tiny, huge=huge)]


def _measure(parts: Collection[str], console: Console, *, tiny: bool) -> Results:
    results = Results(measure_copy_gb_s())
    for part in parts:
        console.print(f"{part} ...", highlight=False)
        if part == STARTUP:
            results.help = measure_help()
        elif part in kernel_names():
            results.kernels.append(run_kernel(part, tiny=tiny))
        else:
            with tempfile.TemporaryDirectory(prefix="ionbox-bench-") as folder:
                workload = make_workload(part, Path(folder))
                results.runs += run_pipeline(workload, Path(folder))
    return results


if __name__ == "__main__":
    main()
