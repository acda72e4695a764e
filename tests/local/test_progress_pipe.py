"""How far calls are: from the process that works on them to the terminal."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from ionbox.local.call_events import CallFinished, CallStarted, Event
from ionbox.local.progress import run_progress
from ionbox.local.progress.pipe import Gauge, ProgressWriter, Reading
from ionbox.local.progress.run_progress import RunProgress
from ionbox.local.progress.steps import foresee
from ionbox.local.progress.tally import Tally
from ionbox_science.progress import report_progress

from tests.local.test_progress import Terminal
from tests.local.toys import Toy, fargate_task
from tests.patience import PATIENCE_S, wait_until

PEAKS = (3, 4, "peaks read")


@pytest.fixture
def gauge() -> Gauge:
    return Gauge()


@pytest.fixture
def writer(gauge: Gauge, monkeypatch: pytest.MonkeyPatch) -> ProgressWriter:
    """The other end of the gauge, as a process has it that has inherited it."""
    with gauge.passed_on() as (told, (descriptor,)):
        for name in told:
            monkeypatch.setenv(name, str(os.dup(descriptor)))
    return ProgressWriter()


def report(writer: ProgressWriter, *done: int, total: int = 1000) -> None:
    with writer.reporting():
        for each in done:
            report_progress(each, total, "ions")


def test_the_last_word_of_a_call_counts(gauge: Gauge, writer: ProgressWriter) -> None:
    report(writer, *range(1, 1001))
    assert gauge.read() == Reading(1.0, 1000, 1000, "ions")


def test_numbers_may_be_of_numpy(gauge: Gauge, writer: ProgressWriter) -> None:
    with writer.reporting():
        done: Any = np.int64(1)
        total: Any = np.int64(4)
        report_progress(done, total, "ions")
    assert gauge.read() == Reading(0.25, 1, 4, "ions")


def test_a_new_call_begins_with_nothing(gauge: Gauge, writer: ProgressWriter) -> None:
    report(writer, 500)
    gauge.reset()
    assert gauge.read() is None
    report(writer, 1)
    assert gauge.read() == Reading(0.001, 1, 1000, "ions")


def test_a_call_says_something_a_few_times_a_second(
    gauge: Gauge, writer: ProgressWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, seen = [0.0], []
    monkeypatch.setattr("ionbox.local.progress.pipe.time.monotonic", lambda: clock[0])
    with writer.reporting():
        for done in range(10):
            clock[0] = 1 + done / 10
            report_progress(done, 10, "ions")
            reading = gauge.read()
            seen.append(reading.done if reading else None)
    assert len(set(seen)) == 5


def test_nobody_has_to_read(gauge: Gauge, writer: ProgressWriter) -> None:
    for done in range(5000):  # more than a pipe holds
        report(writer, done, total=5000)
    first = gauge.read()
    assert first is not None
    assert first.done > 500
    report(writer, 7)
    assert gauge.read() == Reading(0.007, 7, 1000, "ions")


def test_nobody_has_to_be_there(gauge: Gauge, writer: ProgressWriter) -> None:
    gauge.close()
    report(writer, 7)
    assert gauge.read() is None


def test_what_is_torn_or_no_reading_is_passed_over(gauge: Gauge) -> None:
    with gauge.passed_on() as (_, (descriptor,)):
        for line in (b'[0.5, 1, 2, "ions"]\n', b"[0.5, 1\n", b"7\n", b"[1]\n", b"\xff\n"):
            os.write(descriptor, line)
            assert gauge.read() == Reading(0.5, 1, 2, "ions")


def test_without_a_pipe_a_process_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> tuple[int, int]:
        raise OSError("too many open files")

    monkeypatch.setattr(os, "pipe", fail)
    gauge = Gauge()
    with gauge.passed_on() as given:
        assert given == ({}, ())
    assert gauge.read() is None
    report(ProgressWriter(), 7)


# --- worker processes and tasks -------------------------------------------------------------------


def shown_while(terminal: Terminal, work: Callable[[RunProgress, Path], Any], go: Path) -> str:
    """What a terminal shows of work until that is let go on, and then to its end."""
    with RunProgress(terminal) as listener, ThreadPoolExecutor(1) as callers:
        working = callers.submit(work, listener, go)
        try:
            wait_until(lambda: "3 of 4 peaks read" in terminal.getvalue() or working.done())
        finally:
            go.touch()
        working.result(PATIENCE_S)
    return terminal.getvalue()


def test_a_worker_is_seen_at_work(toy: Toy, terminal: Terminal, tmp_path: Path) -> None:
    def call(listener: RunProgress, go: Path) -> None:
        with toy.pool(listener=listener) as pool:
            event = {"report": PEAKS, "await_file": str(go)}
            assert pool.invoke("echo", json.dumps(event)).error is None

    shown = shown_while(terminal, call, tmp_path / "go")
    assert "3 of 4 peaks read" in shown
    assert "1 item" in shown


def test_a_task_is_seen_at_work(
    toy: Toy, terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOYS", str(Path(__file__).parents[2]))

    def run(listener: RunProgress, go: Path) -> None:
        event = {"execution_id": "run-1", "do": {"report": PEAKS, "await_file": str(go)}}
        result = toy.run({"SortSpectra": fargate_task()}, event, listener=listener)
        assert result.status == "SUCCEEDED"

    shown = shown_while(terminal, run, tmp_path / "go")
    assert "2/9 SortSpectra" in shown
    assert "3 of 4 peaks read" in shown


def test_a_call_does_not_show_what_the_one_before_said(toy: Toy) -> None:
    said: list[Reading | None] = []

    def listen(event: Event) -> None:
        if isinstance(event, CallStarted | CallFinished) and event.gauge is not None:
            said.append(event.gauge.read())

    with toy.pool(listener=listen, n_workers=1) as pool:
        pool.invoke("echo", json.dumps({"report": PEAKS}))
        pool.invoke("echo", "{}")
    assert said == [None, Reading(0.75, *PEAKS), None, None]


# --- what is shown --------------------------------------------------------------------------------


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(run_progress, "REDRAW_S", 0.01)
    return Terminal()


def tally(**values: Any) -> Tally:
    return Tally("AnnotateSegments", **values)


def test_a_call_is_counted_in_what_it_is_doing() -> None:
    for reading, words in (
        (Reading(0.5, 1, 2, "files"), "1 of 2 files"),
        (Reading(0.5, 47_104, 65_536, "ions"), "47,104 of 65,536 ions"),
        (Reading(0.5, 1_234_567, 24_910_135, "peaks read"), "1.2 of 24.9 M peaks read"),
        (Reading(0.5, 33_554_432, 4_100_000_000, "bytes"), "0.0 of 4.1 GB"),
        (Reading(0.5, 1500, 2000, "bytes"), "1.5 of 2.0 kB"),
    ):
        assert tally(readings=[reading]).work() == words


def test_calls_of_a_map_are_counted_together() -> None:
    readings = [Reading(0.25, 1000, 4000, "ions"), Reading(0.5, 2000, 4000, "ions")]
    state = tally(n_items=5, n_done=2, readings=readings, n_units={"ions": 8000})
    assert state.work() == "2 of 5 items, 11,000 ions"
    assert state.fraction == pytest.approx(2.75 / 5)


def test_a_call_is_not_done_before_it_has_ended() -> None:
    done = Reading(1.0, 5, 5, "images")
    assert tally(n_running=1, readings=[done]).fraction == pytest.approx(0.999)
    assert tally(n_items=2, n_done=1, readings=[done]).fraction == pytest.approx(0.9995)


def test_what_is_left_follows_from_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("ionbox.local.progress.tally.time.monotonic", lambda: clock[0])
    state = tally(readings=[Reading(0.2, 1, 5, "ions")], started=90.0, begun=100.0)
    for now, left_s in ((101.0, None), (110.0, 40.0), (120.0, 80.0)):
        clock[0] = now
        assert state.left_s == (None if left_s is None else pytest.approx(left_s))
    state.readings = [Reading(0.01, 1, 100, "ions")]
    assert state.left_s is None


@pytest.mark.parametrize(
    ("left_s", "words"),
    [(0.1, "1 s"), (7.2, "8 s"), (41.0, "40 s"), (97.0, "95 s"), (110.0, "2 min"), (7300.0, "2 h")],
)
def test_what_is_left_is_said_as_exactly_as_it_is_known(left_s: float, words: str) -> None:
    assert foresee(left_s) == f"about {words} left"


def test_a_terminal_that_cannot_show_it_stops_nothing(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RunProgress(terminal) as listener:
        listener(CallStarted("PlanRun"))
        # as a terminal of another encoding, and one that was closed
        for error in (UnicodeEncodeError("ascii", "✓", 0, 1, "no letter"), OSError("closed")):
            monkeypatch.setattr(terminal, "write", Mock(side_effect=error))
            listener(CallStarted("SegmentSpectra"))


@pytest.mark.parametrize("name", ["dumb", "unknown"])
def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines(
    name: str, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", name)
    with RunProgress(terminal) as listener:
        listener(CallStarted("PlanRun"))
    assert terminal.getvalue().startswith("1/9 PlanRun")
    assert "\x1b" not in terminal.getvalue()
