"""What AWS charges depends on the processors a call ran on."""

from __future__ import annotations

import json
import platform
from dataclasses import replace

import pytest
from ionbox_cloud.call_records import TASK, CallRecord
from ionbox_cloud.planning.prices import price_call, price_workflow, read_prices
from ionbox_cloud.records.run_totals import bill
from ionbox_cloud.run_plan import SortPlan

SORT = SortPlan("fargate", 16384, 20, 4, 0.0, 0.0)


def record(state: str, architecture: str, rung_mb: int = 1024) -> CallRecord:
    return CallRecord(state, 0, 3600.0, 1.0, 100.0, 0, rung_mb, architecture=architecture)


def test_a_call_is_priced_by_its_architecture() -> None:
    x86, arm = (price_call(record("PlanRun", kind), None) for kind in ("x86_64", "arm64"))
    assert x86 == pytest.approx(3600 * 0.0000166667 + 2e-7)
    assert arm == pytest.approx(3600 * 0.0000133334 + 2e-7)


def test_a_task_is_priced_by_its_architecture() -> None:
    x86, arm = (price_call(record(TASK, kind, 16384), SORT) for kind in ("x86_64", "arm64"))
    assert x86 == pytest.approx(4 * 0.04048 + 16 * 0.004445 + 0.005)
    assert arm == pytest.approx(4 * 0.03238 + 16 * 0.00356 + 0.005)


def test_what_has_no_architecture_is_of_the_usual_one() -> None:
    assert read_prices("riscv64") == read_prices("x86_64") == read_prices()
    older = record("PlanRun", "arm64").to_json()
    del older["architecture"]
    assert CallRecord.from_json(json.loads(json.dumps(older))).architecture == "x86_64"


def test_the_prices_of_both_are_dated_and_say_what_they_are_of() -> None:
    assert "x86" in read_prices("x86_64").source
    assert "Arm" in read_prices("arm64").source
    assert "x86" not in read_prices("arm64").source
    for kind in ("x86_64", "arm64"):
        assert read_prices(kind).date >= "2026-11"


def test_what_surrounds_an_express_item_costs_a_tenth() -> None:
    standard = record("AnnotateSegments", "x86_64")
    express = replace(standard, is_express=True)
    assert price_workflow(standard) == pytest.approx(3 * 2.5e-5)
    # an hour of 64 MB, and the execution
    assert price_workflow(express) == pytest.approx(1e-6 + 3600 / 16 * 1.667e-5, rel=0.01)
    quick = replace(express, duration_s=3.0)
    assert price_workflow(quick) < price_workflow(standard) / 10


def test_a_bill_names_the_prices_of_the_machine_it_is_written_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert "Arm" in bill({}, on_aws=True).prices
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert "x86" in bill({}, on_aws=True).prices
