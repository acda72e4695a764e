"""From an ion as people write or copy it to the one name that tables have.

``[C6H12O6+H]+`` from the page, ``("C6H12O6", "M+H")`` from METASPACE, subscripts from a paper: all
become ``C6H12O6+H+``. Used by `Run.colocalized` and wherever annotations are filtered by ion.
"""

from __future__ import annotations

import re

from ionbox_science.annotation.table import format_ion
from ionbox_science.errors import InvalidFormula
from ionbox_science.theory.formulas import parse_formula, parse_modifier, read_adduct

Ion = str | tuple[str, str]
"""How callers name an ion: by its name, or by formula and adduct as ``results()`` is indexed."""

_BRACKETED = re.compile(r"\[([^\[\]]+)\]([+-]?)")
_PLAIN = re.compile(r"(.+?)([+-]?)")
_FORMULA = re.compile(r"[^+-]*")

# superscript charges and subscript counts, as they are copied from the page or from papers
_PLAIN_SIGNS = str.maketrans("⁺⁻−₀₁₂₃₄₅₆₇₈₉", "+--0123456789")

_EXAMPLES = "write an ion such as C6H12O6+H+, [C6H12O6+H]+ or ('C6H12O6', '+H')"


def read_ion(ion: object, sign: str) -> str:
    """Read an ion as people write it; return the name that tables have.

    Parameters
    ----------
    ion : str or (str, str)
        As in the column ``ion``, ``C6H12O6+H+``; as the page shows it, ``[C6H12O6+H]+``; or
        formula and adduct. If no charge is written, that of the run is taken.
    sign : {"+", "-"}
        Sign of the charge of the run's ions.

    Raises
    ------
    InvalidFormula
        If it cannot be read as an ion; a formula without adduct and charge is not one.

    Examples
    --------
    >>> read_ion("[C6H12O6-H2O+H]+", "+"), read_ion(("C6H12O6", "M+Na"), "+")
    ('C6H12O6-H2O+H+', 'C6H12O6+Na+')
    >>> read_ion("[C6H12O6]+", "+"), read_ion(("C6H12O6", "[M]+"), "+")
    ('C6H12O6+', 'C6H12O6+')
    """
    if isinstance(ion, tuple):
        return _read_pair(ion, sign)
    if not isinstance(ion, str):
        raise InvalidFormula(f"ion: {_EXAMPLES}, got {ion!r}")
    written = "".join(ion.split()).translate(_PLAIN_SIGNS)
    found = _BRACKETED.fullmatch(written) or _PLAIN.fullmatch(written)
    if found is None:
        raise InvalidFormula(f"ion: none given; {_EXAMPLES}")
    body, charge = found.groups()
    formula = _FORMULA.match(body)[0]  # type: ignore[index]  # it matches nothing, too
    if formula == written:
        raise InvalidFormula(f"ion: '{ion}' has no adduct and no charge; {_EXAMPLES}")
    _check(formula, body[len(formula) :], ion)
    return f"{body}{charge or sign}"


def is_formula(text: str) -> bool:
    """Say whether a text is a formula without adduct and charge."""
    try:
        parse_formula(text)
    except InvalidFormula:
        return False
    return True


def _read_pair(pair: tuple[object, ...], sign: str) -> str:
    if len(pair) != 2 or not isinstance(pair[0], str):
        raise InvalidFormula(f"ion: {_EXAMPLES}, got {pair!r}")
    formula = pair[0].strip()
    _check(formula, "", pair)
    return format_ion(formula, "", "", read_adduct(pair[1]), sign)


def _check(formula: str, modifier: str, ion: object) -> None:
    try:
        parse_formula(formula)
        parse_modifier(modifier)
    except InvalidFormula as error:
        raise InvalidFormula(f"ion: {ion!r} cannot be read: {error}; {_EXAMPLES}") from None
