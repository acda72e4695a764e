"""A run and the checksum of its ibd, which is compared beside everything up to the images."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
from ionbox.local.runtime import Answer, Call
from ionbox.local.worker_process import Worker

from tests.end_to_end.laptop import BITTERS, Laptop, LaptopRun
from tests.imzml_builder import HIDDEN_DAMAGE, build_hidden_damage


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    _, pair = build_hidden_damage()
    path = tmp_path / "dropped" / "tissue.imzML"
    path.parent.mkdir()
    path.write_bytes(pair.source)
    path.with_suffix(".ibd").write_bytes(pair.ibd)
    return path


def published(laptop: Laptop) -> list[Path]:
    return list((laptop.work / "results").rglob("run.json"))


def assert_refused(laptop: Laptop, run: LaptopRun) -> None:
    status = run.outcome.status
    assert (status.status, status.error) == ("invalid_input", "InvalidDataset")
    assert HIDDEN_DAMAGE in run.message
    assert "PublishResults" not in run.n_calls
    assert published(laptop) == []
    assert [path.name for path in run.out.iterdir()] == ["status.json"]


@pytest.mark.parametrize("way", ["lambda", "map", "fargate"])
def test_a_damaged_ibd_ends_the_run_and_each_later_one(
    laptop: Laptop, damaged: Path, way: str
) -> None:
    databases = [laptop.database("bitters", BITTERS)]
    assert_refused(laptop, laptop.annotate(damaged, databases, {"sort": way}))
    for settings in ({}, {"ppm": 9}, {"force": True}):
        again = laptop.annotate(damaged, databases, {"sort": way, **settings})
        assert_refused(laptop, again)
        if way == "map":  # whose segments are kept
            assert again.n_calls == {"PlanRun": 1, "ReportFailure": 1}


def test_a_comparison_that_is_killed_never_leads_to_results(
    laptop: Laptop, tissue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = Worker.call

    def call(worker: Worker, call: Call) -> Answer:
        if call.function.startswith("checksum_ibd"):
            os.kill(worker.pid, signal.SIGSTOP)  # or it might be done before it is killed
            threading.Timer(0.2, os.kill, (worker.pid, signal.SIGKILL)).start()
        return exchange(worker, call)

    monkeypatch.setattr(Worker, "call", call)
    databases = [laptop.database("bitters", BITTERS)]
    dead = laptop.annotate(tissue, databases, {"sort": "map"}, n_workers=2)
    assert dead.outcome.status.error == "Runtime.ExitError"
    assert "PublishResults" not in dead.n_calls
    assert published(laptop) == []
    monkeypatch.undo()
    again = laptop.annotate(tissue, databases, {"sort": "map"}).succeeded()
    assert again.n_calls["ChecksumIbd"] == 1
    assert again.record["dataset"]["ibd_checksum"]["verdict"] == "matches"


def test_an_ibd_is_compared_once_unless_what_came_of_it_is_lost(
    laptop: Laptop, tissue: Path
) -> None:
    databases = [laptop.database("bitters", BITTERS)]
    first = laptop.annotate(tissue, databases, {"sort": "map"}).succeeded()
    assert first.n_calls["ChecksumIbd"] == 1
    second = laptop.annotate(tissue, databases, {"sort": "map", "ppm": 4}).succeeded()
    assert "ChecksumIbd" not in second.n_calls
    (kept,) = (laptop.work / "results" / "contents").rglob("ibd-*.json")
    kept.unlink()
    third = laptop.annotate(tissue, databases, {"sort": "map", "ppm": 5}).succeeded()
    assert third.n_calls["ChecksumIbd"] == 1
    assert "SortSpans" not in third.n_calls
    records = [each.record["dataset"]["ibd_checksum"] for each in (first, second, third)]
    assert records[0] == records[1] == records[2]
