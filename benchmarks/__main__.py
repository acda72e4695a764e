"""Run everything: ``python -m benchmarks [--tiny] [--out FOLDER]``."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks.kernels import run_kernels
from benchmarks.pipeline import PipelineRun, run_pipeline
from benchmarks.report import print_kernels, print_pipeline, write_json
from benchmarks.workloads import make_workloads


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="tiny inputs: does everything run?")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="ionbox-bench-") as temporary:
        folder = Path(temporary)
        runs: list[PipelineRun] = []
        for workload in make_workloads(folder, tiny=options.tiny):
            console.print(f"{workload.name} ...", highlight=False)
            runs += run_pipeline(workload, folder)
    kernels = list(run_kernels(tiny=options.tiny))
    print_pipeline(runs, console)
    print_kernels(kernels, console)
    console.print(f"written to {write_json(options.out, runs, kernels, tiny=options.tiny)}")


if __name__ == "__main__":
    main()
