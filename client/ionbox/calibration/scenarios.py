"""What a calibration tries: how data is simulated, and the settings that it is annotated with."""

from __future__ import annotations

import inspect
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ionbox_science.errors import InvalidConfig
from ionbox_science.setting_table import SETTINGS

from ionbox.simulation.simulate import simulate_dataset

Settings = Mapping[str, Any]

SIMULATED = frozenset(inspect.signature(simulate_dataset).parameters) - {
    *("path", "seed", "formulas", "progress")
}
"""What of a simulation a scenario may say: arguments of `simulate_dataset`."""

DEFAULT_VARIANTS: tuple[Settings, ...] = ({"scoring": "msm"}, {"scoring": "metaspace-ml-animal"})
"""What is compared where nothing else is asked for."""

_REQUIRED = {"width": 80, "height": 60, "n_ions": 200, "n_noise_peaks": 300}
_KEYS = ("name", "database", "simulate", "settings", "variants")


@dataclass(frozen=True)
class Scenario:
    """One kind of dataset, and how it is annotated.

    Attributes
    ----------
    name : str
        For tables; no two in a calibration have the same.
    simulate : mapping
        Arguments of `ionbox.simulation.simulate.simulate_dataset`, without path, seed and formulas.
    settings : mapping
        Settings of all its runs, any of `SETTINGS`.
    variants : tuple of mapping
        Settings that are compared: a run each, on the same data.
    database : Path or None
        Molecule table that ions are drawn from and searched in; the built-in lipids if None.
    """

    name: str
    simulate: Settings = field(default_factory=dict)
    settings: Settings = field(default_factory=dict)
    variants: tuple[Settings, ...] = DEFAULT_VARIANTS
    database: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what neither a simulation nor a run knows.

        Raises
        ------
        InvalidConfig
            If there is such a name, a size is no whole number, or there is no variant.
        """
        known = {"simulate": SIMULATED, "settings": SETTINGS.keys() - {"databases"}}
        for where, given in (
            ("simulate", self.simulate),
            ("settings", self.settings),
            *(("settings", variant) for variant in self.variants),
        ):
            unknown = sorted(set(given) - known[where])
            if unknown:
                raise InvalidConfig(
                    f"scenario {self.name!r}: {where} has {', '.join(unknown)}; there are "
                    f"{', '.join(sorted(known[where]))}"
                )
        for name in _REQUIRED.keys() & self.simulate.keys():
            if type(self.simulate[name]) is not int:
                raise InvalidConfig(
                    f"scenario {self.name!r}: simulate: {name} is {self.simulate[name]!r}, must be "
                    "a whole number"
                )
        if not self.variants:
            raise InvalidConfig(f"scenario {self.name!r}: no variants; give one, {{}} if need be")

    @property
    def simulation(self) -> dict[str, Any]:
        """All arguments of the simulation but path, seed and formulas."""
        return {**_REQUIRED, **self.simulate}


def name_variant(variant: Settings) -> str:
    """Name a variant in tables: its values, with their keys where these do not speak for them."""
    words = [
        str(value) if key in ("scoring", "fdr_method") else f"{key}={_in_words(value)}"
        for key, value in variant.items()
    ]
    return ", ".join(words) or "as it is"


def _in_words(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def read_scenarios(path: Path) -> list[Scenario]:
    """Read a file of scenarios: a JSON list of objects with the attributes of `Scenario`.

    Paths of databases are relative to the file.

    Raises
    ------
    InvalidConfig
        If the file cannot be read as such, or two scenarios have one name.
    """
    try:
        entries = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidConfig(f"{path} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise InvalidConfig(f"{path} is not JSON: {error}") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidConfig(f"{path}: expected a list of objects, a scenario each")
    scenarios = [_read_scenario(entry, path) for entry in entries]
    names = [scenario.name for scenario in scenarios]
    if len(set(names)) < len(names):
        raise InvalidConfig(f"{path}: two scenarios have one name; there are {', '.join(names)}")
    return scenarios


def _read_scenario(entry: dict[str, Any], path: Path) -> Scenario:
    unknown = sorted(set(entry) - set(_KEYS))
    if unknown or not isinstance(entry.get("name"), str):
        raise InvalidConfig(
            f"{path}: a scenario has a name and may have {', '.join(_KEYS[1:])}"
            + (f", not {', '.join(unknown)}" if unknown else "")
        )
    variants = entry.get("variants", DEFAULT_VARIANTS)
    parts = [entry.get("simulate", {}), entry.get("settings", {}), *variants]
    if not all(isinstance(part, dict) for part in parts):
        raise InvalidConfig(
            f"{path}: {entry['name']!r}: simulate, settings and each of variants are objects"
        )
    database = entry.get("database")
    return Scenario(
        name=entry["name"],
        simulate=parts[0],
        settings=parts[1],
        variants=tuple(parts[2:]),
        database=path.parent / database if database else None,
    )


def cross_variants(compared: Sequence[str]) -> tuple[Settings, ...]:
    """Return all combinations of settings: ``scoring=msm,metaspace-ml-animal`` and so on.

    Parameters
    ----------
    compared : sequence of str
        A setting and its values each; values are JSON, or else text.

    Raises
    ------
    InvalidConfig
        If one is of another form.
    """
    columns = []
    for text in compared:
        key, sign, values = text.partition("=")
        if not sign or not key or not values:
            raise InvalidConfig(
                f"--compare: expected SETTING=VALUE,VALUE as in scoring=msm,metaspace-ml-animal; "
                f"got '{text}'"
            )
        columns.append([(key.replace("-", "_"), _read_value(each)) for each in values.split(",")])
    return tuple(dict(row) for row in itertools.product(*columns))


def _read_value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
