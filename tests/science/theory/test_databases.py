"""Molecule tables as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ionbox_science.errors import InvalidDatabase
from ionbox_science.theory.databases import MoleculeDatabase, parse_database

GLUCOSE = ("HMDB0000122", "D-Glucose", "C6H12O6")


def read(*lines: str, skip_bad_rows: bool = False) -> MoleculeDatabase:
    text = "\n".join(lines) + "\n"
    return parse_database(text.encode(), "mine", skip_bad_rows=skip_bad_rows)


@pytest.mark.parametrize("separator", ["\t", ",", ";", "|"])
def test_separator_is_found(separator: str) -> None:
    database = read(separator.join(("id", "name", "formula")), separator.join(GLUCOSE))
    assert (database.ids, database.names, database.formulas) == tuple((v,) for v in GLUCOSE)


def test_columns_stand_in_any_order_among_others() -> None:
    database = read("inchi\tformula\tname\tid", "InChI=1S\tC6H12O6\tD-Glucose\tHMDB0000122")
    assert (database.ids[0], database.names[0], database.formulas[0]) == GLUCOSE


@pytest.mark.parametrize(
    "header", ["mol_id,mol_name,formula", "ID,Name,Formula", " id , name ,sum_formula"]
)
def test_other_names_of_columns_are_known(header: str) -> None:
    assert read(header, ",".join(GLUCOSE)).ids == ("HMDB0000122",)


def test_formulas_alone_are_enough() -> None:
    database = read("formula", "C6H12O6", "H2O")
    assert database.ids == database.names == database.formulas == ("C6H12O6", "H2O")


def test_a_quoted_cell_may_hold_the_separator() -> None:
    database = read("id,name,formula", '1,"1,2-propanediol, racemic",C3H8O2')
    assert database.names == ("1,2-propanediol, racemic",)


@pytest.mark.parametrize("name", ["NA", "nan", "None", "null", "-"])
def test_words_for_nothing_are_names(name: str) -> None:
    assert read("id,name,formula", f"1,{name},C6H12O6").names == (name,)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_encoding_is_found(encoding: str) -> None:
    data = "id,name,formula\n1,β-Ocimène,C10H16\n".replace(
        "β-", "" if encoding == "latin-1" else "β-"
    )
    name = "Ocimène" if encoding == "latin-1" else "β-Ocimène"
    database = parse_database(data.encode(encoding), "mine")
    assert (database.ids, database.names) == (("1",), (name,))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_ends_and_empty_lines_do_not_matter(newline: str) -> None:
    data = newline.join(["id,name,formula", "", ",".join(GLUCOSE), "", ""]).encode()
    assert parse_database(data, "mine").formulas == ("C6H12O6",)


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(
        InvalidDatabase, match="'mine' is empty: expected columns id, name, formula"
    ):
        parse_database(b"", "mine")


def test_a_header_without_rows_is_refused() -> None:
    with pytest.raises(InvalidDatabase, match="header but no molecule"):
        read("id,name,formula")


def test_a_missing_formula_column_is_refused_with_the_header_found() -> None:
    with pytest.raises(InvalidDatabase, match=r"no column 'formula'.*'id', 'mass'"):
        read("id,mass", "1,180.06")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,x,C6H12O6.H2O", "is two molecules"),
        ("1,x,C6H12Xq", "'Xq' is not an element"),
        ("1,x,", "empty formula"),
        ("1,,C6H12O6", "empty name"),
        (",x,C6H12O6", "empty id"),
        (",,", "empty id and name and formula"),
        ("1", "empty name and formula"),
        ("1,x,C6H12O6+H", "cannot read '[+]H'"),
    ],
)
def test_a_bad_row_is_refused_with_its_line(row: str, reason: str) -> None:
    with pytest.raises(InvalidDatabase, match=f"1 of 2 rows.*\n  line 3: .*{reason}"):
        read("id,name,formula", ",".join(GLUCOSE), row)


def test_all_bad_rows_are_listed_up_to_twenty() -> None:
    with pytest.raises(InvalidDatabase) as refused:
        read("formula", *["C6H12O6"] * 5, *["?"] * 23)
    message = str(refused.value)
    assert "23 of 28 rows" in message
    assert message.count("line ") == 20
    assert "line 7:" in message
    assert "and 3 more" in message
    assert "--skip-bad-rows" in message


def test_bad_rows_are_skipped_if_asked_and_remembered() -> None:
    database = read("formula", "C6H12O6", "oops", "H2O", skip_bad_rows=True)
    assert database.formulas == ("C6H12O6", "H2O")
    assert [row.line for row in database.skipped] == [3]


def test_skipping_every_row_is_refused() -> None:
    with pytest.raises(InvalidDatabase, match="no molecule"):
        read("formula", "oops", skip_bad_rows=True)


@given(st.permutations(["H2O", "C6H12O6", "CO2", "H2O", "C2H6O"]))
def test_unique_formulas_do_not_depend_on_the_order_of_rows(rows: list[str]) -> None:
    assert read("formula", *rows).unique_formulas() == ("C2H6O", "C6H12O6", "CO2", "H2O")


def test_a_quote_that_is_never_closed_is_named() -> None:
    rows = [f"{n},molecule {n},C6H12O6" for n in range(20_000)]
    with pytest.raises(InvalidDatabase, match=r"'mine': .* line \d+ .*never closed"):
        read("id,name,formula", '1,"open,C6H12O6', *rows)


def test_a_cell_of_several_lines_becomes_one() -> None:
    database = read("id,name,formula", '1,"beta\r\nalanine\rsalt",C3H7NO2')
    assert database.names == ("beta alanine salt",)
