"""What the value of each setting must be: in words for messages, and as a conversion.

Config files and the command line give text, numbers and lists; `KINDS` checks them and makes them
what `ionbox_science.config.RunConfig` holds. Names, defaults and ranges are those of
`ionbox_science.setting_table`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ionbox_science.setting_table import (
    DECOY_KINDS,
    FDR_METHODS,
    PATTERN_VERSIONS,
    SCORINGS,
    SETTINGS,
    SORT_WAYS,
    TARGETED,
)
from ionbox_science.theory.formulas import NO_FORMULA_CHANGE, parse_modifier, read_adduct


def check_keys(settings: Mapping[str, Any], source: str) -> list[str]:
    """Return a sentence for each key that is no setting, with the nearest name that is one."""
    return [
        f"{source}: unknown setting '{key}'" + _suggest(key)
        for key in settings
        if key not in SETTINGS
    ]


def _suggest(key: str) -> str:
    near = difflib.get_close_matches(key, SETTINGS, n=1)
    return f"; did you mean '{near[0]}'?" if near else f". Known: {', '.join(sorted(SETTINGS))}"


@dataclass(frozen=True)
class Kind:
    """What a setting must be.

    Attributes
    ----------
    words : str
        For messages, after "expected".
    convert : callable
        Takes the value as given and returns it in its final type; raises TypeError, ValueError or
        InvalidFormula if it cannot be used.
    """

    words: str
    convert: Callable[[Any], Any]


def _convert_flag(value: Any) -> bool:
    # not bool(value): the text "false" is true
    if not isinstance(value, bool):
        raise TypeError
    return value


def _number(name: str) -> Kind:
    """Make the kind of a number between the ends that the table of settings gives."""
    least, most = SETTINGS[name].least, SETTINGS[name].most
    assert least is not None and most is not None

    def convert(value: Any) -> float:
        # True is a number to Python, but nobody means 1 by it; the comparison refuses NaN as well
        if isinstance(value, bool) or not least <= float(value) <= most:
            raise ValueError
        return float(value)

    return Kind(f"a number from {least:,.9g} to {most:,.9g}", convert)


def _whole_number(name: str) -> Kind:
    least, most = SETTINGS[name].least, SETTINGS[name].most
    assert least is not None and most is not None

    def convert(value: Any) -> int:
        number = int(value)
        if isinstance(value, bool) or number != float(value) or not least <= number <= most:
            raise ValueError
        return number

    return Kind(f"a whole number, {least:,.9g} to {most:,.9g}", convert)


def _choice(values: Sequence[str]) -> Kind:
    def convert(value: Any) -> Any:
        if not isinstance(value, str) or value not in values:
            raise ValueError
        return value

    return Kind(" or ".join(values), convert)


def _convert_modifiers(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise TypeError
    modifiers = tuple(dict.fromkeys(value))
    if not all(parse_modifier(modifier) for modifier in modifiers):
        raise ValueError
    return modifiers


def _convert_adducts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError
    if isinstance(value, list):
        value = [read_adduct(adduct) for adduct in value]
    _convert_modifiers([adduct for adduct in value if adduct not in NO_FORMULA_CHANGE])
    if not value:
        raise TypeError
    return tuple(dict.fromkeys(value))


_FLAG = Kind("true or false", _convert_flag)
_MODIFIERS = Kind("a list of signed formulas such as -H2O", _convert_modifiers)

KINDS: Mapping[str, Kind] = {
    "adducts": Kind("a list of signed formulas such as +H", _convert_adducts),
    "neutral_losses": _MODIFIERS,
    "chem_mods": _MODIFIERS,
    "ppm": _number("ppm"),
    "isotope_peaks": _whole_number("isotope_peaks"),
    "decoys": _whole_number("decoys"),
    "decoy_kind": _choice(DECOY_KINDS),
    "recalibrate": _FLAG,
    "scoring": _choice(SCORINGS),
    "competition": _FLAG,
    "fdr_method": _choice(FDR_METHODS),
    "targeted": _choice(TARGETED),
    "isotope_patterns": _choice(PATTERN_VERSIONS),
    "min_px": _whole_number("min_px"),
    "ms_level": _whole_number("ms_level"),
    "pixel_step": _whole_number("pixel_step"),
    "centroid": _FLAG,
    "accept_profile": _FLAG,
    "skip_bad_rows": _FLAG,
}
"""Settings that become fields of `RunConfig`, each by itself."""

KINDS_OF_WIDTHS: Mapping[str, Kind] = {
    name: _number(name) for name in ("isocalc_sigma", "resolving_power", "resolving_power_mz")
}
"""Settings of which the peak width of a run, ``isocalc_sigma``, is made."""

KINDS_OF_ORDERS: Mapping[str, Kind] = {
    "sort": _choice(SORT_WAYS),
    "max_dollars": _number("max_dollars"),
    "dollars_per_minute": _number("dollars_per_minute"),
    "force": _FLAG,
}
"""Settings that say how to run and change no result: checked, but no part of `RunConfig`."""

KEYS_OF_FILES = ("databases", "polarity", "analyzer", *KINDS_OF_WIDTHS)
"""Settings that describe the dataset: the imzML, or the files beside it, may say them instead."""
