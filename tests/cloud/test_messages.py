"""Records survive their JSON form, and nothing else passes for one."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import json
import pkgutil
import types
from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

import ionbox_cloud
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ionbox_cloud.errors import InvalidMessage
from ionbox_cloud.json_record import JsonRecord, PublishedRecord
from ionbox_cloud.messages import (
    DatasetFiles,
    ItemFailureReport,
    MapItem,
    Message,
    PatternItem,
    RunRequest,
)
from ionbox_science.config import RunConfig

for module in pkgutil.walk_packages(ionbox_cloud.__path__, "ionbox_cloud."):
    importlib.import_module(module.name)

RecordType = type[JsonRecord]


def below(root: RecordType) -> Iterator[RecordType]:
    for kind in root.__subclasses__():
        yield kind
        yield from below(kind)


@dataclasses.dataclass(frozen=True)
class AnyItem(MapItem):
    """Has the fields that all items have, and no others."""

    def describe(self) -> str:
        return f"item {self.item}"


BASES = {Message, PublishedRecord, MapItem}
RECORDS = sorted({*below(JsonRecord)} - BASES, key=lambda kind: kind.__name__)
PUBLISHED = [kind for kind in RECORDS if issubclass(kind, PublishedRecord)]
few = settings(max_examples=20)
fewest = settings(max_examples=5)  # for what does not depend on the values of fields
each_record = pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
each_strict = pytest.mark.parametrize(
    "kind", [kind for kind in RECORDS if kind not in PUBLISHED], ids=lambda kind: kind.__name__
)
each_published = pytest.mark.parametrize("kind", PUBLISHED, ids=lambda kind: kind.__name__)

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.none() | st.booleans() | st.integers() | NUMBERS | st.text(max_size=5)
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=20),
    int: st.integers(),
    float: NUMBERS,
    bool: st.booleans(),
    Any: PLAIN | st.lists(PLAIN, max_size=3),
    type(None): st.none(),
}


@functools.cache  # a strategy takes longer to build than to draw from
def values(kind: Any) -> st.SearchStrategy[Any]:
    """All values a field of a type may have."""
    if kind in SIMPLE:
        return SIMPLE[kind]
    if isinstance(kind, types.UnionType):
        return st.one_of(*map(values, get_args(kind)))
    if get_origin(kind) is tuple:
        return st.lists(values(get_args(kind)[0]), max_size=3).map(tuple)
    if kind is RunConfig:
        return CONFIGS
    if get_origin(kind) is dict:
        return st.dictionaries(st.text(max_size=5), values(get_args(kind)[1]), max_size=3)
    hints = get_type_hints(kind)
    named = {each.name: values(hints[each.name]) for each in dataclasses.fields(kind)}
    return st.builds(kind, **named)


def records(kind: RecordType) -> st.SearchStrategy[JsonRecord]:
    """All records of a kind."""
    hashable: Any = kind  # mypy takes a class without hashable instances for one without a hash
    return values(hashable)


CONFIGS = st.builds(
    RunConfig,
    st.sampled_from(["positive", "negative"]),
    st.sampled_from(["orbitrap", "fticr", "tof"]),
    st.floats(1e-4, 1.0),
    st.lists(st.sampled_from(["+H", "+Na", "-H"]), max_size=3).map(tuple),
)


def travel(record: JsonRecord) -> dict[str, Any]:
    arrived: dict[str, Any] = json.loads(json.dumps(record.to_json(), allow_nan=False))
    return arrived


def test_all_kinds_of_records_are_looked_at() -> None:
    names = {kind.__name__ for kind in RECORDS}
    assert {"RunRequest", "AnyItem", "PatternItem"} <= names
    assert {"RunPlan", "SegmentsManifest", "CallRecord"} <= names
    assert {"RunRecord", "RunStatus", "SortPlan"} <= {kind.__name__ for kind in PUBLISHED}


@each_record
@few
@given(data=st.data())
def test_a_record_survives_its_json_form(kind: RecordType, data: st.DataObject) -> None:
    record = data.draw(records(kind))
    assert kind.from_json(travel(record)) == record


@each_strict
@fewest
@given(data=st.data())
def test_an_unknown_field_is_refused_by_name(kind: RecordType, data: st.DataObject) -> None:
    arrived = travel(data.draw(records(kind))) | {"adduct": "+H"}
    with pytest.raises(InvalidMessage, match=rf"^{kind.__name__}: unknown fields \['adduct'\]"):
        kind.from_json(arrived)


@each_strict
@fewest
@given(data=st.data())
def test_a_missing_field_is_refused_by_name(kind: RecordType, data: st.DataObject) -> None:
    arrived = travel(data.draw(records(kind)))
    if arrived:
        absent = data.draw(st.sampled_from(sorted(arrived)))
        del arrived[absent]
        with pytest.raises(InvalidMessage, match=rf"^{kind.__name__}: .*missing \['{absent}'\]"):
            kind.from_json(arrived)


@each_published
@fewest
@given(data=st.data())
def test_what_a_newer_version_published_is_read(kind: RecordType, data: st.DataObject) -> None:
    record = data.draw(records(kind))
    assert kind.from_json(travel(record) | {"new in 9.0": [1]}) == record


@each_published
@fewest
@given(data=st.data())
def test_what_an_older_version_published_is_read(kind: RecordType, data: st.DataObject) -> None:
    record = data.draw(records(kind))
    late = {each.name for each in dataclasses.fields(kind) if has_default(each)}
    arrived = {name: value for name, value in travel(record).items() if name not in late}
    read = kind.from_json(arrived)
    for name in {each.name for each in dataclasses.fields(kind)} - late:
        assert getattr(read, name) == getattr(record, name)


def has_default(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is not missing or field.default_factory is not missing


@each_record
@fewest
@given(data=st.data())
def test_a_field_of_another_type_is_refused_by_name(kind: RecordType, data: st.DataObject) -> None:
    arrived = travel(data.draw(records(kind)))
    for name in arrived:
        with pytest.raises(InvalidMessage):
            kind.from_json(arrived | {name: 1j})  # no field is complex


ITEM = PatternItem(
    execution_id="e",
    run_id="r",
    item=1,
    output_key="k",
    patterns_id="p",
    chunk=0,
    start=0,
    stop=9,
    memory_mb=130,
)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"item": "1"}, "PatternItem.item: expected int, got '1'"),
        ({"item": True}, "PatternItem.item: expected int, got True"),
        ({"item": 1.0}, "PatternItem.item: expected int, got 1.0"),
        ({"run_id": None}, "PatternItem.run_id: expected str, got None"),
    ],
)
def test_a_refusal_names_place_and_value(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        PatternItem.from_json(travel(ITEM) | change)
    assert str(caught.value) == words


def test_a_refusal_inside_a_message_names_the_inner_record() -> None:
    dataset = DatasetFiles("mouse", "in/mouse.imzML", "in/mouse.ibd", None)
    arrived = travel(RunRequest(dataset, (), (), ()))
    arrived["dataset"]["sidecar_key"] = 3
    with pytest.raises(InvalidMessage, match=r"^DatasetFiles\.sidecar_key: expected str, got 3$"):
        RunRequest.from_json(arrived)


@pytest.mark.parametrize("value", [None, [], "text", 3])
def test_what_is_no_object_is_no_message(value: object) -> None:
    with pytest.raises(InvalidMessage, match="ItemFailureReport: expected an object"):
        ItemFailureReport.from_json(value)
