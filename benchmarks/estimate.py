"""Whether runs take what was said before: forecasts against runs that no rate was fitted on.

CPU seconds of the whole command, in L, so that neither the machine nor what else it does matters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ionbox.local.functions import IONBOX, functions_by_state, read_functions
from ionbox_cloud.forecast.counts import count_run
from ionbox_cloud.forecast.machines import OneMachine
from ionbox_cloud.forecast.make_forecast import make_forecast
from ionbox_cloud.ladder import Ladder
from ionbox_cloud.planning.rate_table import read_rates
from ionbox_cloud.run_plan import read_plan
from ionbox_cloud.store import Store
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from benchmarks.pipeline import PipelineRun, run_pipeline
from benchmarks.workloads import make_workload
from benchmarks.yardsticks import measure_loop

WORKLOADS = ("held_out_mid", "held_out_ions", "held_out_pixels", "huge")
"""None of them is one of those that the rates were fitted on."""

TOLERANCE = 0.25
_N_WORKERS = 2


@dataclass(frozen=True)
class Comparison:
    """What a run was expected to take, and what it took.

    Attributes
    ----------
    workload : str
        Its name.
    predicted, measured : float
        CPU seconds of the whole command, in L.
    states : dict of str to (float, float)
        The same by state, without what is outside the calls.
    """

    workload: str
    predicted: float
    measured: float
    states: dict[str, tuple[float, float]]

    @property
    def ratio(self) -> float:
        """The prediction in times of the measurement."""
        return self.predicted / self.measured

    @property
    def is_close(self) -> bool:
        """Whether the prediction is as close as it is meant to be."""
        return abs(self.ratio - 1) <= TOLERANCE


def compare_forecasts(folder: Path, *, tiny: bool) -> Iterator[Comparison]:
    """Run each workload, nothing of it being there; compare."""
    n_formulas = 10 if tiny else 1000
    for name in ("tiny",) if tiny else WORKLOADS:
        work = folder / name
        work.mkdir()
        workload = make_workload(name, work)
        before_s = measure_loop(n_formulas)
        run = next(run_pipeline(workload, work, n_formulas))
        yield compare_forecast(run, work / "work", min(before_s, run.loop_s))


def compare_forecast(run: PipelineRun, work: Path, loop_s: float) -> Comparison:
    """Compare a run with what its plan says that it takes on a machine of this L."""
    store = Store.open((work / "work").resolve().as_uri())
    (planned,) = [key for key in store.list("executions/") if key.endswith("/plan.json")]
    plan = read_plan(store, execution_of_plan(planned))
    rates = read_rates()
    counts = count_run(
        plan,
        rates,
        imzml_bytes=run.workload.imzml.stat().st_size,
        n_formulas=[plan.n_formulas],
    )
    functions = functions_by_state(read_functions(IONBOX))
    ladder = Ladder(
        {state: tuple(rung.memory_mb for rung in rungs) for state, rungs in functions.items()}
    )
    machine = OneMachine(_N_WORKERS, rates, ladder, loop_s / rates.loop_s)
    forecast = make_forecast(plan, counts, rates, ladder, machine)
    cells = counts.n_annotated * counts.n_isotopes * counts.n_pixels
    states = {
        state: (each.duration_s / loop_s, run.states.get(state, {}).get("cpu_s", 0.0) / loop_s)
        for state, each in forecast.states.items()
    }
    predicted = machine.cpu_s(forecast, cells) / loop_s
    return Comparison(run.workload.name, predicted, run.cpu_s / loop_s, states)


def execution_of_plan(plan_key: str) -> str:
    """Return the execution whose plan has this key.

    >>> execution_of_plan(keys.run_plan("20261201-a"))
    '20261201-a'
    """
    return plan_key.split("/")[-2]


def print_comparisons(comparisons: Sequence[Comparison], console: Console) -> None:
    """Print what was expected beside what was, by state."""
    columns = (Column(name, justify="right") for name in ("predicted", "measured", "ratio", ""))
    table = Table("workload", "state", *columns, box=SIMPLE)
    table.title = f"CPU time in L, of runs that no rate was fitted on; ± {TOLERANCE:.0%} asked for"
    for each in comparisons:
        verdict = "met" if each.is_close else "missed"
        figures = (f"{each.predicted:.1f}", f"{each.measured:.1f}", f"{each.ratio:.2f}")
        table.add_row(each.workload, "all", *figures, verdict)
        for state, (predicted, measured) in each.states.items():
            table.add_row("", state, f"{predicted:.2f}", f"{measured:.2f}")
        table.add_section()
    console.print(table)
