"""A run's seconds and dollars are told from its counts alone."""

from __future__ import annotations

import dataclasses
import itertools
import json
from dataclasses import replace
from typing import Any

import pytest
from ionbox.local.functions import IONBOX
from ionbox_cloud.forecast.counts import (
    RunCounts,
    count_run,
    expect_annotated,
    ions_per_formula,
)
from ionbox_cloud.forecast.machines import Aws, OneMachine
from ionbox_cloud.forecast.make_forecast import TRANSITIONS, make_forecast
from ionbox_cloud.forecast.planned_run import MAPS, require_affordable, usual_fan_out
from ionbox_cloud.forecast.yardstick import measure_yardstick
from ionbox_cloud.planning.rate_table import Rates, read_rate_table, read_rates
from ionbox_cloud.run_plan import Forecast
from ionbox_science.errors import InvalidConfig
from ionbox_science.theory.ion_rule import DecoyRule, IonRule
from ionbox_science.theory.ions import build_ions

from benchmarks.scaling import forecast_size, plan_size, speed_ups

RATES = read_rates()
WORKERS = (8, 39, 157, 788)


def counts_of(size_gb: float, **changes: Any) -> RunCounts:
    plan, imzml_bytes, _ = plan_size(size_gb, "map")
    counts = count_run(plan, RATES, imzml_bytes=imzml_bytes, n_formulas=[11_592])
    return replace(counts, **changes)


def forecast_counts(counts: RunCounts, size_gb: float, n_workers: int = 157) -> Forecast:
    plan, _, ladder = plan_size(size_gb, "map")
    machine = Aws(RATES, ladder, usual_fan_out(n_workers))
    return make_forecast(plan, counts, RATES, ladder, machine)


def test_every_rate_has_a_unit_in_the_table_and_whose_figure_it_is() -> None:
    date, table = read_rate_table()
    assert date
    assert set(table) == {field.name for field in dataclasses.fields(Rates)}
    for name, rate in table.items():
        assert rate.value > 0, name
        assert rate.source, name
        assert rate.unit or name in {
            "lambda_slowness",
            "window_spread",
            "annotated_per_root",
            "most_annotated",
            "image_fill",
            "stored_share",
        }


@pytest.mark.parametrize("rule", ["per-formula", "per-target-ion"])
def test_ions_are_counted_before_they_are_built(rule: DecoyRule) -> None:
    formulas = [f"C{n}H{2 * n}O{m}" for n in range(5, 35) for m in range(1, 6)]
    rule_of_ions = IonRule(("+H", "+Na", "+K"), decoy_rule=rule)
    found = build_ions(formulas, rule_of_ions).n_ions
    assert len(formulas) * ions_per_formula(rule_of_ions) == pytest.approx(found, rel=0.05)


def test_no_more_ions_are_expected_than_are_looked_for_or_usually_found() -> None:
    assert expect_annotated(1, RATES) == 1
    assert expect_annotated(10**9, RATES) == RATES.most_annotated
    assert expect_annotated(100, RATES) < expect_annotated(10_000, RATES)


@pytest.mark.parametrize("asked", ["lambda", "map", "fargate"])
def test_more_workers_never_take_longer_and_more_data_never_less(asked: str) -> None:
    sizes = (0.5, 1) if asked == "lambda" else (1, 21)
    found = {(size, n): forecast_size(size, n, asked) for size in sizes for n in WORKERS}
    for size in sizes:
        seconds = [found[size, n].seconds for n in WORKERS]
        # a Map with more calls at once starts them one by one, which is hundredths of a second
        assert all(b <= a + 2 for a, b in itertools.pairwise(seconds))
    for n in WORKERS:
        small, large = (found[size, n] for size in sizes)
        assert small.seconds < large.seconds
        assert small.dollars < large.dollars


def test_branches_side_by_side_count_once_and_the_checksum_only_where_it_is_longer() -> None:
    counts = counts_of(21)
    read, stated = (
        forecast_counts(replace(counts, reads_checksum=reads), 21) for reads in (True, False)
    )
    assert read.path == ("PlanRun", "ChecksumIbd", "PublishResults")
    assert read.floor == "ChecksumIbd: bytes to and from storage"
    assert "ChecksumIbd" not in stated.states
    assert stated.seconds < read.seconds
    assert "BuildIons" in stated.states
    assert "BuildIons" not in stated.path  # beside sorting, which takes longer
    on_path = sum(stated.states[state].seconds for state in stated.path)
    around = sum(TRANSITIONS[state] for state in stated.path) * RATES.transition_s
    assert stated.seconds == pytest.approx(on_path + around, abs=0.2)


def test_what_a_state_takes_is_the_sum_of_its_parts() -> None:
    for state in forecast_counts(counts_of(21), 21).states.values():
        parts = state.start_s + state.wait_s + state.move_s + state.compute_s
        assert state.seconds == pytest.approx(parts, abs=0.01)


def test_children_that_start_slowly_hold_up_maps() -> None:
    plan, _, ladder = plan_size(21, "map")
    usual = usual_fan_out(788)
    kinds = (usual, replace(usual, express=tuple(set(MAPS) - {"MergeSegments"})))
    express, standard = (
        make_forecast(plan, counts_of(21), RATES, ladder, Aws(RATES, ladder, fan)) for fan in kinds
    )
    assert standard.states["SortSpans"] == express.states["SortSpans"]
    begun = RATES.cold_start_s + RATES.init_s + RATES.map_start_s
    for found, per_s in ((express, RATES.express_per_s), (standard, RATES.standard_per_s)):
        merges = found.states["MergeSegments"]
        assert merges.start_s == pytest.approx(begun + merges.calls / per_s, abs=0.001)


def test_reads_of_one_prefix_are_a_floor() -> None:
    found = forecast_counts(counts_of(64), 64, 788).states["MergeSegments"]
    plan, _, _ = plan_size(64, "map")
    n_reads = (len(plan.span_cuts) - 1) * found.calls  # of which each reads every span once
    answered_s = found.wait_s + found.move_s / 2  # the other half is written when all is read
    assert answered_s == pytest.approx(n_reads / RATES.reads_per_s, abs=0.001)


def test_a_machine_that_is_slower_takes_longer_by_its_factor() -> None:
    plan, imzml_bytes, ladder = plan_size(1, "lambda")
    counts = counts_of(1, imzml_bytes=imzml_bytes)
    once, twice = (
        make_forecast(plan, counts, RATES, ladder, OneMachine(2, RATES, ladder, factor))
        for factor in (1.0, 2.0)
    )
    assert twice.seconds == pytest.approx(2 * once.seconds, rel=0.01)
    machine = OneMachine(2, RATES, ladder, 2.0)
    assert machine.cpu_s(twice, 0) == pytest.approx(
        2 * OneMachine(2, RATES, ladder).cpu_s(once, 0), rel=0.01
    )


def test_cores_are_shared_by_branches() -> None:
    plan, imzml_bytes, ladder = plan_size(1, "lambda")
    counts = counts_of(1, imzml_bytes=imzml_bytes)
    one, two = (
        make_forecast(plan, counts, RATES, ladder, OneMachine(n, RATES, ladder)) for n in (1, 2)
    )
    patterns = sum(one.states[s].duration_s for s in ("BuildIons", "GenerateIsotopePatterns"))
    assert one.seconds - two.seconds > patterns * 0.9


def test_the_yardstick_is_a_few_hundredths_of_a_second() -> None:
    assert 0 < measure_yardstick() < 1
    assert measure_yardstick() == measure_yardstick()  # measured once


def test_a_run_dearer_than_it_may_be_is_refused_with_both_figures() -> None:
    found = forecast_size(21, 157, "map")
    require_affordable(found, None)
    require_affordable(found, found.dollars)
    with pytest.raises(
        InvalidConfig, match=r"max_dollars: .* \$0\.\d+ on AWS .* may cost \$0\.010"
    ):
        require_affordable(found, 0.01)


def test_the_scaling_of_the_model_has_both_speed_ups() -> None:
    found = {(21.0, n): forecast_size(21, n, "map", reads_checksum=False) for n in (39, 788)}
    assert all(ratio > 1 for ratio in speed_ups(found).values())


# --- transitions are those of the state machine ---------------------------------------------------


def happy_path(machine: dict[str, Any], ways: dict[str, str]) -> list[str]:
    """Names of the states from the start, past choices by their usual way; first branches only."""
    states, name, names = machine["States"], machine["StartAt"], []
    while True:
        state = states[name]
        names.append(name)
        if state["Type"] == "Parallel":
            names += happy_path(state["Branches"][0], ways)
        name = ways.get(name) or state.get("Default") or state.get("Next")
        if not name:
            return names


def test_transitions_are_about_as_many_as_the_state_machine_has() -> None:
    definition = json.loads(IONBOX.definition.read_text("utf-8"))
    for way in ("AimSegmentSpectra", "SortSpectra"):
        names = happy_path(definition, {"ChooseSort": way})
        counted = sum(n for state, n in TRANSITIONS.items() if state in names)
        assert names[-1] == "Annotated"
        assert counted == pytest.approx(len(names), abs=3)
