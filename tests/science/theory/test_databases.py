"""Molecule tables as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ionbox_science.errors import InvalidDatabase
from ionbox_science.theory.databases import MoleculeDatabase, find_molecules, parse_database

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


QUOTED_NAMES = ['"alpha"-lactam', '5"-AMP', "3''-dimer", '"open', 'closed"', '"', 'a "b" c']


@pytest.mark.parametrize("name", QUOTED_NAMES)
def test_in_a_table_of_tabs_a_quote_is_a_letter(name: str) -> None:
    rows = [f"1\t{name}\tC3H7NO2", "2\tplain\tH2O", '3\t"other"-one\tCO2']
    database = read("id\tname\tformula", *rows)
    assert database.formulas == ("C3H7NO2", "H2O", "CO2")
    assert database.names[1] == "plain"


def test_quotes_around_a_whole_cell_of_a_table_of_tabs_are_its_quotes() -> None:
    database = read("id\tname\tformula", '"1"\t"beta ""x"" one"\t"C3H7NO2"')
    assert (database.ids, database.names) == (("1",), ('beta "x" one',))


def test_rows_that_a_quote_would_swallow_are_refused() -> None:
    rows = ['1,"open,C6H12O6', "2,two,H2O", '3,"closed",CO2', "4,four,CH4"]
    with pytest.raises(InvalidDatabase, match=r"(?s)line [2-4].*quote"):
        read("id,name,formula", *rows)


@pytest.mark.parametrize("swallowed", ['2,two,H2O\n3,"x"', '2,"two"",H2O\n3,x"'])
def test_a_quote_that_spans_whole_rows_is_named(swallowed: str) -> None:
    with pytest.raises(InvalidDatabase, match="quote"):
        read("id,name,formula", '1,"open,C6H12O6', *swallowed.split("\n"), "4,four,CH4")


@pytest.mark.parametrize("letter", ["\u2028", "\x85", "\x0b", "\x0c", "\x1c"])
@pytest.mark.parametrize("separator", ["\t", ","])
def test_only_line_feeds_end_a_row(letter: str, separator: str) -> None:
    database = read(f"name{separator}formula", f"be{letter}ta{separator}H2O", f"b{separator}CO2")
    assert database.formulas == ("H2O", "CO2")


@pytest.mark.parametrize(
    "before", ["sep=;\n", "SEP=;\r\n", "\n\n", " \n", "\ufeffsep=;\n", "sep=;\n\n"]
)
def test_what_excel_writes_before_the_header_is_passed_over(before: str) -> None:
    data = f"{before}name;formula\na;H2O\nb;oops".encode()
    with pytest.raises(InvalidDatabase, match=f"line {before.count(chr(10)) + 3}: 'oops'"):
        parse_database(data, "mine")
    assert parse_database(data, "mine", skip_bad_rows=True).formulas == ("H2O",)


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("separator", ["\t", ";"])
def test_all_line_ends_end_a_row(end: str, separator: str) -> None:
    data = end.join([f"name{separator}formula", f"a{separator}H2O", f"b{separator}CO2"]).encode()
    assert parse_database(data, "mine").formulas == ("H2O", "CO2")


def test_utf16_is_read_with_its_mark_and_named_without() -> None:
    text = "name\tformula\na\tH2O"
    assert parse_database(text.encode("utf-16"), "mine").formulas == ("H2O",)
    for encoding in ("utf-16-le", "utf-16-be"):
        with pytest.raises(InvalidDatabase, match="UTF-16 without a byte order mark"):
            parse_database(text.encode(encoding), "mine")


def test_a_cut_utf16_table_is_named() -> None:
    with pytest.raises(InvalidDatabase, match="UTF-16 text breaks off"):
        parse_database("name\tformula\na\tH2O".encode("utf-16")[:-1], "mine")


@given(st.lists(st.sampled_from(['"', "'", "a", " ", ",", ";"]), max_size=8).map("".join))
def test_a_table_of_tabs_has_as_many_molecules_as_lines(name: str) -> None:
    rows = [f"{n}\tx{name}\tH2O" for n in range(5)]
    assert len(read("id\tname\tformula", *rows).ids) == len(rows)


CELLS = st.sampled_from(["H2O", "CO2", "C2H6O", " H2O ", '"CO2"', "Qq", "H2O.CO2", "", "a\tb"])


@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=9),
    st.sampled_from(["id\tname\tformula", "formula,x,name", "x;y;formula", "formula|mol_id"]),
    st.sets(st.sampled_from(["H2O", "CO2", "C2H6O"])),
)
def test_molecules_of_some_formulas_are_those_of_the_whole_table(
    rows: list[tuple[str, str, str]], header: str, formulas: set[str]
) -> None:
    separator = next(sign for sign in "\t,;|" if sign in header)
    lines = [header, *map(separator.join, rows), separator.join(["CO2"] * 3)]
    data = "\n".join(lines).encode()
    whole = parse_database(data, "db", skip_bad_rows=True)
    found = find_molecules(data, "db", formulas)
    molecules = zip(whole.ids, whole.names, whole.formulas, strict=True)
    expected = [each for each in molecules if each[2] in formulas]
    assert list(zip(found.ids, found.names, found.formulas, strict=True)) == expected
