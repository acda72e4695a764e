"""Molecule databases: CSV or TSV tables of ``id``, ``name`` and ``formula``.

In: the bytes of a file. Out: a `MoleculeDatabase`, whose unique formulas become ions
(`ionbox_science.theory.ions`) and whose ids and names return in the table of annotations.

The separator is found, not assumed; columns may stand in any order and further ones are ignored;
``mol_id`` and ``mol_name`` are read as ``id`` and ``name``; a table with formulas only is enough.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass

from ionbox_science.errors import InvalidDatabase, InvalidFormula
from ionbox_science.theory.formulas import parse_formula

_COLUMN_NAMES = {
    "id": ("id", "mol_id"),
    "name": ("name", "mol_name"),
    "formula": ("formula", "sum_formula"),
}
_NOT_TABLES = {
    b"PK\x03\x04": "an Excel workbook or a zip file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "a gzip file",
}
_SEPARATORS = "\t,;|"
_LINE_ENDS = re.compile(r"[\r\n]+")
_QUOTED = re.compile(r'\s*"(?P<text>(?:[^"]|"")*)"\s*$')
_SEPARATOR_LINE = re.compile(r"sep=(?P<separator>.)\s*$", re.IGNORECASE)

_MAX_LISTED_ROWS = 20


@dataclass(frozen=True)
class RowError:
    """One unusable row: its line in the file (the header is line 1) and the reason."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


@dataclass(frozen=True)
class MoleculeDatabase:
    """Molecules as rows, in the file's order.

    Attributes
    ----------
    name : str
        What users call the database; the ``database`` column of results.
    ids, names, formulas : tuple of str
        One entry per molecule.
    skipped : tuple of RowError
        Rows that were left out because they are unusable.
    """

    name: str
    ids: tuple[str, ...]
    names: tuple[str, ...]
    formulas: tuple[str, ...]
    skipped: tuple[RowError, ...] = ()

    def unique_formulas(self) -> tuple[str, ...]:
        """Return each formula once, sorted, so that the order of rows never matters.

        Formulas are compared as text: ``CH4`` and ``H4C`` are two.
        """
        return tuple(sorted(set(self.formulas)))


def parse_database(data: bytes, name: str, *, skip_bad_rows: bool = False) -> MoleculeDatabase:
    """Read a molecule table.

    Parameters
    ----------
    data : bytes
        The file, UTF-8 (a byte order mark is fine) or Latin-1.
    name : str
        Name of the database, used in messages and results.
    skip_bad_rows : bool
        Leave bad rows out and list them in ``skipped`` instead of refusing the file.

    Raises
    ------
    InvalidDatabase
        If the file is empty, another kind of file (Excel, zip, gzip) or no table of text; if the
        header has no formula column; if there is no molecule; if rows are unusable and not to be
        skipped: up to 20 of them are listed in the message.
    """
    lines = _read_lines(data, name)
    columns = _find_columns(next(lines)[1], name)
    rows: list[tuple[str, str, str]] = []
    errors: list[RowError] = []
    for line, cells in lines:
        try:
            rows.append(_read_row(cells, columns))
        except InvalidFormula as error:
            errors.append(RowError(line, str(error)))
    if errors and not skip_bad_rows:
        raise InvalidDatabase(_describe_errors(errors, len(rows) + len(errors), name))
    if not rows:
        raise InvalidDatabase(f"database '{name}' has a header but no molecule")
    ids, names, formulas = zip(*rows, strict=True)
    return MoleculeDatabase(name, ids, names, formulas, tuple(errors))


def find_molecules(data: bytes, name: str, formulas: Container[str]) -> MoleculeDatabase:
    """Read the molecules of some formulas from a table that `parse_database` has accepted.

    They are the same as there; the formulas of other rows are not looked at, nor what is wrong with
    them, so ``skipped`` is empty.

    Parameters
    ----------
    data : bytes
        The file.
    name : str
        Name of the database.
    formulas : container of str
        Valid formulas, as the table writes them; a set is fast.
    """
    lines = _read_lines(data, name)
    columns = _find_columns(next(lines)[1], name)
    at = columns["formula"]
    found = []
    for _, cells in lines:
        if at < len(cells) and _one_line(cells[at]) in formulas:
            values = _pick_cells(cells, columns)
            if "" not in values:
                found.append(values)
    ids, names, kept = zip(*found, strict=True) if found else ((), (), ())
    return MoleculeDatabase(name, ids, names, kept)


def _read_lines(data: bytes, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) of every non-empty row, the header first.

    Raises
    ------
    InvalidDatabase
        If there is no header, or the text is no table.
    """
    # by line feeds alone: str.splitlines() also cuts names at U+2028 and the like
    text = _decode(data, name).replace("\r\n", "\n").replace("\r", "\n")
    lines = list(io.StringIO(text))
    n_before = 0
    declared = None
    while lines and (not lines[0].strip() or _SEPARATOR_LINE.match(lines[0])):
        named = _SEPARATOR_LINE.match(lines[0])  # Excel's "sep=;"
        declared = named["separator"] if named else declared
        lines, n_before = lines[1:], n_before + 1
    if not lines:
        raise InvalidDatabase(f"database '{name}' is empty: expected columns id, name, formula")
    # By the header alone: names of molecules are full of commas. Of a single column, the tab.
    separator = declared or max(_SEPARATORS, key=lines[0].count)
    if separator == "\t":
        rows = _read_tabs(lines)
    else:
        rows = _read_quoted(lines, separator, name, n_before)
    for line, cells in rows:
        if len(cells) > 1 or cells[0].strip():
            yield n_before + line, cells


def _read_tabs(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield each line's cells. A quote is a letter here: names of molecules begin with 5"-."""
    for number, line in enumerate(lines, 1):
        cells = line.rstrip("\n").split("\t")
        yield number, [_QUOTED.sub(_unquote, cell) for cell in cells] if '"' in line else cells


def _read_quoted(
    lines: list[str], separator: str, name: str, n_before: int
) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each row, of which quoted ones may hold separators and line breaks."""
    reader = csv.reader(lines, delimiter=separator, strict=True)
    n_separators = lines[0].count(separator)
    read = 0
    try:
        for cells in reader:
            # A quote at the start of a name runs on to the next one, over whole rows between.
            within = lines[read + 1 : reader.line_num]
            if n_separators and any(line.count(separator) >= n_separators for line in within):
                raise InvalidDatabase(
                    f"database '{name}': a quote that opens in line {n_before + read + 1} closes "
                    f"in line {n_before + reader.line_num}, with whole rows between; write a quote "
                    "within a name as two inside quotes, or save the table as TSV"
                )
            read = reader.line_num
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        raise InvalidDatabase(
            f"database '{name}': the table cannot be read at line {n_before + reader.line_num} "
            f"({error}); a quote that is opened and never closed does this"
        ) from None


def _unquote(cell: re.Match[str]) -> str:
    """Return what stands between quotes around a whole cell, as a spreadsheet writes them."""
    return cell["text"].replace('""', '"')


def _decode(data: bytes, name: str) -> str:
    for start, kind in _NOT_TABLES.items():
        if data.startswith(start):
            raise InvalidDatabase(f"database '{name}' is {kind}; save it as CSV or TSV")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError:
            raise InvalidDatabase(
                f"database '{name}': its UTF-16 text breaks off; copy or upload it again"
            ) from None
    if data[1:2] == b"\0" or data[:1] == b"\0":
        raise InvalidDatabase(
            f"database '{name}' is no text, or UTF-16 without a byte order mark; save it as UTF-8"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _find_columns(header: list[str], name: str) -> dict[str, int]:
    found = [cell.strip().lower() for cell in header]
    columns = {
        column: found.index(alias)
        for column, aliases in _COLUMN_NAMES.items()
        for alias in aliases
        if alias in found
    }
    if "formula" not in columns:
        raise InvalidDatabase(
            f"database '{name}' has no column 'formula': its header (line 1) is "
            f"{', '.join(repr(cell) for cell in header)}. Name the columns id, name, formula"
        )
    return columns


def _read_row(cells: list[str], columns: dict[str, int]) -> tuple[str, str, str]:
    values = _pick_cells(cells, columns)
    named = zip(("id", "name", "formula"), values, strict=True)
    empty = [column for column, value in named if column in columns and not value]
    if empty:
        raise InvalidFormula(f"empty {' and '.join(empty)}")
    formula = values[2]
    if "." in formula:
        raise InvalidFormula(f"'{formula}': a formula with '.' is two molecules; give each its row")
    parse_formula(formula)
    return values


def _pick_cells(cells: list[str], columns: dict[str, int]) -> tuple[str, str, str]:
    """Return id, name and formula of a row; the formula for what the table has no column of."""
    values = {
        column: _one_line(cells[index]) if index < len(cells) else ""
        for column, index in columns.items()
    }
    formula = values["formula"]
    return values.get("id", formula), values.get("name", formula), formula


def _one_line(cell: str) -> str:
    """Put a cell of several lines into one line.

    The cell returns in ``annotations.csv``, where not every reader of CSV would find the row's end.
    """
    return _LINE_ENDS.sub(" ", cell.strip())


def _describe_errors(errors: list[RowError], n_rows: int, name: str) -> str:
    listed = "\n".join(f"  {error}" for error in errors[:_MAX_LISTED_ROWS])
    more = len(errors) - _MAX_LISTED_ROWS
    return (
        f"database '{name}': {len(errors)} of {n_rows} rows cannot be used; correct them, or leave "
        f"them out with --skip-bad-rows:\n{listed}" + (f"\n  and {more} more" if more > 0 else "")
    )
