"""The events in ``tests/events``: one per function, in the form in which it arrives.

They tell of the example that ``make run`` annotates; ``make invoke`` takes them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import (
    EventBridgeEvent,
    S3EventBridgeNotificationEvent,
    SQSEvent,
)
from ionbox.local.functions import IONBOX
from ionbox_cloud import keys
from ionbox_cloud.events.run_end import ExecutionEnd
from ionbox_cloud.events.run_queue import KICK_GROUP, ended_executions, kick_bodies
from ionbox_cloud.messages import (
    CompareItem,
    ImageItem,
    ItemFailureReport,
    MergeItem,
    PatternItem,
    RunFailureReport,
    ScoreItem,
    SortItem,
)
from ionbox_science import errors

from tests.handlers.in_memory import ALL_FUNCTIONS, EVENT_FUNCTIONS, FUNCTIONS, message_type

EVENTS = Path(__file__).parents[1] / "events"
STATE_OF = {function.handler.parent.name: state for state, function in FUNCTIONS.items()}


def read_event(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text("utf-8"))


def test_every_function_has_an_event_and_every_event_a_function() -> None:
    folders = {function.handler.parent.name for function in ALL_FUNCTIONS.values()}
    assert {path.name for path in EVENTS.iterdir()} == {f"{name}.json" for name in folders}


def test_event_functions_are_those_outside_the_state_machine() -> None:
    text = IONBOX.definition.read_text("utf-8")
    assert {name for name in ALL_FUNCTIONS if f"${{{name}}}" not in text} == set(EVENT_FUNCTIONS)


def test_the_event_of_intake_is_of_an_object() -> None:
    event = S3EventBridgeNotificationEvent(read_event("intake"))
    assert (event.source, event.detail_type) == ("aws.s3", "Object Created")
    assert event.detail.object["key"].endswith("/simulated.imzML")
    assert event.resources == [f"arn:aws:s3:::{event.detail.bucket.name}"]


def test_the_event_of_start_runs_has_a_kick_of_intake_and_one_of_an_end() -> None:
    event = SQSEvent(read_event("start_runs"))
    kicks = kick_bodies(event)
    assert [len(ended_executions([kick])) for kick in kicks] == [0, 1]
    assert {record.attributes.message_group_id for record in event.records} == {KICK_GROUP}


def test_the_event_of_announce_end_is_of_an_end() -> None:
    event = EventBridgeEvent(read_event("announce_end"))
    assert (event.source, event.detail_type) == (
        "aws.states",
        "Step Functions Execution Status Change",
    )
    end = ExecutionEnd.of(event.detail)
    assert event.resources == [event.detail["executionArn"]]
    assert end.request is not None
    assert end.request.dataset.name == "simulated"


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
    compared = CompareItem.from_json(read_event("compare_images"))
    assert compared.output_key == keys.partners(compared.run_id, compared.start, compared.stop)
    score = ScoreItem.from_json(read_event("annotate_segments"))
    scores_id = score.output_key.split("/")[1]
    assert score.output_key == keys.score_item(scores_id, score.start, score.stop)
    span = SortItem.from_json(read_event("sort_spans"))
    merged = MergeItem.from_json(read_event("merge_segments"))
    sort_id = span.output_key.split("/")[1]
    assert span.output_key == keys.sorted_span_summary(sort_id, span.index)
    assert merged.output_key == keys.merged_segments(sort_id, merged.start, merged.stop)


def test_failures_are_wrapped_as_lambda_does() -> None:
    item = ItemFailureReport.from_json(read_event("record_failure"))
    run = RunFailureReport.from_json(read_event("report_failure"))
    for error in (item.error, run.error):
        assert json.loads(error.Cause)["errorType"] == error.Error
    assert item.state in FUNCTIONS
    assert issubclass(getattr(errors, run.error.Error), errors.InvalidInput)
