"""What is stored under an identity depends on nothing that is not in it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from ionbox_cloud import identity
from ionbox_science.config import RunConfig
from ionbox_science.imzml.options import ReadOptions

CONFIG = RunConfig("positive", "orbitrap", 0.001, ("+H",))


def vary(value: Any) -> Any:
    """Return another value of the same type."""
    if isinstance(value, str):
        return f"{value} otherwise"
    return (*value, "+Na") if isinstance(value, tuple) else value + 1


def with_option(name: str, options: Any) -> RunConfig:
    """Return a config whose options of one kind are given."""
    config = replace(CONFIG)
    # the properties are made of settings; here each field of what they return is varied alone
    object.__setattr__(config, "__class__", type("Config", (RunConfig,), {name: options}))
    return config


def each_field(name: str) -> list[tuple[str, str]]:
    return [(name, field.name) for field in fields(getattr(CONFIG, name))]


@pytest.mark.parametrize(("kind", "field"), [*each_field("ion_rule"), *each_field("isotope_model")])
def test_patterns_are_named_by_everything_they_depend_on(kind: str, field: str) -> None:
    options = getattr(CONFIG, kind)
    changed = with_option(kind, replace(options, **{field: vary(getattr(options, field))}))
    usual = identity.identify_patterns(["C6H12O6"], CONFIG)
    assert identity.identify_patterns(["C6H12O6"], changed) != usual
    assert identity.identify_patterns(["C6H12O6"], with_option(kind, options)) == usual


@pytest.mark.parametrize(("kind", "field"), each_field("image_options"))
def test_scores_are_named_by_everything_they_depend_on(kind: str, field: str) -> None:
    options = getattr(CONFIG, kind)
    changed = with_option(kind, replace(options, **{field: vary(getattr(options, field))}))
    usual = identity.identify_scores("s", "p", CONFIG)
    assert identity.identify_scores("s", "p", changed) != usual
    assert identity.identify_scores("s", "p", with_option(kind, options)) == usual


@pytest.mark.parametrize("field", [field.name for field in fields(ReadOptions)])
def test_segments_are_named_by_everything_they_depend_on(field: str) -> None:
    usual = identity.identify_segments("d", ReadOptions(), [1.5])
    changed = replace(ReadOptions(), **{field: vary(getattr(ReadOptions(), field))})
    assert identity.identify_segments("d", changed, [1.5]) != usual
    assert identity.identify_segments("d", ReadOptions(), [1.5]) == usual
