"""Cells of CSV files that a spreadsheet must not take for formulas, in tables with modifiers."""

from __future__ import annotations

import re

from ionbox_science.csv_cells import guard_cell

_MODIFIER = re.compile(r"([+-][A-Z][A-Za-z0-9]*)+")


def guard(text: str) -> str:
    """Guard a cell, but leave adducts and losses as they are: sums of names at worst.

    >>> guard("=1+1"), guard("+cmd|x"), guard("-H2O"), guard("C6H12O6")
    ("'=1+1", "'+cmd|x", '-H2O', 'C6H12O6')
    """
    return text if _MODIFIER.fullmatch(text) else guard_cell(text)
