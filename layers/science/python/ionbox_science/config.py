"""What a user asks for, and what runs: settings resolved into the config of a run.

Settings come in layers, strongest first: command line, config file, the imzML's own words, the
defaults of whoever set ionbox up, the defaults of `ionbox_science.setting_table`. `resolve_config`
makes of them a `RunConfig` in which nothing is optional. This happens once per run, when the header
is read and before anything is computed; the config is stored beside the results, decides the run's
identity, and hands later steps what they need as `IonRule`, `IsotopeModel` and `ImageOptions`.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ionbox_science.errors import InvalidConfig, InvalidFormula
from ionbox_science.imzml.options import ReadOptions
from ionbox_science.metaspace_metadata import is_metadata, read_metadata
from ionbox_science.scoring.options import ImageOptions
from ionbox_science.setting_kinds import (
    KEYS_OF_FILES,
    KINDS,
    KINDS_OF_ORDERS,
    KINDS_OF_WIDTHS,
    Kind,
    check_keys,
)
from ionbox_science.setting_table import (
    DEFAULT_ADDUCTS,
    DEFAULTS,
    PATTERN_VERSIONS,
    PATTERNS_OF_METHODS,
    REFERENCE_MZ,
    SETTINGS,
    DecoyKind,
    FdrMethod,
    PatternVersion,
    Polarity,
    Scoring,
    Targeted,
)
from ionbox_science.theory.ion_rule import DecoyRule, IonRule
from ionbox_science.theory.isotope_model import (
    ANALYZERS,
    Analyzer,
    IsotopeModel,
    sigma_from_resolving_power,
)

Layer = tuple[str, Mapping[str, Any]]
"""Where settings come from, in words for messages, and the settings by name."""

Asked = dict[str, tuple[str, Any]]
"""Settings by name: the layer each comes from, and its value as it was written."""

ANALYZER_NAMES: Mapping[Analyzer, tuple[str, ...]] = {
    "orbitrap": ("orbitrap", "exactive", "exploris", "hf-x", "uhmr"),
    "fticr": ("fticr", "ft-icr", "ftms", "ft-ms", "fourier transform ion cyclotron"),
    "tof": ("tof", "time-of-flight", "mrt", "synapt", "xevo"),
}
"""What an instrument's name contains, in lower case, if it has the analyzer; the first match
counts. Source: METASPACE's submission form and the PSI-MS vocabulary, 2026-11."""

POLARITY_NAMES: Mapping[str, Polarity] = {
    "positive": "positive",
    "+": "positive",
    "negative": "negative",
    "-": "negative",
}

_DECOY_RULES: Mapping[FdrMethod, DecoyRule] = {
    "metaspace-v1": "per-target-ion",
    "metaspace-v3": "per-formula",
}


_BEFORE_THEY_WERE: Mapping[str, Any] = {
    "decoy_kind": "metals",
    "recalibrate": False,
    "competition": False,
}
"""What was done before there were these settings, of which others are the default."""

_REPR = reprlib.Repr()
_REPR.maxlevel, _REPR.maxlist, _REPR.maxstring, _REPR.maxother = 2, 10, 80, 80

_HIGHEST_USUAL_PPM = 50
_OF_THE_OTHER_POLARITY: Mapping[Polarity, frozenset[str]] = {
    "positive": frozenset({"-H", "+Cl"}),
    "negative": frozenset({"+H", "+Na", "+K", "+NH4"}),
}
_LOWEST_USUAL_RESOLVING_POWER = 1000


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides the result besides the dataset and the databases.

    Attributes
    ----------
    polarity : {"positive", "negative"}
        Decides the charge of all ions, +1 or -1.
    analyzer : {"orbitrap", "fticr", "tof"}
        Mass analyzer.
    isocalc_sigma : float
        Standard deviation of a peak at m/z 200, in Da.
    adducts, neutral_losses, chem_mods : tuple of str
        What makes ions of molecules, as signed formulas: see `IonRule`.
    ppm : float
        Half width of an m/z window, in parts per million.
    isotope_peaks : int
        Isotope peaks, and so images, per ion.
    decoys : int
        Decoys per target ion.
    decoy_kind : {"metals", "matched"}
        What makes a decoy of a molecule: see `ionbox_science.theory.ion_rule`.
    recalibrate : bool
        Whether to move windows to where the peaks of the dataset lie: see
        `ionbox_science.scoring.recalibration`.
    scoring : str
        What ranks ions, ``msm`` or a learned score: see `ionbox_science.scoring.learned_score`.
    competition : bool
        Whether isobars and isotopologues compete for their peaks: see
        `ionbox_science.annotation.competition`.
    fdr_method : {"metaspace-v1", "metaspace-v3"}
        How FDR is estimated: see `ionbox_science.scoring.fdr`.
    targeted : {"off", "auto"}
        Whether all ions of small databases are kept: see `ionbox_science.scoring.targeted`.
    isotope_patterns : {"cpymspec-0.4.2", "cpymspec-0.3.5"}
        Whose isotope patterns are made: see `IsotopeModel`.
    min_px : int
        Measured peaks an image needs to count as not empty.
    ms_level : int
        MS level of the spectra that are read.
    pixel_step : int
        Distance of neighbouring pixels in the file's positions.
    centroid : bool
        Whether to pick the peaks of spectra that do not say they are centroided.
    accept_profile : bool
        Whether to annotate data that says it is not centroided, as it is.
    skip_bad_rows : bool
        Whether to leave out database rows that are no formulas, instead of refusing the database.
    """

    polarity: Polarity
    analyzer: Analyzer
    isocalc_sigma: float
    adducts: tuple[str, ...]
    neutral_losses: tuple[str, ...] = DEFAULTS["neutral_losses"]
    chem_mods: tuple[str, ...] = DEFAULTS["chem_mods"]
    ppm: float = DEFAULTS["ppm"]
    isotope_peaks: int = DEFAULTS["isotope_peaks"]
    decoys: int = DEFAULTS["decoys"]
    decoy_kind: DecoyKind = DEFAULTS["decoy_kind"]
    recalibrate: bool = DEFAULTS["recalibrate"]
    scoring: Scoring = DEFAULTS["scoring"]
    competition: bool = DEFAULTS["competition"]
    fdr_method: FdrMethod = DEFAULTS["fdr_method"]
    targeted: Targeted = DEFAULTS["targeted"]
    isotope_patterns: PatternVersion = PATTERN_VERSIONS[0]
    min_px: int = DEFAULTS["min_px"]
    ms_level: int = DEFAULTS["ms_level"]
    pixel_step: int = DEFAULTS["pixel_step"]
    centroid: bool = DEFAULTS["centroid"]
    accept_profile: bool = DEFAULTS["accept_profile"]
    skip_bad_rows: bool = DEFAULTS["skip_bad_rows"]

    @property
    def read_options(self) -> ReadOptions:
        """How the dataset is read."""
        return ReadOptions(self.ms_level, self.pixel_step, self.centroid)

    @property
    def ion_rule(self) -> IonRule:
        """Which ions to look for, and how their decoys are drawn."""
        return IonRule(
            self.adducts,
            self.neutral_losses,
            self.chem_mods,
            self.decoys,
            _DECOY_RULES[self.fdr_method],
            self.decoy_kind,
            "+H" if self.polarity == "positive" else "-H",
        )

    @property
    def isotope_model(self) -> IsotopeModel:
        """What shapes the ions' isotope patterns: peak width, number of peaks, charge."""
        charge = 1 if self.polarity == "positive" else -1
        return IsotopeModel(
            self.analyzer, self.isocalc_sigma, self.isotope_peaks, charge, self.isotope_patterns
        )

    @property
    def image_options(self) -> ImageOptions:
        """How the ions' images are cut from the data."""
        return ImageOptions(self.ppm, self.min_px)

    def to_json(self) -> dict[str, Any]:
        """Return the config as plain JSON values."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RunConfig:
        """Read back what `to_json` wrote, in whichever version.

        A setting that there was not yet is what was done then, whatever its default is today.
        """
        fields: dict[str, Any] = {
            key: tuple(item) if isinstance(item, list) else item for key, item in value.items()
        }
        return cls(**{**_BEFORE_THEY_WERE, **fields})


@dataclass(frozen=True)
class FileWords:
    """What the imzML says about how it was acquired; None where it is silent."""

    polarity: Polarity | None = None
    analyzer: Analyzer | None = None
    resolving_power: float | None = None


def match_analyzer(name: str) -> Analyzer | None:
    """Recognise an analyzer in an instrument's name, whatever its case."""
    lower = name.lower()
    return next(
        (
            analyzer
            for analyzer, parts in ANALYZER_NAMES.items()
            if any(part in lower for part in parts)
        ),
        None,
    )


def parse_settings(data: bytes, source: str) -> dict[str, Any]:
    """Read a config file: a JSON object of settings, or METASPACE's metadata of a dataset.

    Names and values are not checked here: see `resolve_config`.

    Raises
    ------
    InvalidConfig
        If the file is not JSON, or JSON of another kind.
    """
    try:
        settings = json.loads(data)
    except RecursionError:
        raise InvalidConfig(f"{source}: expected settings, found lists nested too deep") from None
    except ValueError as error:
        raise InvalidConfig(f"{source} is not JSON: {error}") from error
    if not isinstance(settings, dict):
        raise InvalidConfig(f"{source}: expected a JSON object of settings")
    return read_metadata(settings) if is_metadata(settings) else settings


def resolve_config(
    layers: Sequence[Layer], words: FileWords, defaults: Sequence[Layer] = ()
) -> tuple[RunConfig, list[str]]:
    """Resolve all settings into the config of a run.

    Parameters
    ----------
    layers : sequence of (source, settings)
        Strongest first, for example ``("command line", {...}), ("run.json", {...})``. The source
        is named in messages.
    words : FileWords
        What the imzML says; weaker than any layer.
    defaults : sequence of (source, settings)
        Strongest first; weaker than the imzML's words.

    Returns
    -------
    config : RunConfig
    warnings : list of str
        Where a layer contradicts the file's own word, and what was taken from the defaults.

    Raises
    ------
    InvalidConfig
        If a key is unknown, a value has the wrong type or is out of range, an adduct has the other
        charge, or polarity, analyzer or resolving power is said nowhere. The message has one line
        for each problem.
    """
    problems: list[str] = []
    asked = _merge(layers, problems)
    supplied = _choose_defaults(_merge(defaults, problems), asked, words)
    asked |= supplied
    warnings: list[str] = []
    polarity = _resolve_polarity(asked, words, problems, warnings)
    analyzer = _resolve_analyzer(asked, words, problems, warnings)
    sigma = _resolve_sigma(asked, words, analyzer, problems)
    values: dict[str, Any] = {}
    for key, kind in KINDS.items():
        if key in asked:
            values[key] = _checked(key, asked[key], kind, problems)
    for key, kind in KINDS_OF_ORDERS.items():
        if key in asked:
            _checked(key, asked[key], kind, problems)
    # Without a polarity there is a problem already, and the config is never made.
    values.setdefault("adducts", DEFAULT_ADDUCTS[polarity or "positive"])
    method = values.get("fdr_method") or DEFAULTS["fdr_method"]
    values.setdefault("isotope_patterns", PATTERNS_OF_METHODS[method])
    _check_charge(asked.get("adducts", ("", None))[1], polarity, problems)
    if values.get("centroid") and values.get("accept_profile"):
        problems.append(
            "centroid, accept_profile: either pick the peaks of profile spectra or take them as "
            "they are; leave one out"
        )
    if problems or polarity is None or analyzer is None or sigma is None:
        raise InvalidConfig("\n".join(problems))
    config = RunConfig(polarity, analyzer, sigma, **values)
    return config, [*warnings, *_implausible(config), *_describe_defaults(supplied)]


def find_read_options(layers: Sequence[Layer]) -> ReadOptions:
    """Return how a dataset is to be read, before the config is resolved, which needs its header.

    A value that is none counts as not given here; `resolve_config` refuses it.
    """
    asked = _merge(layers, [])
    names = ("ms_level", "pixel_step", "centroid")
    given = {name: _checked(name, asked[name], KINDS[name], []) for name in names if name in asked}
    return ReadOptions(**{name: value for name, value in given.items() if value is not None})


def missing_settings(layers: Sequence[Layer], words: FileWords) -> list[str]:
    """Return the names of settings that a run needs and neither the layers nor the imzML say."""
    asked = _merge(layers, [])
    width = "isocalc_sigma" in asked or "resolving_power" in asked or words.resolving_power
    known = {
        "polarity": "polarity" in asked or words.polarity,
        "analyzer": "analyzer" in asked or words.analyzer,
        "resolving_power": width,
    }
    return [key for key, given in known.items() if not given]


def _implausible(config: RunConfig) -> list[str]:
    """Return a warning for each value that is allowed but hardly meant."""
    warnings = []
    if config.ppm > _HIGHEST_USUAL_PPM:
        warnings.append(f"ppm: {config.ppm:g} is wide; nearly every ion will find a peak")
    odd = [each for each in config.adducts if each in _OF_THE_OTHER_POLARITY[config.polarity]]
    if odd:
        named = ", ".join(f"M{each}" for each in odd)
        warnings.append(f"adducts: {named} is unusual in {config.polarity} mode")
    resolving_power = config.isotope_model.resolving_power
    if resolving_power < _LOWEST_USUAL_RESOLVING_POWER:
        warnings.append(
            f"resolving power: {resolving_power:,.0f} at m/z {REFERENCE_MZ:g} is low for imaging "
            "of metabolites"
        )
    return warnings


def _merge(layers: Sequence[Layer], problems: list[str]) -> Asked:
    """Return (source, value) of each setting from the strongest layer that has it.

    None counts as not given; unknown keys become problems.
    """
    asked: Asked = {}
    for source, settings in layers:
        problems += check_keys(settings, source)
        for key, value in settings.items():
            if value is not None and key in SETTINGS:
                asked.setdefault(key, (source, value))  # the first layer that has it wins
    return asked


def _choose_defaults(defaults: Asked, asked: Asked, words: FileWords) -> Asked:
    """Return those defaults that nothing stronger, a layer or the imzML, overrides.

    The three settings of a peak's width stand or fall together: a resolving power is nothing
    without the m/z at which it is stated.
    """
    known = set(asked)
    known |= {"polarity"} if words.polarity else set()
    known |= {"analyzer"} if words.analyzer else set()
    if words.resolving_power or known.intersection(KINDS_OF_WIDTHS):
        known.update(KINDS_OF_WIDTHS)
    return {key: default for key, default in defaults.items() if key not in known}


def _describe_defaults(supplied: Asked) -> list[str]:
    return [
        f"{key}: {', '.join(map(str, value)) if isinstance(value, list) else value} from {source}"
        for key, (source, value) in supplied.items()
        if key in KINDS or key in KEYS_OF_FILES
    ]


def _resolve_polarity(
    asked: Mapping[str, tuple[str, Any]],
    words: FileWords,
    problems: list[str],
    warnings: list[str],
) -> Polarity | None:
    if "polarity" not in asked:
        if words.polarity is None:
            problems.append("polarity: the imzML does not say; add --polarity positive or negative")
        return words.polarity
    source, value = asked["polarity"]
    polarity = POLARITY_NAMES.get(value.lower()) if isinstance(value, str) else None
    if polarity is None:
        problems.append(f"polarity ({source}): {_shown(value)} is neither positive nor negative")
    elif words.polarity not in (None, polarity):
        warnings.append(f"polarity: {polarity} ({source}) overrides the imzML's {words.polarity}")
    return polarity


def _resolve_analyzer(
    asked: Mapping[str, tuple[str, Any]],
    words: FileWords,
    problems: list[str],
    warnings: list[str],
) -> Analyzer | None:
    if "analyzer" not in asked:
        if words.analyzer is None:
            problems.append(
                f"analyzer: the imzML does not say; add --analyzer, one of {', '.join(ANALYZERS)}"
            )
        return words.analyzer
    source, value = asked["analyzer"]
    analyzer = match_analyzer(value) if isinstance(value, str) else None
    if analyzer is None:
        problems.append(
            f"analyzer ({source}): {_shown(value)} is not known; give one of {', '.join(ANALYZERS)}"
        )
    elif words.analyzer not in (None, analyzer):
        warnings.append(f"analyzer: {analyzer} ({source}) overrides the imzML's {words.analyzer}")
    return analyzer


def _resolve_sigma(
    asked: Mapping[str, tuple[str, Any]],
    words: FileWords,
    analyzer: Analyzer | None,
    problems: list[str],
) -> float | None:
    n_problems = len(problems)
    values = {
        key: _checked(key, asked[key], kind, problems)
        for key, kind in KINDS_OF_WIDTHS.items()
        if key in asked
    }
    if len(problems) > n_problems:
        return None
    if "isocalc_sigma" in values:
        return float(values["isocalc_sigma"])
    resolving_power = values.get("resolving_power", words.resolving_power)
    if resolving_power is None:
        problems.append(
            "resolving_power: the imzML does not say; add --resolving-power, that of the "
            f"instrument at m/z {REFERENCE_MZ:g} (or --resolving-power-mz), such as 140000"
        )
    if resolving_power is None or analyzer is None:
        return None
    at_mz = float(values.get("resolving_power_mz", REFERENCE_MZ))
    sigma = sigma_from_resolving_power(analyzer, float(resolving_power), at_mz)
    least, most = SETTINGS["isocalc_sigma"].least, SETTINGS["isocalc_sigma"].most
    assert least is not None and most is not None
    if not least <= sigma <= most:
        problems.append(
            f"resolving_power: {float(resolving_power):g} at m/z {at_mz:g} makes a peak at m/z "
            f"{REFERENCE_MZ:g} {sigma:.3g} Da wide (sigma); expected {least:g} to {most:g} Da"
        )
        return None
    return sigma


def _checked(key: str, asked: tuple[str, Any], kind: Kind, problems: list[str]) -> Any:
    """Return a setting's value in its final type; None, and a problem, if it cannot be used."""
    source, value = asked
    try:
        return kind.convert(value)
    except (TypeError, ValueError, OverflowError, InvalidFormula) as error:
        reason = f" ({error})" if isinstance(error, InvalidFormula) else ""
        problems.append(f"{key} ({source}): expected {kind.words}, got {_shown(value)}{reason}")
        return None


def _shown(value: Any) -> str:
    """Write what was given for a message; whatever it is, in a line of limited length."""
    return _REPR.repr(value)


def _check_charge(adducts: Any, polarity: Polarity | None, problems: list[str]) -> None:
    """Refuse adducts that are written with the other charge, such as ``[M-H]-``."""
    wrong = {"positive": ("]-", "M-"), "negative": ("]+", "M+")}.get(polarity or "")
    if wrong is None or not isinstance(adducts, list | tuple):
        return
    charged = [each for each in map(str, adducts) if each.strip().endswith(wrong)]
    if charged:
        problems.append(f"adducts: {', '.join(charged)} cannot be seen in {polarity} mode")
