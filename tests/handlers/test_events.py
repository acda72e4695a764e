"""The events in ``tests/events``: one per function, in the form in which it arrives.

They tell of the example that ``make run`` annotates; ``make invoke`` takes them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from in_memory import FUNCTIONS, message_type
from ionbox_cloud import keys
from ionbox_cloud.messages import (
    ImageItem,
    ItemFailureReport,
    PatternItem,
    RunFailureReport,
    ScoreItem,
)
from ionbox_science import errors

EVENTS = Path(__file__).parents[1] / "events"
STATE_OF = {function.handler.parent.name: state for state, function in FUNCTIONS.items()}


def read_event(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text("utf-8"))


def test_every_function_has_an_event_and_every_event_a_function() -> None:
    assert {path.name for path in EVENTS.iterdir()} == {f"{name}.json" for name in STATE_OF}


@pytest.mark.parametrize("name", sorted(STATE_OF))
def test_an_event_is_a_message_of_its_function(name: str) -> None:
    event = read_event(name)
    assert message_type(STATE_OF[name]).from_json(event).to_json() == event


@pytest.mark.parametrize("name", sorted(STATE_OF))
def test_events_belong_to_one_execution(name: str) -> None:
    assert read_event(name)["execution_id"] == read_event("plan_run")["execution_id"]


def test_items_write_where_their_keys_say() -> None:
    pattern = PatternItem.from_json(read_event("generate_isotope_patterns"))
    assert pattern.output_key == keys.pattern_chunk_summary(pattern.patterns_id, pattern.chunk)
    image = ImageItem.from_json(read_event("render_images"))
    assert image.output_key == keys.image_record(image.execution_id, image.item)
    score = ScoreItem.from_json(read_event("annotate_segments"))
    scores_id = score.output_key.split("/")[1]
    assert score.output_key == keys.score_item(scores_id, score.item)


def test_failures_are_wrapped_as_lambda_does() -> None:
    item = ItemFailureReport.from_json(read_event("record_failure"))
    run = RunFailureReport.from_json(read_event("report_failure"))
    for error in (item.error, run.error):
        assert json.loads(error.Cause)["errorType"] == error.Error
    assert item.state in FUNCTIONS
    assert issubclass(getattr(errors, run.error.Error), errors.InvalidInput)
