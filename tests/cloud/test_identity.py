"""What is stored under an identity depends on nothing that is not in it."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import fields, replace
from typing import Any

import pytest
from ionbox_cloud import identity
from ionbox_cloud.messages import DatasetFiles
from ionbox_cloud.storage.object_bytes import encode_json
from ionbox_science import SCIENCE_VERSION
from ionbox_science.config import RunConfig
from ionbox_science.setting_table import PATTERN_VERSIONS, PatternVersion
from ionbox_science.theory.isotope_model import Analyzer

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


def test_patterns_of_no_analyzer_are_shared_by_all() -> None:
    def of(analyzer: Analyzer, version: PatternVersion) -> str:
        config = replace(CONFIG, analyzer=analyzer, isotope_patterns=version)
        return identity.identify_patterns(["C6H12O6"], config)

    assert of("orbitrap", "cpymspec-0.3.5") == of("tof", "cpymspec-0.3.5")
    assert len({of("tof", version) for version in PATTERN_VERSIONS}) == len(PATTERN_VERSIONS)


def test_names_of_the_usual_patterns_are_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    config = replace(CONFIG, decoy_kind="metals")
    rule, model = config.ion_rule, config.isotope_model
    of_rule = [rule.adducts, (), (), rule.n_decoys, rule.decoy_rule]
    options = [["C6H12O6"], of_rule, [model.analyzer, model.sigma, model.n_peaks, model.charge]]
    versions = [SCIENCE_VERSION, identity.LAYOUT_VERSION]
    plain = identity.hash_content(encode_json(["patterns", *versions, *options]))
    assert identity.identify_patterns(["C6H12O6"], config) == plain


@pytest.mark.parametrize(("kind", "field"), each_field("image_options"))
def test_scores_are_named_by_everything_they_depend_on(kind: str, field: str) -> None:
    options = getattr(CONFIG, kind)
    changed = with_option(kind, replace(options, **{field: vary(getattr(options, field))}))
    usual = identity.identify_scores("s", "p", CONFIG)
    assert identity.identify_scores("s", "p", changed) != usual
    assert identity.identify_scores("s", "p", with_option(kind, options)) == usual


@pytest.mark.parametrize(("kind", "field"), each_field("read_options"))
def test_segments_are_named_by_everything_they_depend_on(kind: str, field: str) -> None:
    options = getattr(CONFIG, kind)
    changed = replace(options, **{field: vary(getattr(options, field))})
    usual = identity.identify_segments("d", options, [100.0, 200.0])
    assert identity.identify_segments("d", changed, [100.0, 200.0]) != usual
    assert identity.identify_segments("e", options, [100.0, 200.0]) != usual
    assert identity.identify_segments("d", options, [100.0, 201.0]) != usual
    assert identity.identify_segments("d", replace(options), [100.0, 200.0]) == usual


def computed_identities() -> list[str]:
    """One of each kind that stands for what a processor computed."""
    dataset = DatasetFiles("mouse", "mouse.imzML", "mouse.ibd", None)
    return [
        identity.identify_segments("d", CONFIG.read_options, [100.0]),
        identity.identify_sort("s", [0, 5]),
        identity.identify_patterns(["C6H12O6"], CONFIG),
        identity.identify_scores("s", "p", CONFIG),
        identity.identify_run("d", dataset, CONFIG, [("lipids", "c")]),
    ]


def on_machine(name: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(platform, "machine", lambda: name)
    return computed_identities()


def test_what_another_architecture_computed_has_other_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its last bits may differ: nothing that we could run says that they do not."""
    usual, arm = on_machine("x86_64", monkeypatch), on_machine("aarch64", monkeypatch)
    assert not set(usual) & set(arm)
    # as Windows, and macOS, call them
    assert on_machine("AMD64", monkeypatch) == usual
    assert on_machine("arm64", monkeypatch) == arm


def test_names_of_the_usual_architecture_are_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    options = [SCIENCE_VERSION, identity.LAYOUT_VERSION, "s", [0, 5]]
    plain = identity.hash_content(encode_json(["sort", *options]))
    assert identity.identify_sort("s", [0, 5]) == plain


def test_a_dataset_is_bytes_wherever_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def of(machine: str) -> str:
        monkeypatch.setattr(platform, "machine", lambda: machine)
        return identity.identify_dataset(hashlib.sha256(b"<mzML/>"), 3, lambda offset, size: b"abc")

    assert of("x86_64") == of("aarch64")
