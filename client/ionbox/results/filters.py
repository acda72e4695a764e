"""Which annotations are asked for: an FDR, and the filters of METASPACE's client.

A frame with the columns of ``annotations.csv`` goes in, a frame with some of its rows comes out;
used by `Run.results`, `Run.annotations` and `Run.all_annotation_images`. `FILTERS`, at the end, is
the list of filters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

from ionbox_science.errors import InvalidConfig
from ionbox_science.theory.formulas import read_adduct

from ionbox.argument_checks import is_number, require_bools, require_text
from ionbox.results.ion_names import read_ion

if TYPE_CHECKING:
    import pandas as pd

    Chosen = pd.Series[bool]  # which rows of a frame pass


def check_fdr(fdr: object) -> None:
    """Refuse what is not an FDR; None, for no limit, passes.

    Raises
    ------
    InvalidConfig
        If it is not a number from 0 to 1; of a percentage the message says the fraction.
    """
    if fdr is None:
        return
    value = float(fdr) if isinstance(fdr, Real) and is_number(fdr) else math.nan
    if not 0 <= value <= 1:
        hint = f" ({value:g} % is {value / 100:g})" if 1 < value <= 100 else ""
        got = fdr if isinstance(fdr, Real) else repr(fdr)
        raise InvalidConfig(f"fdr: expected a fraction from 0 to 1, got {got}{hint}")


def filter_annotations(frame: pd.DataFrame, filters: Mapping[str, Any]) -> pd.DataFrame:
    """Keep the annotations that all filters let pass.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns of ``annotations.csv``.
    filters : mapping
        Values by METASPACE's names: ``sumFormula``, ``adduct``, ``chemMod`` and ``neutralLoss``
        as in the table; ``ion`` as `ionbox.results.ion_names.read_ion` takes it; ``hasChemMod`` and
        ``hasNeutralLoss``, True or False; ``compoundQuery``, a part of a molecule's name in any
        case, or a formula; ``fdrLevel``, the highest FDR, a fraction; ``mzFilter`` (m/z) and
        ``msmScoreFilter`` (0 to 1), ``{"min": …, "max": …}`` or one of the two bounds, which are
        included. A filter whose value is None lets all rows pass.

    Returns
    -------
    pandas.DataFrame
        The rows that are left, in the same order.

    Raises
    ------
    InvalidConfig
        If there is no filter of that name, or its value is of the wrong kind; the message says
        which filters there are or what is expected.
    InvalidFormula
        If the ion or the adduct cannot be read.
    """
    for name, value in filters.items():
        if name not in FILTERS:
            raise InvalidConfig(f"no filter '{name}'; there are {', '.join(FILTERS)}")
        if value is not None:
            frame = frame[FILTERS[name](frame, value)]
    return frame


def _equal(name: str, column: str) -> Callable[[pd.DataFrame, Any], Chosen]:
    def choose(frame: pd.DataFrame, value: Any) -> Chosen:
        require_text(name, value)
        chosen: Chosen = frame[column] == value
        return chosen

    return choose


def _ion(frame: pd.DataFrame, value: object) -> Chosen:
    # a charge may be left out, and the frame does not name its run's; trying both finds only that
    return frame["ion"].isin([read_ion(value, sign) for sign in "+-"])


def _adduct(frame: pd.DataFrame, value: str) -> Chosen:
    return frame["adduct"] == read_adduct(value)


def _has(name: str, column: str) -> Callable[[pd.DataFrame, Any], Chosen]:
    def choose(frame: pd.DataFrame, value: Any) -> Chosen:
        require_bools(**{name: value})
        chosen: Chosen = (frame[column] != "") == bool(value)
        return chosen

    return choose


def _between(name: str, column: str) -> Callable[[pd.DataFrame, Any], Chosen]:
    def choose(frame: pd.DataFrame, value: Any) -> Chosen:
        if not isinstance(value, Mapping) or not value or value.keys() - {"min", "max"}:
            raise InvalidConfig(f"{name}: expected {{'min': …, 'max': …}}, got {value!r}")
        lowest, highest = value.get("min"), value.get("max")
        if not all(bound is None or is_number(bound) for bound in (lowest, highest)):
            raise InvalidConfig(f"{name}: 'min' and 'max' are numbers, got {value!r}")
        chosen = frame[column].notna()  # without a value a row is in no range
        if lowest is not None:
            chosen &= frame[column] >= lowest
        if highest is not None:
            chosen &= frame[column] <= highest
        return chosen

    return choose


def _fdr_level(frame: pd.DataFrame, value: float) -> Chosen:
    check_fdr(value)
    return frame["fdr"] <= value


def _compound(frame: pd.DataFrame, value: str) -> Chosen:
    require_text("compoundQuery", value)
    named = frame["moleculeNames"].str.contains(value, case=False, regex=False)
    return named | (frame["formula"] == value)


FILTERS: dict[str, Callable[[pd.DataFrame, Any], Chosen]] = {
    "sumFormula": _equal("sumFormula", "formula"),
    "adduct": _adduct,
    "chemMod": _equal("chemMod", "chemMod"),
    "neutralLoss": _equal("neutralLoss", "neutralLoss"),
    "ion": _ion,
    "hasChemMod": _has("hasChemMod", "chemMod"),
    "hasNeutralLoss": _has("hasNeutralLoss", "neutralLoss"),
    "compoundQuery": _compound,
    "fdrLevel": _fdr_level,
    "mzFilter": _between("mzFilter", "mz"),
    "msmScoreFilter": _between("msmScoreFilter", "msm"),
}
