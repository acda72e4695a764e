"""What a user sees when something goes wrong inside a run, and how the next one goes on."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from ionbox.local.runtime import Answer, Call
from ionbox.local.worker_process import Worker
from ionbox_cloud.logs import refer_to

from tests.end_to_end.laptop import ACIDS, BITTERS, Laptop

ONE_ITEM_OF_THREE = 1


@pytest.fixture
def kill_worker(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Kill every worker that gets a given item of a Map, up to so many."""
    exchange = Worker.call

    def arrange(function: str, item: int, times: int = 1000) -> None:
        left = list(range(times))

        def call(worker: Worker, call: Call) -> Answer:
            wanted = call.function.startswith(f"{function}-")
            if wanted and json.loads(call.payload)["item"] == item and left:
                left.pop()
                os.kill(worker.pid, signal.SIGSTOP)  # or it might be done before it is killed
                threading.Timer(0.2, os.kill, (worker.pid, signal.SIGKILL)).start()
            return exchange(worker, call)

        monkeypatch.setattr(Worker, "call", call)

    return arrange


def test_a_killed_worker_fails_the_run_by_its_item_and_the_next_run_goes_on(
    laptop: Laptop,
    tissue: Path,
    tmp_path: Path,
    kill_worker: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    databases = [
        laptop.database(name, formulas)
        for name, formulas in (("acids", ACIDS), ("bitters", BITTERS), ("few", ACIDS[:40]))
    ]
    kill_worker("annotate_segments", ONE_ITEM_OF_THREE)
    broken = laptop.annotate(tissue, databases, n_workers=2)
    assert not broken.outcome.succeeded
    status = broken.outcome.status
    assert (status.status, status.error) == ("failed", "Runtime.ExitError")
    assert broken.message.startswith("AnnotateSegments item 1 (scores of ions 0-")
    assert "of database 1)" in broken.message
    assert "the worker of AnnotateSegments (annotate_segments-10240) died twice" in broken.message
    assert "signal: killed; the largest AnnotateSegments function has 10,240 MB" in broken.message
    assert broken.advice.startswith("Run again: finished work is kept.")
    assert json.loads((broken.out / "status.json").read_text("utf-8")) == status.to_json()
    assert not (broken.out / "annotations.csv").exists()
    assert broken.n_calls["AnnotateSegments"] == 2 + 8  # twice on every rung

    monkeypatch.undo()
    completed = laptop.annotate(tissue, databases, n_workers=2).succeeded()
    assert completed.n_calls == {
        "PlanRun": 1,
        "BuildIons": 1,
        "PlanRecalibration": 1,
        "PlanAnnotation": 1,
        "AnnotateSegments": 1,
        "EstimateFdr": 1,
        "RenderImages": 1,
        "PublishResults": 1,
    }
    undisturbed = (
        Laptop(tmp_path / "undisturbed").annotate(tissue, databases, n_workers=2).succeeded()
    )
    assert undisturbed.n_calls["AnnotateSegments"] == 3
    assert completed.table == undisturbed.table


def test_a_worker_killed_once_changes_nothing(
    laptop: Laptop,
    tissue: Path,
    tmp_path: Path,
    kill_worker: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    databases = [laptop.database("bitters", BITTERS)]
    kill_worker("annotate_segments", 0, times=1)
    half_written = laptop.work / "work" / "scores#1"  # as a worker leaves it that is killed
    half_written.parent.mkdir(parents=True)
    half_written.touch()
    disturbed = laptop.annotate(tissue, databases).succeeded()
    assert not half_written.exists()
    assert disturbed.n_calls["AnnotateSegments"] == 2
    assert disturbed.record["states"]["AnnotateSegments"]["climbs"] == 0
    monkeypatch.undo()
    undisturbed = Laptop(tmp_path / "undisturbed").annotate(tissue, databases).succeeded()
    assert disturbed.table == undisturbed.table


def test_a_killed_worker_in_the_first_map_is_named_too(
    laptop: Laptop,
    tissue: Path,
    kill_worker: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    databases = [laptop.database("bitters", BITTERS), laptop.database("few", ACIDS[:40])]
    kill_worker("generate_isotope_patterns", 0)
    broken = laptop.annotate(tissue, databases, n_workers=2)
    assert broken.outcome.status.error == "Runtime.ExitError"
    expected = "GenerateIsotopePatterns item 0 (isotope patterns of ions 0-"
    assert broken.message.startswith(expected)
    assert "AnnotateSegments" not in broken.n_calls

    monkeypatch.undo()
    completed = laptop.annotate(tissue, databases, n_workers=2).succeeded()
    assert completed.n_calls["GenerateIsotopePatterns"] == 1
    assert "SegmentSpectra" not in completed.n_calls


def test_a_worker_killed_while_drawing_costs_only_what_follows(
    laptop: Laptop,
    tissue: Path,
    kill_worker: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    databases = [laptop.database("bitters", BITTERS)]
    kill_worker("render_images", 0)
    broken = laptop.annotate(tissue, databases, n_workers=2)
    assert broken.message.startswith("RenderImages item 0 (images of ions 0-")

    monkeypatch.undo()
    completed = laptop.annotate(tissue, databases, n_workers=2).succeeded()
    assert "AnnotateSegments" not in completed.n_calls
    assert completed.n_calls["RenderImages"] == 1


def test_a_worker_killed_while_comparing_images_is_named_too(
    laptop: Laptop,
    tissue: Path,
    kill_worker: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    databases = [laptop.database("bitters", BITTERS)]
    kill_worker("compare_images", 1)
    broken = laptop.annotate(tissue, databases, n_workers=2, many_images=True)
    assert broken.outcome.status.error == "Runtime.ExitError"
    assert broken.message.startswith("CompareImages item 1 (partners of images ")

    monkeypatch.undo()
    completed = laptop.annotate(tissue, databases, n_workers=2, many_images=True).succeeded()
    assert completed.n_calls["CompareImages"] == 2
    assert "AnnotateSegments" not in completed.n_calls


@pytest.mark.parametrize(
    "damage",
    [Path.unlink, lambda chunk: chunk.write_bytes(b"PK")],
    ids=["missing", "damaged"],
)
def test_a_pattern_file_that_cannot_be_used_is_computed_again_by_itself(
    laptop: Laptop, tissue: Path, damage: Callable[[Path], object]
) -> None:
    databases = [laptop.database("bitters", BITTERS), laptop.database("acids", ACIDS[:40])]
    first = laptop.annotate(tissue, databases, n_workers=2).succeeded()
    whole = laptop.annotate(tissue, databases, {"ppm": 2, "force": True}, n_workers=2).succeeded()
    patterns_id = first.record["databases"][1]["patterns_id"]
    chunk = laptop.work / "work" / "patterns" / patterns_id / "chunk-00000.npz"
    written = chunk.read_bytes()
    damage(chunk)
    again = laptop.annotate(tissue, databases, {"ppm": 2.5}, n_workers=2).succeeded()
    assert chunk.read_bytes() == written
    assert again.n_calls["GenerateIsotopePatterns"] == 1
    log = again.outcome.log.read_text("utf-8").splitlines()
    said = [line for line in log if "an object is computed again" in line]
    # what is missing is seen while planning, like anything else that is yet to be computed
    assert len(said) == (0 if damage is Path.unlink else 1)
    refer = refer_to(f"patterns/{patterns_id}/chunk-00000.npz")["key_sha256"]
    assert all(refer in line for line in said)
    mended = laptop.annotate(tissue, databases, {"ppm": 2, "force": True}, n_workers=2).succeeded()
    assert mended.table == whole.table
