"""annotations.csv: columns, numbers, order, and text that must stay text."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ionbox_science.annotation.table import (
    COLUMNS,
    AnnotatedDatabase,
    format_ion,
    summarise,
    write_annotations,
)
from ionbox_science.csv_cells import unguard_cell
from ionbox_science.setting_table import Polarity
from ionbox_science.theory.ion_rule import IonRule

from tests.builders import build_annotations, build_database

GLUCOSE = {"formula": "C6H12O6", "ion_formula": "C6H13O6"}


def annotated(
    rows: list[dict[str, Any]],
    molecules: list[tuple[str, str, str]] | None = None,
    name: str = "molecules",
) -> AnnotatedDatabase:
    formulas = dict.fromkeys(row.get("formula", "C6H12O6") for row in rows)
    molecules = molecules or [(f"ID{i}", f"of {f}", f) for i, f in enumerate(formulas)]
    return AnnotatedDatabase(build_database(molecules, name), build_annotations(rows))


def write(*databases: AnnotatedDatabase, polarity: Polarity = "positive", ppm: float = 3.0) -> str:
    return write_annotations("tissue", "abc123", polarity, ppm, databases).decode()


def read(text: str) -> list[dict[str, str]]:
    first, rest = text.split("\n", 1)
    assert first.startswith("# ionbox ")
    return list(csv.DictReader(io.StringIO(rest, newline="")))


def test_columns_are_those_of_metaspace_the_database_and_of_competition() -> None:
    assert (
        *("group", "datasetName", "datasetId", "formula", "adduct", "chemMod", "neutralLoss"),
        *("ion", "mz", "massError", "msm", "fdr", "rhoSpatial", "rhoSpectral", "rhoChaos"),
        *("moleculeNames", "moleculeIds", "minIntensity", "maxIntensity", "totalIntensity"),
        *("isomeric_mols_count", "isomeric_ions_count", "isobaric_ions_count", "database"),
        *("explainedBy", "fdrAlone"),
    ) == COLUMNS
    assert write(annotated([GLUCOSE])).split("\n")[1] == ",".join(COLUMNS)


def test_a_row_says_everything_about_an_annotation() -> None:
    row = {
        **GLUCOSE,
        "chem_mod": "-H+C",
        "neutral_loss": "-H2O",
        "adduct": "+Na",
        "fdr": 0.05,
        "msm": 0.123456789,
        "mz_error_abs": 2e-4,
        "pattern_mz": [200.12345678, 201.0],
        "total_intensity": [1234567.0, 2.0],
        "min_intensity": [0.5, 0.0],
    }
    molecules = [("B2", "galactose", "C6H12O6"), ("A1", "glucose", "C6H12O6"), ("C3", "?", "CO2")]
    assert read(write(annotated([row], molecules))) == [
        {
            "group": "",
            "datasetName": "tissue",
            "datasetId": "abc123",
            "formula": "C6H12O6",
            "adduct": "M+Na",
            "chemMod": "-H+C",
            "neutralLoss": "-H2O",
            "ion": "C6H12O6-H+C-H2O+Na+",
            "mz": "200.123457",
            "massError": "0.999383",
            "msm": "0.123457",
            "fdr": "0.05",
            "rhoSpatial": "0.8",
            "rhoSpectral": "0.7",
            "rhoChaos": "0.9",
            "moleculeNames": "glucose, galactose",
            "moleculeIds": "A1, B2",
            "minIntensity": "0.5",
            "maxIntensity": "10",
            "totalIntensity": "1.23457e+06",
            "isomeric_mols_count": "1",
            "isomeric_ions_count": "0",
            "isobaric_ions_count": "0",
            "database": "molecules",
            "explainedBy": "",
            "fdrAlone": "0.05",
        }
    ]


@pytest.mark.parametrize(
    ("adduct", "polarity", "column", "ion"),
    [
        ("+H", "positive", "M+H", "C6H12O6+H+"),
        ("-H", "negative", "M-H", "C6H12O6-H-"),
        ("[M]+", "positive", "[M]+", "C6H12O6+"),
        ("[M]-", "negative", "[M]-", "C6H12O6-"),
    ],
)
def test_adducts_and_ions_are_written_as_in_metaspace(
    adduct: str, polarity: Polarity, column: str, ion: str
) -> None:
    (row,) = read(write(annotated([{**GLUCOSE, "adduct": adduct}]), polarity=polarity))
    assert (row["adduct"], row["ion"]) == (column, ion)


def test_the_documented_ion_is_written_as_documented() -> None:
    assert format_ion("C19H18N2O7S2", "", "", "-H", "+") == "C19H18N2O7S2-H+"


def test_rows_are_sorted_by_fdr_then_falling_msm_then_names() -> None:
    rows = [
        {"fdr": 0.2, "msm": 0.9, "formula": "C1"},
        {"fdr": 0.1, "msm": 0.5, "formula": "C3", "adduct": "+Na"},
        {"fdr": 0.1, "msm": 0.5, "formula": "C3", "adduct": "+H"},
        {"fdr": 0.1, "msm": 0.5, "formula": "C2", "chem_mod": "-H+C"},
        {"fdr": 0.1, "msm": 0.5, "formula": "C2", "neutral_loss": "-H2O"},
        {"fdr": 0.1, "msm": 0.7, "formula": "C4"},
    ]
    table = read(write(annotated(rows[:3], name="b"), annotated(rows[3:], name="a")))
    order = [(r["formula"], r["chemMod"], r["neutralLoss"], r["adduct"]) for r in table]
    assert order == [
        ("C4", "", "", "M+H"),
        ("C2", "", "-H2O", "M+H"),
        ("C2", "-H+C", "", "M+H"),
        ("C3", "", "", "M+H"),
        ("C3", "", "", "M+Na"),
        ("C1", "", "", "M+H"),
    ]


@settings(max_examples=30)
@given(st.permutations(range(6)), st.permutations(range(3)))
def test_order_of_annotations_molecules_and_databases_does_not_matter(
    rows: list[int], molecules: list[int]
) -> None:
    def build(row_order: list[int], molecule_order: list[int]) -> AnnotatedDatabase:
        all_rows = [
            {"formula": f"C{i % 3 + 1}", "adduct": f"+{'HNK'[i // 3]}", "ion": i, "fdr": 0.1,
             "ion_formula": f"C{i}", "pattern_mz": [300.0 + i, 301.0 + i]}
            for i in range(6)
        ]  # fmt: skip
        listed = [(f"ID{i}", f"name {i}", f"C{i + 1}") for i in range(3)]
        return annotated([all_rows[i] for i in row_order], [listed[i] for i in molecule_order])

    other = annotated([GLUCOSE], name="other")
    expected = write(build(list(range(6)), [0, 1, 2]), other)
    assert write(other, build(rows, molecules)) == expected


@pytest.mark.parametrize("name", ['say "hi"', "1,2-diol", "line\nbreak", "β-Ocimène", "NA", ""])
def test_any_name_survives_the_csv(name: str) -> None:
    (row,) = read(write(annotated([GLUCOSE], [("ID", name, "C6H12O6")])))
    assert row["moleculeNames"] == name


def test_isomeric_molecules_are_counted_once_per_ion_formula() -> None:
    # C6H10O5 + H and C6H12O6 - H2O + H are one ion; together three molecules
    rows = [
        {"formula": "C6H10O5", "ion_formula": "C6H11O5"},
        {"formula": "C6H12O6", "neutral_loss": "-H2O", "ion_formula": "C6H11O5"},
        {"formula": "C6H12O6", "ion_formula": "C6H13O6"},
    ]
    molecules = [("1", "a", "C6H10O5"), ("2", "b", "C6H12O6"), ("3", "c", "C6H12O6")]
    table = read(write(annotated(rows, molecules)))
    counts = {r["ion"]: (r["isomeric_mols_count"], r["isomeric_ions_count"]) for r in table}
    assert counts == {
        "C6H10O5+H+": ("2", "1"),
        "C6H12O6-H2O+H+": ("2", "1"),
        "C6H12O6+H+": ("1", "0"),
    }


def test_isobars_are_counted_with_the_width_of_the_windows() -> None:
    rows = [{"pattern_mz": [200.0, 201.0]}, {"pattern_mz": [200.002, 202.0]}]
    assert [r["isobaric_ions_count"] for r in read(write(annotated(rows), ppm=3))] == ["0", "0"]
    assert [r["isobaric_ions_count"] for r in read(write(annotated(rows), ppm=6))] == ["1", "1"]


def test_no_annotations_make_a_table_with_its_header() -> None:
    empty = AnnotatedDatabase(build_database(), build_annotations([GLUCOSE]).take(slice(0, 0)))
    assert read(write(empty)) == []
    assert ",".join(COLUMNS) in write(empty)


def counts_of(row: dict[str, object]) -> dict[str, int]:
    counts = row["counts"]
    assert isinstance(counts, dict)
    return counts


def test_summary_counts_cumulatively_per_database_and_kind_of_ion() -> None:
    rows: list[dict[str, Any]] = [
        {"fdr": 0.01},
        {"fdr": 0.05},
        {"fdr": 0.3},
        {"fdr": 0.1, "adduct": "+Na"},
        {"fdr": 0.6, "adduct": "[M]+", "neutral_loss": "-H2O"},
    ]
    empty = AnnotatedDatabase(
        build_database(name="empty"), build_annotations([GLUCOSE]).take(np.array([], np.int64))
    )
    rule = IonRule(("+H", "+Na", "[M]+"), neutral_losses=("-H2O",))
    summary = summarise([annotated(rows), empty], rule, (0.05, 0.1, 0.5))
    assert [(row["ion"], *counts_of(row).values()) for row in summary[:6]] == [
        ("M+H", 2, 2, 3, 3),
        ("M+Na", 0, 1, 1, 1),
        ("[M]+", 0, 0, 0, 0),
        ("M-H2O+H", 0, 0, 0, 0),
        ("M-H2O+Na", 0, 0, 0, 0),
        ("[M-H2O]+", 0, 0, 0, 1),
    ]
    assert list(counts_of(summary[0])) == ["0.05", "0.1", "0.5", "all"]
    assert [row["database"] for row in summary] == ["molecules"] * 6 + ["empty"] * 6
    assert not any(any(counts_of(row).values()) for row in summary[6:])


def test_names_that_a_spreadsheet_would_run_are_guarded() -> None:
    molecules = [("@1", "=cmd|' /C calc'!A0", "C6H12O6"), ("=2", "Glucose", "C6H12O6")]
    database = AnnotatedDatabase(build_database(molecules, "+base"), build_annotations([GLUCOSE]))
    data = write_annotations("-section", "abc123", "positive", 3.0, [database])
    (row,) = read(data.decode())
    assert row["datasetName"] == "'-section"
    assert row["database"] == "'+base"
    assert row["moleculeIds"] == "'=2, @1"
    assert unguard_cell(row["moleculeIds"]) == "=2, @1"
    assert row["moleculeNames"] == "Glucose, =cmd|' /C calc'!A0"
