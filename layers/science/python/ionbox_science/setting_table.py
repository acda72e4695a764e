"""Every setting of a run: what it means, its default and its range.

The one place for these; nothing heavy is imported, so that ``ionbox --help`` is quick.

Config files use these names; the command line makes a flag of each (``--neutral-loss`` for one of
``neutral_losses``), with the sentence here as its help. What a value must look like is checked in
`ionbox_science.setting_kinds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

Polarity = Literal["positive", "negative"]
FdrMethod = Literal["metaspace-v1", "metaspace-v3"]
FDR_METHODS: tuple[FdrMethod, ...] = get_args(FdrMethod)
Scoring = Literal[
    "msm",
    "metaspace-ml-animal",
    "metaspace-ml-plant",
    "metaspace-ml-animal-as-served",
    "metaspace-ml-plant-as-served",
]
SCORINGS: tuple[Scoring, ...] = get_args(Scoring)
MSM: Scoring = "msm"
DecoyKind = Literal["metals", "matched"]
DECOY_KINDS: tuple[DecoyKind, ...] = get_args(DecoyKind)
Targeted = Literal["off", "auto"]
TARGETED: tuple[Targeted, ...] = get_args(Targeted)
PatternVersion = Literal["cpymspec-0.4.2", "cpymspec-0.3.5"]
PATTERN_VERSIONS: tuple[PatternVersion, ...] = get_args(PatternVersion)
"""Versions of cpyMSpec whose isotope patterns can be made, in the order in which the kernel numbers
them."""

PATTERNS_OF_METHODS: Mapping[FdrMethod, PatternVersion] = {
    "metaspace-v1": "cpymspec-0.3.5",
    "metaspace-v3": "cpymspec-0.4.2",
}
"""Version that METASPACE used with each FDR method, the default of ``isotope_patterns``."""

SORT_WAYS = ("auto", "lambda", "map", "fargate")

N_DECOY_ADDUCTS = 80
"""Length of METASPACE's list of implausible adducts, ``data/decoy_adducts.txt``."""

REFERENCE_MZ = 200.0
"""m/z at which resolving power and peak width are stated, unless said otherwise."""

DEFAULT_ADDUCTS: Mapping[Polarity, tuple[str, ...]] = {
    "positive": ("+H", "+Na", "+K"),
    "negative": ("-H", "+Cl"),
}
"""Adducts to look for where none are given: METASPACE's defaults."""


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes
    ----------
    summary : str
        What it is, with its unit; no full stop.
    default
        What holds where nothing is said; None if a run has to be told, or if the default depends
        on another setting.
    form : str
        ``text``, ``number``, ``whole`` (a whole number), ``texts`` (a list), or ``switch``.
    sample : str
        Placeholder for a value in help texts, such as ``PPM``.
    least, most : number or None
        Range, both ends included.
    one : str
        Name of one entry of a list, for the flag that may be repeated.
    """

    summary: str
    default: Any = None
    form: str = "text"
    sample: str = ""
    least: float | None = None
    most: float | None = None
    one: str = ""


SETTINGS: Mapping[str, Setting] = {
    "databases": Setting("molecule tables to annotate against", form="texts", one="database"),
    "polarity": Setting("positive or negative", sample="SIGN"),
    "analyzer": Setting("orbitrap, fticr or tof, or an instrument's name", sample="NAME"),
    "resolving_power": Setting(
        "m/z over full width at half height", form="number", sample="R", least=100, most=1e8
    ),
    "resolving_power_mz": Setting(
        "where R is stated", REFERENCE_MZ, form="number", sample="MZ", least=1, most=100_000
    ),
    "isocalc_sigma": Setting(
        f"standard deviation of a peak at m/z {REFERENCE_MZ:g} in Da, instead of R",
        form="number",
        sample="DA",
        least=1e-6,
        most=1,
    ),
    "adducts": Setting("such as +H; may be repeated", form="texts", sample="+X", one="adduct"),
    "neutral_losses": Setting(
        "such as -H2O; may be repeated", (), form="texts", sample="-X", one="neutral_loss"
    ),
    "chem_mods": Setting(
        "such as +C or -H; may be repeated", (), form="texts", sample="±X", one="chem_mod"
    ),
    "ppm": Setting(
        "half width of an m/z window", 3.0, form="number", sample="PPM", least=0.001, most=1000
    ),
    "isotope_peaks": Setting(
        "isotope images per ion", 4, form="whole", sample="N", least=2, most=16
    ),
    "decoys": Setting(
        "decoy adducts per target", 20, form="whole", sample="N", least=1, most=N_DECOY_ADDUCTS
    ),
    "decoy_kind": Setting(
        "metals, adducts that cannot be, as METASPACE has them; or matched, organic formulas",
        "metals",
        sample="KIND",
    ),
    "recalibrate": Setting(
        "look for peaks where the m/z errors of this dataset put them", True, form="switch"
    ),
    "scoring": Setting(
        "what ranks ions: msm, or METASPACE-ML, of which " + ", ".join(SCORINGS[1:]),
        MSM,
        sample="NAME",
    ),
    "competition": Setting(
        "let isobars and isotopologues compete for their peaks", True, form="switch"
    ),
    "fdr_method": Setting(" or ".join(FDR_METHODS), "metaspace-v3", sample="NAME"),
    "targeted": Setting(
        "auto keeps all ions of databases of up to 1,000 formulas, found or not; off or auto",
        "off",
        sample="WHEN",
    ),
    "isotope_patterns": Setting(
        " or ".join(PATTERN_VERSIONS)
        + " (the FDR method's: "
        + ", ".join(f"{version} for {method}" for method, version in PATTERNS_OF_METHODS.items())
        + ")",
        sample="NAME",
    ),
    "min_px": Setting(
        "measured peaks an image needs", 1, form="whole", sample="N", least=1, most=1_000_000_000
    ),
    "ms_level": Setting(
        "MS level of the spectra to read", 1, form="whole", sample="N", least=1, most=10
    ),
    "pixel_step": Setting(
        "distance of neighbouring pixels in the file's positions",
        1,
        form="whole",
        sample="N",
        least=1,
        most=1_000_000,
    ),
    "centroid": Setting("pick the peaks of profile spectra", False, form="switch"),
    "sort": Setting(f"{', '.join(SORT_WAYS)}: equal results", "auto", sample="WAY"),
    "dollars_per_minute": Setting(
        "what a minute saved may cost, on AWS",
        1.5,
        form="number",
        sample="DOLLARS",
        least=0.001,
        most=1_000,
    ),
    "accept_profile": Setting("annotate profile spectra as they are", False, form="switch"),
    "skip_bad_rows": Setting("leave out database rows that are no formulas", False, form="switch"),
    "max_dollars": Setting(
        "refuse a run on AWS that is expected to cost more US dollars",
        form="number",
        sample="USD",
        least=0.0001,
        most=1_000_000,
    ),
    "force": Setting("publish again, although the results are there already", False, form="switch"),
}
"""Every key a config file may have. ``databases`` is for whoever starts the run; ``sort``,
``dollars_per_minute``, ``max_dollars`` and ``force`` say how to run, not what comes out."""


DEFAULTS: Mapping[str, Any] = {name: setting.default for name, setting in SETTINGS.items()}
"""Default of each setting by name; None as in `Setting.default`."""


def describe(name: str) -> str:
    """Return a setting's line of help: what it is, its range and its default.

    >>> describe("ppm"), describe("decoys")
    ('half width of an m/z window, 0.001 to 1,000 (3)', 'decoy adducts per target, 1 to 80 (20)')
    """
    setting = SETTINGS[name]
    words = setting.summary
    if setting.most is not None:
        words += f", {setting.least:,.9g} to {setting.most:,.9g}"
    if setting.default in (None, (), False):
        return words
    if setting.default is True:
        return f"{words} (the default)"
    shown = f"{setting.default:g}" if isinstance(setting.default, float) else setting.default
    return f"{words} ({shown})"
