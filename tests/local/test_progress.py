import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TextIO

import pytest
from ionbox.local.call_events import CallEnd, CallFinished, CallStarted, Event, ItemsRead
from ionbox.local.functions import IONBOX, read_functions, read_tasks
from ionbox.local.progress.run_progress import RunProgress
from ionbox.local.progress.steps import STEPS, describe_step
from ionbox_cloud.forecast.remaining import pace, passed_over, remaining_s
from ionbox_cloud.run_plan import Forecast, StateForecast

from tests.patience import wait_until


def finished(state: str, error: str | None = None) -> CallFinished:
    return CallFinished(CallEnd(state, state.lower(), 0.0, 0.0, 1.0, error, 1))


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [" ".join(line.split()) for line in capsys.readouterr().err.splitlines()]


def show(*events: Event, stream: TextIO | None = None) -> None:
    with RunProgress(stream) as progress:
        for event in events:
            progress(event)


FORECAST = Forecast(
    seconds=100.0,
    dollars=0.0,
    n_workers=2,
    on_aws=False,
    states={
        "PlanRun": StateForecast(1, 10.0, 10.0, 0.0),
        "SegmentSpectra": StateForecast(1, 30.0, 30.0, 0.0),
        "AnnotateSegments": StateForecast(2, 40.0, 80.0, 0.0),
        "PublishResults": StateForecast(1, 20.0, 20.0, 0.0),
    },
    path=("PlanRun", "SegmentSpectra", "AnnotateSegments", "PublishResults"),
)


def test_what_is_left_is_what_was_expected_at_the_pace_so_far() -> None:
    assert remaining_s(FORECAST, {}, {}) == 100
    # twice as slow as expected
    assert remaining_s(FORECAST, {"PlanRun": 20.0}, {"PlanRun": 1.0}) == 180
    half = {"PlanRun": 1.0, "SegmentSpectra": 1.0, "AnnotateSegments": 0.5}
    assert remaining_s(FORECAST, {"PlanRun": 5.0, "SegmentSpectra": 15.0}, half) == 20


def test_states_that_are_passed_over_take_nothing_more() -> None:
    assert passed_over(FORECAST, ["PlanRun", "AnnotateSegments"]) == {"PlanRun", "SegmentSpectra"}
    assert passed_over(FORECAST, ["BuildIons"]) == set()


def test_a_state_that_took_no_time_says_nothing_of_the_pace() -> None:
    states = {**FORECAST.states, "PlanRun": StateForecast(1, 0.1, 0.1, 0.0)}
    assert pace(replace(FORECAST, states=states), {"PlanRun": 9.0}) == 1


def test_the_step_of_a_run_and_what_is_left_are_one_line() -> None:
    assert describe_step([], 5.0) == ""
    assert describe_step(["PlanRun", "PlanAnnotation"], 41.0) == "step 5 of 9, about 40 s left"
    assert describe_step(["PlanRun"], None) == "step 1 of 9"


def test_a_terminal_shows_the_step_and_what_is_left_and_a_log_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    terminal, log = io.StringIO(), io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    line = "step 2 of 9, about"
    for stream in (terminal, log):
        with RunProgress(stream, lambda: FORECAST) as progress:
            progress(CallStarted("PlanRun"))
            progress(finished("PlanRun"))
            progress(CallStarted("SegmentSpectra"))
            if stream is terminal:
                wait_until(lambda: line in terminal.getvalue())
    assert line not in log.getvalue()
    assert "\x1b[3" not in terminal.getvalue()  # no colours
    # what stays on the screen is about states alone
    assert not terminal.getvalue().rstrip().endswith("left")


def test_a_task_is_one_line_when_it_has_finished(capsys: pytest.CaptureFixture[str]) -> None:
    show(CallStarted("PlanRun"), finished("PlanRun"))
    assert capsys.readouterr().err == "1/9 PlanRun                           1 item      0.0 s\n"


def test_a_map_is_one_line_when_all_its_items_are_done(capsys: pytest.CaptureFixture[str]) -> None:
    item: list[Event] = [CallStarted("Sort"), finished("Sort")]
    show(ItemsRead("Sort", 2), *item, *item)
    assert lines(capsys) == ["Sort 2 items 0.0 s"]


def test_a_map_without_items_is_done_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    show(ItemsRead("Merge", 0))
    assert lines(capsys) == ["Merge 0 items 0.0 s"]


def test_a_call_that_fails_and_is_retried_counts_once(capsys: pytest.CaptureFixture[str]) -> None:
    call = CallStarted("Sort")
    show(ItemsRead("Sort", 1), call, finished("Sort", "MemoryError"), call, finished("Sort"))
    assert lines(capsys) == ["Sort 1 item 0.0 s"]


def test_what_did_not_finish_says_so_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    failed: list[Event] = [CallStarted("PlanRun"), finished("PlanRun", "InvalidDataset")]
    half: list[Event] = [
        ItemsRead("Sort", 1200),
        CallStarted("Sort"),
        finished("Sort"),
        CallStarted("Sort"),
    ]
    show(*failed, *half)
    assert lines(capsys) == [
        "1/9 PlanRun 0.0 s InvalidDataset",
        "Sort 1 of 1,200 items 0.0 s not finished",
    ]


def test_recording_a_failure_is_not_shown_as_work(capsys: pytest.CaptureFixture[str]) -> None:
    show(CallStarted("ReportFailure"), finished("ReportFailure"), CallStarted("RecordFailure"))
    assert lines(capsys) == []


def run_of(*states: str) -> list[Event]:
    return [event for state in states for event in (CallStarted(state), finished(state))]


def test_steps_that_are_not_taken_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    show(*run_of("PlanRun", "BuildIons", "GenerateIsotopePatterns", "PlanAnnotation"))
    assert lines(capsys) == [
        "1/9 PlanRun 1 item 0.0 s",
        "3/9 BuildIons 1 item 0.0 s",
        "4/9 GenerateIsotopePatterns 1 item 0.0 s",
        "2/9 SegmentSpectra done before",  # until here it might have begun beside them
        "5/9 PlanAnnotation 1 item 0.0 s",
    ]


def test_whatever_sorted_the_spectra_is_the_second_step(capsys: pytest.CaptureFixture[str]) -> None:
    show(*run_of("PlanRun", "SortSpectra", "PublishResults"))
    shown = lines(capsys)
    assert shown[1] == "2/9 SortSpectra 1 item 0.0 s"
    assert [line for line in shown if "before" in line] == [
        f"{step}/9 {states[0]} done before" for step, states in enumerate(STEPS, 1) if 2 < step < 9
    ]


def test_every_state_that_works_belongs_to_a_step() -> None:
    machine = json.loads(IONBOX.definition.read_text("utf-8"))
    tables = (read_functions(IONBOX), read_tasks(IONBOX))
    working = {each.state for table in tables for each in table.values()} & set(_names(machine))
    known = {state for step in STEPS for state in step}
    assert {state for state in working if not state.endswith("Failure")} == known


def _names(machine: Mapping[str, Any]) -> Iterator[str]:
    """All states of a state machine, those in Maps and branches under their own names, too."""
    for name, state in machine["States"].items():
        yield name
        for inner in (*state.get("Branches", ()), *filter(None, [state.get("ItemProcessor")])):
            yield from _names(inner)


def test_images_that_nobody_needs_were_not_done_before(capsys: pytest.CaptureFixture[str]) -> None:
    show(*run_of("PlanRun", "EstimateFdr", "PublishResults"))
    assert "8/9 RenderImages nothing to draw" in lines(capsys)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


EVENTS: list[Event] = [
    ItemsRead("Sort", 2),
    CallStarted("Sort"),
    finished("Sort"),
    CallStarted("PlanRun"),
]


def test_a_terminal_shows_every_state_that_has_begun(terminal: Terminal) -> None:
    show(*EVENTS, stream=terminal)
    shown = terminal.getvalue()
    assert "1 of 2 items" in shown
    assert "PlanRun" in shown
    assert "\x1b[3" in shown  # colours


def test_a_terminal_names_steps_that_are_not_taken(terminal: Terminal) -> None:
    show(*run_of("PlanRun", "PublishResults"), stream=terminal)
    assert "7/9 EstimateFdr" in terminal.getvalue()
    assert "done before" in terminal.getvalue()
    (last,) = [line for line in terminal.getvalue().splitlines() if "EstimateFdr" in line][-1:]
    assert "✓" in last


def test_no_color_is_respected(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    show(*EVENTS, stream=terminal)
    assert "\x1b[3" not in terminal.getvalue()
