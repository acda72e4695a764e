"""What the state machine may use: each snippet is what the interpreter was seen to do right.

The state machine must stay inside this list, and a new moto must still do all of it.
"""

from typing import Any

import pytest
from ionbox.local.definition import State

from tests.local.toys import States, Toy, distributed_map, task

VALUE = {"OutputPath": "$.Payload.value"}
FAIL = {"end": "raise"}
CATCH = [{"ErrorEquals": ["InvalidDataset"], "ResultPath": "$.error", "Next": "Caught"}]
CAUGHT = {"Caught": {"Type": "Pass", "Parameters": {"name.$": "$.error.Error"}, "End": True}}
END = {"End": True}


def passing(**parameters: str) -> States:
    return {"Only": {"Type": "Pass", "Parameters": parameters} | END}


def branch(**states: State) -> State:
    return {"StartAt": next(iter(states)), "States": states}


@pytest.mark.parametrize(
    ("states", "event", "output"),
    [
        pytest.param(
            {"A": task(ResultPath=None)}, {"value": 7}, {"value": 7}, id="ResultPath-null"
        ),
        pytest.param(
            {"A": task(ResultSelector={}, ResultPath="$.made")},
            {"value": 7},
            {"value": 7, "made": {}},
            id="empty-ResultSelector",
        ),
        pytest.param(
            {"A": task(ResultSelector={"v.$": "$.Payload.value"}, ResultPath="$.made")},
            {"value": 7},
            {"value": 7, "made": {"v": 7}},
            id="ResultSelector-of-Payload",
        ),
        pytest.param(
            passing(**{"key.$": "States.Format('runs/{}/{}.json', $.run, $$.Execution.Name)"}),
            {"run": "r"},
            {"key": "runs/r/run-1.json"},
            id="Format-and-Execution.Name",
        ),
        pytest.param(
            passing(**{"input.$": "$$.Execution.Input", "state.$": "$$.State.Name"}),
            {"run": "r"},
            {"input": {"run": "r"}, "state": "Only"},
            id="context-object",
        ),
        pytest.param(
            passing(**{"error.$": "States.StringToJson($.cause)"}),
            {"cause": '{"errorMessage": "m"}'},
            {"error": {"errorMessage": "m"}},
            id="StringToJson",
        ),
        pytest.param(
            passing(**{"all.$": "States.JsonMerge($.a, $.b, false)"}),
            {"a": {"x": 1}, "b": {"y": 2}},
            {"all": {"x": 1, "y": 2}},
            id="JsonMerge",
        ),
        pytest.param(
            {"A": task(ResultPath=None, Next="B"), "B": {"Type": "Succeed"}},
            {"value": 7},
            {"value": 7},
            id="Succeed",
        ),
        pytest.param(
            {"A": task(Catch=CATCH)} | CAUGHT, FAIL, {"name": "InvalidDataset"}, id="Catch-on-Task"
        ),
        pytest.param(
            {
                "P": {"Type": "Parallel", "Branches": [branch(A=task())], "Catch": CATCH} | END,
                **CAUGHT,
            },
            FAIL,
            {"name": "InvalidDataset"},
            id="Catch-on-Parallel",
        ),
        pytest.param(
            {
                "M": {
                    "Type": "Map",
                    "ItemsPath": "$.items",
                    "ItemProcessor": branch(A=task()),
                    "Catch": CATCH,
                }
                | END,
                **CAUGHT,
            },
            {"items": [{"value": 1}, FAIL]},
            {"name": "InvalidDataset"},
            id="Catch-on-inline-Map",
        ),
        pytest.param(
            {
                "P": {
                    "Type": "Parallel",
                    "Branches": [branch(A=task(**VALUE)), branch(B=task(**VALUE))],
                    "ResultSelector": {"first.$": "$[0]", "second.$": "States.ArrayGetItem($, 1)"},
                    "ResultPath": "$.made",
                }
                | END
            },
            {"value": {"n": 7}},
            {"value": {"n": 7}, "made": {"first": {"n": 7}, "second": {"n": 7}}},
            id="ResultSelector-of-Parallel",
        ),
    ],
)
def test_a_state_does_what_it_does_on_aws(
    toy: Toy, states: States, event: dict[str, Any], output: object
) -> None:
    assert toy.run(states, event).output == output


@pytest.mark.parametrize(
    ("fields", "items", "output"),
    [
        pytest.param({}, [{"value": 1}, {"value": 2}], [1, 2], id="objects"),
        pytest.param({}, [], [], id="no-items"),
        pytest.param(
            {"ResultPath": None, "Label": "Work"},
            [1, 2],
            {"key": "runs/r/items/Echo.json"},
            id="Label-and-ResultPath-null",
        ),
        pytest.param(
            {"ResultPath": None}, [], {"key": "runs/r/items/Echo.json"}, id="ResultPath-null-empty"
        ),
        pytest.param(
            {
                "ItemSelector": {
                    "value": {
                        "item.$": "$$.Map.Item.Value",
                        "index.$": "$$.Map.Item.Index",
                        "key.$": "$.key",
                        "run.$": "$$.Execution.Name",
                    }
                }
            },
            [{"n": 5}],
            [{"item": {"n": 5}, "index": 0, "key": "runs/r/items/Echo.json", "run": "run-1"}],
            id="ItemSelector",
        ),
        pytest.param({"ToleratedFailureCount": 1}, [1], [1], id="ToleratedFailureCount"),
    ],
)
def test_a_distributed_map_does_what_it_does_on_aws(
    toy: Toy, fields: dict[str, Any], items: list[Any], output: object
) -> None:
    key = toy.items("Echo", items)
    assert toy.run({"Work": distributed_map(**fields)}, {"key": key}).output == output


def test_a_missing_items_object_can_be_caught(toy: Toy) -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Caught"}]
    result = toy.run({"Work": distributed_map(Catch=catch)} | CAUGHT, {"key": "no.json"})
    assert result.output == {"name": "States.Runtime"}  # States.ItemReaderFailed on AWS


def test_a_fail_state_takes_error_and_cause_from_its_input(toy: Toy) -> None:
    states = {
        "A": task(Catch=[{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "F"}]),
        "F": {
            "Type": "Fail",
            "ErrorPath": "$.error.Error",
            "CausePath": "States.Format('What was wrong: {}', $.error.Cause)",
        },
    }
    result = toy.run(states, FAIL)
    assert result.error == "InvalidDataset"
    assert result.cause is not None
    assert result.cause.startswith('What was wrong: {"errorMessage":"no spectra"')


def test_only_named_errors_are_retried(toy: Toy) -> None:
    retry = [
        {"ErrorEquals": ["Lambda.ServiceException"], "MaxAttempts": 3},
        {
            "ErrorEquals": ["InvalidDataset"],
            "MaxAttempts": 2,
            "IntervalSeconds": 1,
            "MaxDelaySeconds": 1,
            "BackoffRate": 1.5,
            "JitterStrategy": "FULL",
        },
    ]
    assert len(toy.run({"A": task(Retry=retry)}, FAIL).calls) == 3
    assert len(toy.run({"A": task(Retry=retry)}, {"end": "memory"}).calls) == 1


def test_a_pass_and_a_selector_split_strings_even_without_a_comma(toy: Toy) -> None:
    states = passing(**{"functions.$": "States.StringSplit('${Echo}', ',')"})
    arn = "arn:aws:lambda:us-east-1:123456789012:function:echo"
    assert toy.run(states, {}).output == {"functions": [arn]}
    output = toy.run(states, {}, {"Echo": {"rungs_mb": [1, 2]}}).output
    assert output == {"functions": [f"{arn}-1", f"{arn}-2"]}
