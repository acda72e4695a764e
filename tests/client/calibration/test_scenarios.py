"""Scenarios: what they may say, and what is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ionbox.calibration.scenarios import (
    DEFAULT_VARIANTS,
    Scenario,
    cross_variants,
    name_variant,
    read_scenarios,
)
from ionbox_science.errors import InvalidConfig


def test_all_combinations_are_compared() -> None:
    assert cross_variants(["scoring=msm,metaspace-ml-animal", "ppm=3,5"]) == (
        {"scoring": "msm", "ppm": 3},
        {"scoring": "msm", "ppm": 5},
        {"scoring": "metaspace-ml-animal", "ppm": 3},
        {"scoring": "metaspace-ml-animal", "ppm": 5},
    )
    assert cross_variants(["min-px=2", "centroid=true"]) == ({"min_px": 2, "centroid": True},)


@pytest.mark.parametrize("text", ["scoring", "=msm", "scoring="])
def test_other_comparisons_are_refused(text: str) -> None:
    with pytest.raises(InvalidConfig, match=r"--compare: expected SETTING=VALUE,VALUE"):
        cross_variants([text])


def test_variants_are_named_by_their_values() -> None:
    assert name_variant({"scoring": "msm"}) == "msm"
    assert (
        name_variant({"scoring": "msm", "ppm": 5, "centroid": True}) == "msm, ppm=5, centroid=true"
    )
    assert name_variant({}) == "as it is"


def write(path: Path, value: Any) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_a_file_has_scenarios(tmp_path: Path) -> None:
    path = write(
        tmp_path / "scenarios.json",
        [
            {"name": "first"},
            {
                "name": "second",
                "database": "tables/hmdb.tsv",
                "simulate": {"n_ions": 400, "realism": "real"},
                "settings": {"ppm": 5},
                "variants": [{"scoring": "msm"}, {}],
            },
        ],
    )
    first, second = read_scenarios(path)
    assert first == Scenario("first")
    assert first.variants == DEFAULT_VARIANTS
    assert first.simulation["n_ions"] == 200
    assert second.database == tmp_path / "tables" / "hmdb.tsv"
    assert second.simulation["n_ions"] == 400
    assert second.variants == ({"scoring": "msm"}, {})


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("{", "is not JSON"),
        ({"name": "a"}, "expected a list of objects"),
        ([{"simulate": {}}], "a scenario has a name"),
        ([{"name": "a", "seed": 1}], "not seed"),
        ([{"name": "a"}, {"name": "a"}], "two scenarios have one name"),
        (
            [{"name": "a", "simulate": {"seed": 1}}],
            "simulate has seed; there are adducts, analyzer",
        ),
        ([{"name": "a", "simulate": {"width": "80"}}], "width is '80', must be a whole number"),
        ([{"name": "a", "settings": {"colour": 1}}], "settings has colour"),
        ([{"name": "a", "variants": [{"databases": []}]}], "settings has databases"),
        ([{"name": "a", "variants": []}], "no variants"),
        ([{"name": "a", "variants": ["msm"]}], "are objects"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, value: Any, complaint: str) -> None:
    with pytest.raises(InvalidConfig, match=complaint):
        read_scenarios(write(tmp_path / "scenarios.json", value))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"none\.json cannot be read"):
        read_scenarios(tmp_path / "none.json")
