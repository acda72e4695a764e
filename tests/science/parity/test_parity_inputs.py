"""Parity with METASPACE where nothing is measured yet: databases and decoys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ionbox_science.errors import InvalidDatabase
from ionbox_science.theory.databases import parse_database
from ionbox_science.theory.ion_rule import DecoyRule, IonRule
from ionbox_science.theory.ions import build_ions

from tests.oracles import engine

N_DECOYS = 20


@pytest.mark.parametrize(
    ("run", "database", "rule"),
    [
        ("v1_edge_2k", "hmdb2k", "per-target-ion"),
        ("v1_edge_db5", "small388", "per-target-ion"),
        ("v1_tiny_db5_fork", "small388", "per-target-ion"),
        ("v3_edge_2k", "hmdb2k", "per-formula"),
    ],
)
def test_decoys_are_the_same_in_the_same_order(
    run: str, database: str, rule: DecoyRule, reference: Path
) -> None:
    formulas = engine.formulas(reference, database)
    table = build_ions(formulas, IonRule(("+H", "+Na", "+K"), decoy_rule=rule))
    theirs = engine.read_table(reference, run, "decoy_assignment.csv.gz")
    per_formula = len(table.target_ion[0]) * N_DECOYS
    assert theirs["formula"].tolist() == np.repeat(table.formulas, per_formula).tolist()
    targets = table.modifiers[: table.target_ion.shape[1]]
    assert theirs["tm"].tolist() == np.tile(np.repeat(targets, N_DECOYS), len(formulas)).tolist()
    assert theirs["dm"].tolist() == table.modifiers[table.decoy_modifier].ravel().tolist()


def read_malformed(reference: Path, name: str) -> bytes:
    return (reference / "databases" / "malformed-moldbs" / name).read_bytes()


@pytest.mark.parametrize("name", ["moldb.csv", "db-wrong-sep.csv"])
def test_a_table_is_read_whatever_separates_its_columns(name: str, reference: Path) -> None:
    database = parse_database(read_malformed(reference, name), name)
    assert database.formulas[:2] == ("C54H102O6", "C83H146O17P2")
    assert database.names[0] == "TG(15:0/20:1(11Z)/16:0)"
    assert len(set(database.ids)) == len(database.ids)


def test_a_table_without_formulas_is_refused_by_its_header(reference: Path) -> None:
    with pytest.raises(InvalidDatabase, match=r"no column 'formula'.*header \(line 1\).*'inchi'"):
        parse_database(read_malformed(reference, "db-missing-columns.csv"), "x")


@pytest.mark.parametrize(
    ("name", "errors"),
    [
        ("db-empty-values.csv", {2: "empty id", 4: "empty name"}),
        ("db-wrong-formulas.csv", {2: "'X' is not an element", 3: "'.' is two molecules"}),
    ],
)
def test_bad_rows_are_refused_by_line_or_skipped(
    name: str, errors: dict[int, str], reference: Path
) -> None:
    data = read_malformed(reference, name)
    with pytest.raises(InvalidDatabase) as refused:
        parse_database(data, "x")
    database = parse_database(data, "x", skip_bad_rows=True)
    assert [row.line for row in database.skipped] == list(errors)
    assert len(database.formulas) > 0
    for row in database.skipped:
        assert errors[row.line] in row.reason
        assert str(row) in str(refused.value)


@pytest.mark.parametrize(("name", "n_formulas"), [("hmdb2k", 2000), ("small388", 388)])
def test_reference_databases_are_read_whole(name: str, n_formulas: int, reference: Path) -> None:
    assert len(engine.formulas(reference, name)) == n_formulas
