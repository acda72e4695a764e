"""Object keys lie where the tree in the module's docstring shows them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ionbox_cloud import keys

FUNCTIONS: dict[str, Callable[..., str]] = dict(inspect.getmembers(keys, inspect.isfunction))
FOLDERS = [
    *("all_failures", "all_merged_segments", "all_published_files", "all_unusable", "claim"),
    *("failures", "mz_errors", "patterns", "records", "scores", "segments", "sort"),
]
OBJECTS = sorted(FUNCTIONS.keys() - {*FOLDERS, "range_of"})
FIRST_COLUMN = 13  # of the keys; the buckets' names stand before it

IDENTITIES = st.text("0123456789abcdef", min_size=32, max_size=32)
ARGUMENTS = {
    "int": st.integers(0, 200_000),
    "state": st.sampled_from(["AnnotateSegments", "GenerateIsotopePatterns", "PlanRun"]),
    "name": st.sampled_from(["run.json", "annotations.csv", "diagnostics/hmdb.npz"]),
}


def drawn_keys() -> Iterator[str]:
    """The keys of the tree; a line that begins further right goes on where it begins."""
    above = ""
    for line in (keys.__doc__ or "").splitlines():
        found = re.match(r" {4}(\w* +)(?=\S*[/.])(\S+)", line)
        if found:
            above = above[: found.start(2) - FIRST_COLUMN] + found[2]
            yield above


def as_pattern(drawn: str) -> re.Pattern[str]:
    """``<n>`` is a number, ``<content>`` a hash, others in brackets anything without a slash.

    ``<x>`` is a digit that is made of what follows it.
    """
    parts = re.split(r"(<\w+>|…)", drawn)
    forms = {"<n>": r"(\d+)", "…": "(.+)", "<content>": "([^/.]+)", "<x>": "[0-9a-f]"}
    written = (forms.get(part, "([^/]+)") for part in parts[1::2])
    return re.compile("".join(re.escape(part) + next(written, "") for part in parts[::2]))


DRAWN = {drawn: as_pattern(drawn) for drawn in drawn_keys()}


@st.composite
def calls(draw: st.DrawFn, names: list[str] = OBJECTS) -> tuple[str, tuple[Any, ...]]:
    """A function of the module, and arguments for it."""
    name = draw(st.sampled_from(names))
    arguments = [
        draw(ARGUMENTS.get(parameter.name, ARGUMENTS.get(str(parameter.annotation), IDENTITIES)))
        for parameter in inspect.signature(FUNCTIONS[name]).parameters.values()
    ]
    return name, tuple(arguments)


def test_the_tree_is_read_as_it_is_drawn() -> None:
    assert len(DRAWN) > 20
    assert {
        "databases/<content>",
        "patterns/<patterns>/chunk-<n>.json",
        "executions/<execution>/failures/<State>/<n>.json",
        "results/<dataset>/<run>/…",
        "executions/<execution>/status.json",
    } <= DRAWN.keys()


@given(calls())
def test_a_key_lies_where_it_is_drawn_and_tells_its_arguments(
    call: tuple[str, tuple[Any, ...]],
) -> None:
    name, arguments = call
    key = FUNCTIONS[name](*arguments)
    matches = [match for pattern in DRAWN.values() if (match := pattern.fullmatch(key))]
    assert len(matches) == 1
    parsed = matches[0].groups()
    assert [type(a)(part) for a, part in zip(arguments, parsed, strict=True)] == list(arguments)


@pytest.mark.parametrize("drawn", DRAWN)
def test_every_drawn_key_is_made_by_some_function(drawn: str) -> None:
    made = set()
    for name in OBJECTS:
        parameters = inspect.signature(FUNCTIONS[name]).parameters.values()
        made.add(FUNCTIONS[name](*(1 if p.annotation == "int" else "x" for p in parameters)))
    assert any(DRAWN[drawn].fullmatch(key) for key in made)


@given(calls(), calls())
def test_different_things_have_different_keys(
    one: tuple[str, tuple[Any, ...]], other: tuple[str, tuple[Any, ...]]
) -> None:
    same_key = FUNCTIONS[one[0]](*one[1]) == FUNCTIONS[other[0]](*other[1])
    assert same_key == (one == other)


@given(calls(FOLDERS))
def test_a_folder_begins_what_lies_in_it(call: tuple[str, tuple[Any, ...]]) -> None:
    name, arguments = call
    folder = FUNCTIONS[name](*arguments)
    assert not folder.endswith("/")
    inside: dict[str, Callable[..., str]] = {
        "claim": keys.claim_attempt,
        "patterns": keys.pattern_chunk,
        "mz_errors": lambda scores_id, n: keys.mz_error_item(scores_id, n, n + 1),
        "scores": lambda scores_id, n: keys.score_item(scores_id, n, n + 1),
        "segments": keys.segment,
        "failures": keys.failure,
        "all_unusable": keys.unusable,
        "all_published_files": lambda execution_id, n: keys.published_files(execution_id, "x", n),
        "all_failures": lambda execution_id, n: keys.failure(execution_id, "SortSpans", n),
        "records": lambda execution_id, n: keys.record(execution_id, "PlanRun", n),
        "sort": keys.sorted_span_summary,
        "all_merged_segments": lambda sort_id, n: keys.merged_segments(sort_id, n, n + 1),
    }
    assert inside[name](*arguments, 3).startswith(f"{folder}/")


NUMBERED = {
    "attempts": lambda n: keys.claim_attempt("c", n),
    "chunks": lambda n: keys.pattern_chunk("p", n),
    "summaries": lambda n: keys.pattern_chunk_summary("p", n),
    "m/z errors": lambda n: keys.mz_error_item("s", n, n + 1),
    "scores": lambda n: keys.score_item("s", n, n + 1),
    "segments": lambda n: keys.segment("s", n),
    "summaries of spans": lambda n: keys.sorted_span_summary("s", n),
    "merged": lambda n: keys.merged_segments("s", n, n + 1),
    "images": lambda n: keys.image_record("e", n),
    "prepared images": lambda n: keys.prepared_images("r", n, n + 1),
    "pictures": lambda n: keys.pictures("r", n, n + 1),
    "partners": lambda n: keys.partners("r", n, n + 1),
    "failures": lambda n: keys.failure("e", "AnnotateSegments", n),
    "records": lambda n: keys.record("e", "AnnotateSegments", n),
}


@pytest.mark.parametrize("key", NUMBERED.values(), ids=NUMBERED)
@given(one=st.integers(0, 99_999), other=st.integers(0, 99_999))
def test_numbered_objects_are_listed_in_order(
    key: Callable[[int], str], one: int, other: int
) -> None:
    assert (key(one) < key(other)) == (one < other)


@given(st.integers(0, 99_999), st.integers(0, 99_999), IDENTITIES)
def test_a_range_is_read_from_the_key_of_what_has_one(start: int, stop: int, digest: str) -> None:
    of_images = keys.prepared_images, keys.pictures, keys.partners
    for make in (keys.score_item, keys.merged_segments, *of_images):
        assert keys.range_of(make(digest, start, stop)) == (start, stop)
    # nor is a name of an earlier version one, which had a number in place of a range
    for other in (keys.sorted_span_summary(digest, 3), "scores/s/item-00003.npz"):
        assert keys.range_of(other) is None


@given(IDENTITIES)
def test_spans_of_a_sort_are_spread_over_folders_that_all_sorts_share(sort_id: str) -> None:
    folders = [keys.sorted_span(sort_id, index).rpartition("/")[0] for index in range(512)]
    assert set(folders) == {f"sort/spans/{digit:x}" for digit in range(16)}
    assert max(map(folders.count, set(folders))) < 4 * 512 / 16
