"""Formula arithmetic: element counts, adducts, neutral losses, chemical modifications, labels.

In: formulas and modifiers as people write them. Out: element counts and ion formulas
(`ionbox_science.theory.formula_tables` has tables of both for whole databases).
`ionbox_science.theory.databases` and `ionbox_science.config` check user input with it,
`ionbox_science.theory.ions` makes ions.

A *modifier* is what turns a molecule into an ion: chemical modification, neutral loss and adduct,
written one after another as signed formulas (``-H+C-H2O+Na``). ``[M]+`` and ``[M]-`` are ions made
by losing or gaining an electron only, so they leave the formula alone.

Isotope labels are pseudo elements: ``Cx`` is carbon-13 in every molecule, likewise ``Nx``, ``Hx``,
``Ox`` and ``Sx``. They count like elements here; the isotope pattern treats them as a mass shift.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from importlib import resources

from ionbox_science.errors import InvalidFormula

ElementCounts = dict[str, int]

NO_FORMULA_CHANGE = ("[M]+", "[M]-")
"""Adducts that change the charge but not the formula."""

ISOTOPE_LABELS = ("Cx", "Nx", "Hx", "Ox", "Sx")
"""Pseudo elements that stand for a fully labelled heavy isotope."""

MAX_ATOMS = 1_000_000
"""Most atoms of one element in a formula: far more than any molecule has, and few enough for 32-bit
counts."""

_ELEMENT = re.compile(r"([A-Z][a-z]?)([0-9]*)")
_STEP = re.compile(r"([+-])([^+-]+)")
_ADDUCT = re.compile(r"([+-][^+\-\s\[\]]+)+")
_BRACKETED = re.compile(r"\[M([+-][^\]]+)\][+-]?|(?:\[M\]|M)([+-])")
_LEADING = "CHNOPS"

# What people write that is read otherwise here, to be answered with how it is written.
_MINUS_SIGNS = str.maketrans({"\u2212": "-", "\u2013": "-", "\u2010": "-", "\u2011": "-"})
_COUNT_IN_FRONT = re.compile(r"([0-9]+)([A-Z].*)")
_ISOTOPE_IN_BRACKETS = re.compile(r"\[([0-9]+)(?:([A-Z][a-z]?)\]|\]([A-Z][a-z]?))")
_LABEL_OF_ISOTOPE = {"13C": "Cx", "15N": "Nx", "2H": "Hx", "18O": "Ox", "34S": "Sx"}
_SPACED_SIGN = re.compile(r"\s*([+-])\s*")
_MULTIMER = re.compile(r"\[?\s*[0-9]+\s*M")
_SEVERAL_CHARGES = re.compile(r"\]\s*(?:[2-9]|1[0-9])\s*[+-]|\]\s*[+-]\s*[2-9]|\]\s*(?:\+\+|--)")
_SEVERAL_ADDUCTS = re.compile(r"[^\s,;|]\s*[\s,;|]\s*\[?(?:M|[+-])")


@functools.cache
def element_masses() -> Mapping[str, float]:
    """Return the mass in Da of every element and isotope label ionbox knows.

    Average masses, for ordering ions only; that of a label is the mass of its heavy isotope.
    Source: see ``data/elements.tsv``.
    """
    text = (resources.files("ionbox_science") / "data" / "elements.tsv").read_text("utf-8")
    rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    next(rows)  # header
    return {symbol: float(mass) for symbol, mass in rows}


def parse_formula(formula: str) -> ElementCounts:
    """Count the elements of a formula.

    Parameters
    ----------
    formula : str
        Hill-like notation without brackets or charges, ``C6H12O6``. An element may stand twice.

    Returns
    -------
    dict of str to int
        Atoms per element, zero counts left out.

    Raises
    ------
    InvalidFormula
        If anything in the text is not an element with an optional count, or the count is above
        `MAX_ATOMS`.
    """
    counts: ElementCounts = {}
    position = 0
    for match in _ELEMENT.finditer(formula):
        if match.start() != position:
            break
        position = match.end()
        element, digits = match.groups()
        if element not in element_masses():
            hint = "; write Hx for deuterium" if element == "D" else ""
            raise InvalidFormula(f"'{formula}': '{element}' is not an element{hint}")
        counts[element] = counts.get(element, 0) + _read_count(digits)
        if counts[element] > MAX_ATOMS:
            raise InvalidFormula(f"'{formula}': more atoms of {element} than {MAX_ATOMS:,}")
    if position != len(formula):
        rest = formula[position:]
        raise InvalidFormula(f"'{formula}': cannot read '{rest}'{_hint_for(rest, formula)}")
    counts = {element: count for element, count in counts.items() if count}
    if not counts:
        raise InvalidFormula(f"'{formula}': no atoms")
    return counts


def _hint_for(rest: str, formula: str) -> str:
    """Say how what could not be read is written here, if it has a place here at all."""
    isotope = _ISOTOPE_IN_BRACKETS.match(rest)
    if isotope:
        label = _LABEL_OF_ISOTOPE.get(isotope[1] + (isotope[2] or isotope[3]))
        return f"; write {isotope[0]} as {label}" if label else ""
    in_front = _COUNT_IN_FRONT.fullmatch(formula)
    if in_front is None:
        return ""
    try:
        counts = parse_formula(in_front[2])
    except InvalidFormula:
        return ""
    times = min(_read_count(in_front[1]), MAX_ATOMS)
    return f"; write {format_formula({e: n * times for e, n in counts.items()})}"


def _read_count(digits: str) -> int:
    significant = digits.lstrip("0")
    if len(significant) > len(str(MAX_ATOMS)):
        return MAX_ATOMS + 1  # enough to be refused; int() raises on thousands of digits
    return int(significant or 0) if digits else 1


def format_formula(counts: Mapping[str, int]) -> str:
    """Write element counts as a formula: C, H, N, O, P, S first, then the others by symbol.

    Counts of zero are left out; without any, the formula is empty.
    """
    order = sorted(counts, key=element_rank)
    return "".join(
        f"{element}{counts[element] if counts[element] > 1 else ''}"
        for element in order
        if counts[element]
    )


def element_rank(element: str) -> tuple[int, str]:
    """Return what elements are ordered by: C, H, N, O, P, S first, then the others by symbol."""
    leading = _LEADING.find(element) if len(element) == 1 else -1
    return (leading if leading >= 0 else len(_LEADING), element)


def join_modifier(chem_mod: str, neutral_loss: str, adduct: str) -> str:
    """Concatenate the three parts of a modifier; ``[M]+`` and ``[M]-`` drop out."""
    parts = (chem_mod, neutral_loss, adduct)
    return "".join(part for part in parts if part not in NO_FORMULA_CHANGE)


@functools.lru_cache(maxsize=4096)
def parse_modifier(modifier: str) -> tuple[tuple[tuple[str, int], ...], ...]:
    """Split a modifier into its signed steps.

    Returns
    -------
    tuple
        One tuple of (element, signed count) pairs per ``+`` or ``-`` step, in order.

    Raises
    ------
    InvalidFormula
        If the text does not start with a sign or a step is not a formula.
    """
    steps = []
    position = 0
    for match in _STEP.finditer(modifier):
        if match.start() != position:
            break
        position = match.end()
        sign = 1 if match[1] == "+" else -1
        steps.append(tuple((e, sign * n) for e, n in parse_formula(match[2]).items()))
    if position != len(modifier):
        raise InvalidFormula(
            f"'{modifier}' is not a modifier: write + or - before each part, as in +Na or -H2O"
        )
    return tuple(steps)


def plain_adduct(adduct: str) -> str:
    """Write ``M+H`` and ``[M+H]+`` as ``+H``; ``[M]+`` stays.

    >>> plain_adduct("M+Na"), plain_adduct("[M-H]-"), plain_adduct("[M]+"), plain_adduct("+K")
    ('+Na', '-H', '[M]+', '+K')
    """
    if adduct.startswith("[M") and adduct[2:3] in {"+", "-"}:
        return adduct[2:].partition("]")[0]
    return adduct.removeprefix("M")


def read_adduct(adduct: object) -> str:
    """Read an adduct as people write it: ``+H``, ``M+H``, ``[M+H]+``, ``[M]+``, ``M+``.

    Raises
    ------
    InvalidFormula
        If it is not text, or text of another form.

    Examples
    --------
    >>> read_adduct("M+H"), read_adduct(" [M-H]-"), read_adduct("M+"), read_adduct("+K")
    ('+H', '-H', '[M]+', '+K')
    """
    if not isinstance(adduct, str):
        raise InvalidFormula(f"adduct: expected text such as +H, got {adduct!r}")
    written = adduct.strip().translate(_MINUS_SIGNS)
    if written.startswith(("M", "[M")):
        written = _SPACED_SIGN.sub(r"\1", written)
    if reason := _why_no_adduct(written):
        raise InvalidFormula(f"adduct '{adduct}': {reason}")
    bracketed = _BRACKETED.fullmatch(written)
    written = (bracketed[1] or f"[M]{bracketed[2]}") if bracketed else written.removeprefix("M")
    if written not in NO_FORMULA_CHANGE and not _ADDUCT.fullmatch(written):
        said = f"'{adduct}' is none" if written else "none given"
        raise InvalidFormula(f"adduct: {said}; write one such as +H, M+H, [M+H]+ or [M]+")
    return written


def _why_no_adduct(written: str) -> str:
    """Name what some write as an adduct and ionbox does not support, or wants written otherwise."""
    if _MULTIMER.match(written):
        return "ions of several molecules (dimers) are not supported"
    if _SEVERAL_CHARGES.search(written):
        return "ions of more than one charge are not supported"
    if _SEVERAL_ADDUCTS.search(written):
        return "give one adduct at a time: repeat the flag, or write a list in a config file"
    return ""


def build_ion_formula(formula: str, modifier: str) -> str:
    """Apply a modifier to a formula, step by step.

    Raises
    ------
    InvalidFormula
        If the formula or the modifier cannot be read, a step would take away more atoms than are
        there, or nothing is left at the end.
    """
    counts = parse_formula(formula)
    for step in parse_modifier(modifier):
        for element, change in step:
            counts[element] = counts.get(element, 0) + change
            if counts[element] < 0:
                raise InvalidFormula(f"'{formula}' has too few {element} for '{modifier}'")
    ion_formula = format_formula(counts)
    if not ion_formula:
        raise InvalidFormula(f"'{modifier}' leaves nothing of '{formula}'")
    return ion_formula
