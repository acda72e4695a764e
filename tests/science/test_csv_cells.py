"""No text of a stranger becomes a formula in a spreadsheet, and none is lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ionbox_science.csv_cells import guard_cell, unguard_cell

risky_texts = st.text(st.sampled_from("=+-@'\t\r\n;, a1.e\"")) | st.text()


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("@SUM(1+1)", "'@SUM(1+1)"),
        ("+1+1", "'+1+1"),
        ("-2+3", "'-2+3"),
        ("\t=1", "'\t'=1"),
        ("a;=1", "a;'=1"),
        ("'=1", "''=1"),
    ],
)
def test_what_would_be_a_formula_gets_an_apostrophe(text: str, cell: str) -> None:
    assert guard_cell(text) == cell


@pytest.mark.parametrize(
    "text",
    [
        *("", "Glucose", "(-)-Epicatechin", "(+)-Catechin, =O", "5'-AMP", "'tis", "PC 34:1;O2"),
        *("-1", "+1.5", "-1e-5", "N-acetyl-L-alanine", "mail@example.org", "1-(9Z)-2", "[M]+"),
    ],
)
def test_usual_text_stays_as_it_is(text: str) -> None:
    assert guard_cell(text) == text


@given(risky_texts)
def test_every_guard_can_be_taken_off(text: str) -> None:
    assert unguard_cell(guard_cell(text)) == text


@given(risky_texts)
def test_no_cell_begins_a_formula(text: str) -> None:
    cell = guard_cell(text)
    assert re.fullmatch(r"[-+.\deE]+", cell) or not re.search(r"(^|[;\t\r\n])[=+\-@]", cell)
