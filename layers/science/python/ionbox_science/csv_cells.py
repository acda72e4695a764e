"""Text in CSV cells that a spreadsheet must not run, guarded and unguarded.

Spreadsheets take a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, also in a file
that a stranger made (https://owasp.org/www-community/attacks/CSV_Injection). Such text gets an
apostrophe in front, which spreadsheets take for "this is text". Names of molecules, databases and
datasets come from users' files, so the tables of results guard them.
"""

from __future__ import annotations

import re

# After a semicolon or a tab too: where those part columns, a spreadsheet begins a cell there.
# Apostrophes that were there already are counted in, so that every guard can be taken off.
_RISKY = re.compile(r"(^|[;\t\r\n])(?='*[=+\-@\t\r\n])")
_GUARDED = re.compile(r"(^|[;\t\r\n])'(?='*[=+\-@\t\r\n])")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")

_MODIFIER = re.compile(r"([+-][A-Z][A-Za-z0-9]*)+")


def guard_cell(text: str) -> str:
    """Return text as it stands in a cell: with an apostrophe where it would begin a formula.

    Plain numbers stay as they are.
    """
    return text if _NUMBER.fullmatch(text) else _RISKY.sub(r"\1'", text)


def guard_but_modifiers(text: str) -> str:
    """Guard a cell, but leave adducts and losses such as ``-H2O`` as they are.

    To a spreadsheet they are a sum of unknown names at worst, and every reader of the table would
    have to take the apostrophe off.

    >>> [guard_but_modifiers(text) for text in ("=1+1", "+cmd|x", "-H2O", "C6H12O6")]
    ["'=1+1", "'+cmd|x", '-H2O', 'C6H12O6']
    """
    return text if _MODIFIER.fullmatch(text) else guard_cell(text)


def unguard_cell(cell: str) -> str:
    """Return the text that `guard_cell` was given."""
    return _GUARDED.sub(r"\1", cell)
