"""From what a user asks to what runs: layers, the file's own words, and all problems at once."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from ionbox.datasets.config_files import translate_lithops
from ionbox_science.config import (
    FileWords,
    RunConfig,
    match_analyzer,
    parse_settings,
    resolve_config,
)
from ionbox_science.errors import InvalidConfig
from ionbox_science.scoring.options import ImageOptions
from ionbox_science.setting_kinds import KEYS_OF_FILES, KINDS, KINDS_OF_ORDERS, check_keys
from ionbox_science.setting_table import SETTINGS
from ionbox_science.theory.isotope_model import IsotopeModel

ENOUGH: dict[str, Any] = {
    "polarity": "positive",
    "analyzer": "orbitrap",
    "resolving_power": 140_000,
}


def resolve(settings: dict[str, Any], words: FileWords | None = None) -> RunConfig:
    config, _ = resolve_config([("run.json", settings)], words or FileWords())
    return config


def problems_of(settings: dict[str, Any], words: FileWords | None = None) -> list[str]:
    with pytest.raises(InvalidConfig) as refused:
        resolve(settings, words)
    return str(refused.value).split("\n")


def test_defaults_are_those_of_the_field() -> None:
    config = resolve(ENOUGH)
    assert config.adducts == ("+H", "+Na", "+K")
    assert (config.ppm, config.isotope_peaks, config.decoys, config.min_px) == (3.0, 4, 20, 1)
    assert config.fdr_method == "metaspace-v3"
    assert not config.centroid
    assert not config.accept_profile
    assert not config.skip_bad_rows
    assert resolve({**ENOUGH, "polarity": "negative"}).adducts == ("-H", "+Cl")


def test_the_strongest_layer_wins_setting_by_setting() -> None:
    layers: list[tuple[str, dict[str, Any]]] = [
        ("command line", {"ppm": 5, "adducts": None}),
        ("run.json", {"ppm": 7, "adducts": ["+NH4"], "decoys": 10}),
        ("tissue.json", {**ENOUGH, "adducts": ["+K"], "decoys": 30, "min_px": 2}),
    ]
    config, warnings = resolve_config(layers, FileWords())
    assert (config.ppm, config.adducts, config.decoys, config.min_px) == (5.0, ("+NH4",), 10, 2)
    assert warnings == []


def test_the_file_speaks_where_nobody_asks() -> None:
    words = FileWords("negative", "fticr", 100_000)
    config, warnings = resolve_config([], words)
    assert (config.polarity, config.analyzer) == ("negative", "fticr")
    assert config.isocalc_sigma == pytest.approx(200 / 100_000 / 2.35482, abs=1e-6)
    assert warnings == []


def test_overriding_the_file_is_a_warning_with_both_words() -> None:
    words = FileWords("negative", "tof", 20_000)
    _, warnings = resolve_config([("command line", ENOUGH)], words)
    assert warnings == [
        "polarity: positive (command line) overrides the imzML's negative",
        "analyzer: orbitrap (command line) overrides the imzML's tof",
    ]


WORDS = FileWords("negative", "fticr", 70_000)
DEFAULTS = {"polarity": "positive", "analyzer": "tof", "resolving_power": 20_000, "ppm": 7}


def test_defaults_count_where_neither_user_nor_file_speaks_and_are_told() -> None:
    config, warnings = resolve_config([], WORDS, [("the stack", DEFAULTS)])
    assert (config.polarity, config.analyzer, config.ppm) == ("negative", "fticr", 7.0)
    assert config.isocalc_sigma == resolve({}, WORDS).isocalc_sigma
    assert warnings == ["ppm: 7 from the stack"]


def test_without_words_all_defaults_are_told() -> None:
    weaker = {"ppm": 9, "adducts": ["+H", "+K"]}
    layers = [("the stack", DEFAULTS), ("the weaker stack", weaker)]
    config, warnings = resolve_config([], FileWords(), layers)
    assert config == resolve({**DEFAULTS, "adducts": ["+H", "+K"]})
    assert warnings == [
        "polarity: positive from the stack",
        "analyzer: tof from the stack",
        "resolving_power: 20000 from the stack",
        "ppm: 7 from the stack",
        "adducts: +H, +K from the weaker stack",
    ]


def test_what_the_user_asks_makes_defaults_idle() -> None:
    config, warnings = resolve_config(
        [("run.json", {**ENOUGH, "ppm": 2})], FileWords(), [("the stack", DEFAULTS)]
    )
    assert config == resolve({**ENOUGH, "ppm": 2})
    assert warnings == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"resolving_power": 50_000}, FileWords()),
        ({"isocalc_sigma": 0.001}, FileWords()),
        ({}, FileWords(resolving_power=60_000)),
    ],
)
def test_the_settings_of_a_width_are_taken_together_or_not_at_all(
    settings: dict[str, Any], words: FileWords
) -> None:
    defaults = {"isocalc_sigma": 0.7, "resolving_power_mz": 800}
    settings = {"polarity": "positive", "analyzer": "orbitrap", **settings}
    config, warnings = resolve_config([("run.json", settings)], words, [("the stack", defaults)])
    assert config == resolve(settings, words)
    assert warnings == []


def test_half_a_width_is_not_made_up_by_the_defaults() -> None:
    settings = {"polarity": "positive", "analyzer": "orbitrap", "resolving_power_mz": 400}
    with pytest.raises(InvalidConfig, match="resolving_power: the imzML does not say"):
        resolve_config([("run.json", settings)], FileWords(), [("the stack", DEFAULTS)])


def test_problems_of_defaults_name_the_stack() -> None:
    with pytest.raises(InvalidConfig) as caught:
        resolve_config([("run.json", ENOUGH)], FileWords(), [("the stack", {"x": 1, "ppm": "w"})])
    assert "the stack: unknown setting 'x'" in str(caught.value)
    assert "ppm (the stack): expected a number from 0.001 to 1,000" in str(caught.value)


@pytest.mark.parametrize("force", [True, False])
def test_an_order_is_no_part_of_what_runs(force: bool) -> None:
    assert resolve({**ENOUGH, "force": force}) == resolve(ENOUGH)


def test_agreeing_with_the_file_is_no_warning() -> None:
    words = FileWords("positive", "orbitrap", 70_000)
    _, warnings = resolve_config(
        [("command line", {"polarity": "+", "analyzer": "Orbitrap"})], words
    )
    assert warnings == []


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("adduct", "adducts"),
        ("neutral_loss", "neutral_losses"),
        ("isotopes_peaks", "isotope_peaks"),
        ("fdr-method", "fdr_method"),
        ("analyser", "analyzer"),
    ],
)
def test_an_unknown_setting_names_the_nearest_known_one(key: str, near: str) -> None:
    assert problems_of({**ENOUGH, key: 1}) == [
        f"run.json: unknown setting '{key}'; did you mean '{near}'?"
    ]


def test_an_unknown_setting_like_no_other_lists_all() -> None:
    (problem,) = check_keys({"zzz": 1}, "run.json")
    assert all(setting in problem for setting in SETTINGS)


def test_all_problems_are_listed_at_once_with_their_source() -> None:
    listed = "\n".join(
        problems_of({"polarity": "up", "analyzer": "quadrupole", "ppm": -3, "decoys": 0, "oops": 1})
    )
    assert "polarity (run.json): 'up' is neither positive nor negative" in listed
    assert "'quadrupole' is not known; give one of orbitrap, fticr, tof" in listed
    assert "ppm (run.json): expected a number from 0.001 to 1,000, got -3" in listed
    assert "decoys (run.json): expected a whole number, 1 to 80, got 0" in listed
    assert "unknown setting 'oops'" in listed


def test_what_neither_user_nor_file_says_is_asked_for() -> None:
    listed = "\n".join(problems_of({}))
    assert "polarity: the imzML does not say" in listed
    assert "analyzer: the imzML does not say" in listed
    assert "resolving_power" in "\n".join(problems_of({"polarity": "+", "analyzer": "tof"}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ppm", 0),
        ("ppm", "wide"),
        ("ppm", True),
        ("ppm", float("nan")),
        ("ppm", float("inf")),
        ("ppm", 1001),
        ("ppm", [3]),
        ("isotope_peaks", 1),
        ("isotope_peaks", 17),
        ("isotope_peaks", 3.5),
        ("decoys", 81),
        ("min_px", 0),
        ("min_px", False),
        ("fdr_method", "metaspace-v2"),
        ("fdr_method", ["metaspace-v1"]),
        ("isotope_patterns", "cpymspec-0.3.4"),
        ("accept_profile", "yes"),
        ("centroid", 1),
        ("skip_bad_rows", 1),
        ("adducts", []),
        ("adducts", "+H"),
        ("adducts", ["H"]),
        ("adducts", ["+Xy"]),
        ("adducts", [1]),
        ("adducts", 5),
        ("neutral_losses", "-H2O"),
        ("neutral_losses", ["H2O"]),
        ("neutral_losses", [""]),
        ("neutral_losses", ["[M]+"]),
        ("chem_mods", [None]),
        ("resolving_power", 0),
        ("isocalc_sigma", "narrow"),
        ("resolving_power_mz", -200),
        ("polarity", ["positive"]),
        ("analyzer", 5),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_by_name(key: str, value: Any) -> None:
    problems = problems_of({**ENOUGH, key: value})
    assert [problem for problem in problems if problem.startswith(f"{key} (run.json): ")]
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("key", "value", "resolved"),
    [
        ("ppm", "5", 5.0),
        ("decoys", 10.0, 10),
        ("decoys", "80", 80),
        ("isotope_peaks", 16, 16),
        ("adducts", ["+H", "+Na", "+H"], ("+H", "+Na")),
        ("adducts", ["[M]+", "+NH4"], ("[M]+", "+NH4")),
        ("adducts", ["M+", "M+NH4", "[M+H]+"], ("[M]+", "+NH4", "+H")),
        ("neutral_losses", [], ()),
        ("chem_mods", ["-H+C"], ("-H+C",)),
        ("polarity", "+", "positive"),
        ("polarity", "Negative", "negative"),
        ("analyzer", "Q Exactive Plus", "orbitrap"),
    ],
)
def test_values_are_brought_into_their_final_form(key: str, value: Any, resolved: Any) -> None:
    assert getattr(resolve({**ENOUGH, key: value}), key) == resolved


@pytest.mark.parametrize(
    ("polarity", "adduct"),
    [
        ("positive", "[M]-"),
        ("negative", "[M]+"),
        ("positive", "[M-H]-"),
        ("negative", "[M+H]+"),
        ("negative", "M+"),
    ],
)
def test_an_ion_of_the_other_charge_is_refused(polarity: str, adduct: str) -> None:
    (problem,) = problems_of({**ENOUGH, "polarity": polarity, "adducts": [adduct]})
    assert f"{adduct} cannot be seen in {polarity} mode" in problem


@pytest.mark.parametrize(
    ("polarity", "adducts", "warned"),
    [
        ("positive", ["+H", "-H"], "M-H is unusual in positive mode"),
        ("negative", ["+Na", "+K"], "M+Na, M+K is unusual in negative mode"),
        ("negative", ["-H", "+Cl", "+HCOO"], None),
        ("positive", ["+H", "+NH4"], None),
    ],
)
def test_adducts_of_the_other_polarity_are_noticed(
    polarity: str, adducts: list[str], warned: str | None
) -> None:
    settings = {**ENOUGH, "polarity": polarity, "adducts": adducts}
    _, warnings = resolve_config([("run.json", settings)], FileWords())
    assert warnings == ([f"adducts: {warned}"] if warned else [])


@pytest.mark.parametrize(
    ("settings", "sigma"),
    [
        ({"resolving_power": 140_000}, 0.000607),
        ({"resolving_power": 70_000, "resolving_power_mz": 800}, 0.000607),
        ({"resolving_power": 70_000, "isocalc_sigma": 0.000619}, 0.000619),
        ({"isocalc_sigma": 0.01}, 0.01),
    ],
)
def test_peak_width_comes_from_sigma_or_else_resolving_power(
    settings: dict[str, Any], sigma: float
) -> None:
    words = FileWords("positive", "orbitrap", 30_000)
    assert resolve(settings, words).isocalc_sigma == pytest.approx(sigma, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "analyzer"),
    [
        ("Q Exactive HF", "orbitrap"),
        ("Orbitrap Exploris 240", "orbitrap"),
        ("Exactive UHMR", "orbitrap"),
        ("solariX 7T FT-ICR", "fticr"),
        ("LTQ FTMS", "fticr"),
        ("fourier transform ion cyclotron resonance mass spectrometer", "fticr"),
        ("timsTOF fleX", "tof"),
        ("SYNAPT G2-Si", "tof"),
        ("SELECT SERIES MRT", "tof"),
        ("Xevo G3", "tof"),
        ("TSQ Quantiva", None),
        ("", None),
    ],
)
def test_analyzers_are_recognised_in_instrument_names(name: str, analyzer: str | None) -> None:
    assert match_analyzer(name) == analyzer


def test_a_config_survives_json() -> None:
    config = resolve({**ENOUGH, "neutral_losses": ["-H2O"], "fdr_method": "metaspace-v1"})
    assert RunConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize(
    ("method", "rule"), [("metaspace-v1", "per-target-ion"), ("metaspace-v3", "per-formula")]
)
def test_a_config_decides_ions_patterns_and_images(method: str, rule: str) -> None:
    settings = {"chem_mods": ["-H+C"], "decoys": 7, "fdr_method": method, "ppm": 5, "min_px": 3}
    config = resolve({**ENOUGH, **settings, "polarity": "negative", "isocalc_sigma": 0.001})
    assert config.ion_rule.n_decoys == 7
    assert config.ion_rule.chem_mods == ("-H+C",)
    assert config.ion_rule.decoy_rule == rule
    version = config.isotope_patterns
    assert config.isotope_model == IsotopeModel("orbitrap", 0.001, 4, -1, version)
    assert config.image_options == ImageOptions(5.0, 3)


@pytest.mark.parametrize(
    ("settings", "version"),
    [
        ({}, "cpymspec-0.4.2"),
        ({"fdr_method": "metaspace-v1"}, "cpymspec-0.3.5"),
        ({"fdr_method": "metaspace-v1", "isotope_patterns": "cpymspec-0.4.2"}, "cpymspec-0.4.2"),
        ({"isotope_patterns": "cpymspec-0.3.5"}, "cpymspec-0.3.5"),
    ],
)
def test_isotope_patterns_are_those_of_the_fdr_method_unless_said(
    settings: dict[str, Any], version: str
) -> None:
    config = resolve({**ENOUGH, **settings})
    assert config.isotope_patterns == config.isotope_model.version == version


def test_a_config_of_before_there_were_older_patterns_has_todays() -> None:
    written = resolve({**ENOUGH, "fdr_method": "metaspace-v1"}).to_json()
    del written["isotope_patterns"]
    assert RunConfig.from_json(written).isotope_patterns == "cpymspec-0.4.2"


def test_a_lithops_pair_is_translated() -> None:
    dataset = {
        "name": "brain",
        "imzml_path": "cos://bucket/brain.imzML",
        "polarity": "+",
        "isocalc_sigma": 0.001238,
        "num_decoys": 5,
    }
    database = {
        "databases": ["metabolomics/db/mol_db1.csv"],
        "adducts": ["", "+H", "+Na"],
        "modifiers": ["", "-H2O"],
    }
    settings = translate_lithops(dataset, database)
    config = resolve(settings)
    assert config.polarity == "positive"
    assert config.analyzer == "orbitrap"
    assert config.isocalc_sigma == 0.001238
    assert config.decoys == 5
    assert config.adducts == ("[M]+", "+H", "+Na")
    assert config.neutral_losses == ("-H2O",)


@pytest.mark.parametrize("polarity", ["-", "negative", "Negative"])
def test_a_lithops_radical_takes_the_sign_of_the_polarity(polarity: str) -> None:
    settings = translate_lithops({"polarity": polarity}, {"adducts": ["", "-H"]})
    assert settings["adducts"] == ["[M]-", "-H"]
    assert "decoys" not in settings
    assert "neutral_losses" not in settings


def test_a_setting_of_the_table_is_a_field_of_what_runs_or_an_order() -> None:
    """Else it is accepted by every command, and does nothing."""
    assert SETTINGS.keys() == {*KINDS, *KINDS_OF_ORDERS, *KEYS_OF_FILES}
    fields = {field.name for field in dataclasses.fields(RunConfig)}
    assert fields == {*KINDS, "polarity", "analyzer", "isocalc_sigma"}


HUGE = "9" * 400


@pytest.mark.parametrize("key", [name for name in SETTINGS if SETTINGS[name].most is not None])
@pytest.mark.parametrize(
    "value",
    [
        *(10**400, -(10**400), float("inf"), float("nan"), HUGE, "1e400", "", "two", True, False),
        *([1], {"a": 1}, {}, [], [[]], "\0", 1e300, 1e-300, -1, 0),
    ],
)
def test_no_value_of_a_number_is_a_surprise(key: str, value: Any) -> None:
    settings = {**ENOUGH, key: value}
    if key == "isocalc_sigma":
        del settings["resolving_power"]
    (problem,) = problems_of(settings)
    assert problem.startswith(f"{key} (run.json): expected a ")
    assert len(problem) < 300


@pytest.mark.parametrize("key", [name for name in SETTINGS if SETTINGS[name].most is not None])
def test_the_ends_of_a_range_are_in_it(key: str) -> None:
    for end in (SETTINGS[key].least, SETTINGS[key].most):
        settings = {**ENOUGH, key: end}
        if key.startswith("resolving_power"):  # with the other, the width has a range of its own
            settings["analyzer"] = "orbitrap"
            found = [] if resolves(settings) else problems_of(settings)
            assert not any(line.startswith(f"{key} (run.json)") for line in found)
        else:
            resolve(settings)


def resolves(settings: dict[str, Any]) -> bool:
    try:
        resolve(settings)
    except InvalidConfig:
        return False
    return True


@pytest.mark.parametrize(
    "settings", [{"resolving_power": 1e8, "resolving_power_mz": 1e5}, {"resolving_power": 100}]
)
def test_a_width_out_of_range_is_refused_however_it_is_said(settings: dict[str, Any]) -> None:
    words = FileWords(resolving_power=1e300)
    (problem,) = problems_of({"polarity": "positive", "analyzer": "tof"}, words)
    assert "Da wide" in problem
    if "resolving_power_mz" in settings:
        (problem,) = problems_of({**ENOUGH, **settings})
        assert "Da wide" in problem


@pytest.mark.parametrize("key", ["polarity", "analyzer", "fdr_method", "sort"])
@pytest.mark.parametrize(
    "wrap", [lambda word: [word], lambda word: {word: 1}, lambda word: (word,)]
)
def test_a_list_is_no_word(key: str, wrap: Callable[[str], Any]) -> None:
    word = {**ENOUGH, "fdr_method": "metaspace-v1", "sort": "map"}[key]
    assert resolve({**ENOUGH, key: word})
    assert any(
        line.startswith(f"{key} (run.json): ") for line in problems_of({**ENOUGH, key: wrap(word)})
    )


@pytest.mark.parametrize("key", ["adducts", "neutral_losses", "chem_mods"])
@pytest.mark.parametrize("value", ["+H", {"+H": 1}, 7, [7], [["+H"]], [None], None])
def test_a_list_of_words_is_nothing_else(key: str, value: Any) -> None:
    settings = {**ENOUGH, key: value}
    if value is None:
        assert resolve(settings) == resolve(ENOUGH)
    else:
        assert problems_of(settings)[0].startswith(f"{key} (run.json): expected a list")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"[" * 100_000, "nested too deep"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b"", "is not JSON"),
        (b"\xff\xfe\xfd", "is not JSON"),
        (b'{"ppm": ' + b"9" * 5000 + b"}", "is not JSON"),
        (b'"text"', "expected a JSON object"),
        (b"7", "expected a JSON object"),
    ],
)
def test_what_is_no_config_is_refused_whatever_it_is(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidConfig, match=f"^run.json.*{reason}"):
        parse_settings(data, "run.json")


METADATA = {
    "Data_Type": "Imaging MS",
    "Sample_Information": {"Organism": "Mus musculus", "Condition": "Wildtype"},
    "MS_Analysis": {
        "Polarity": "Negative",
        "Ionisation_Source": "MALDI",
        "Analyzer": "Orbitrap",
        "Detector_Resolving_Power": {"mz": 400, "Resolving_Power": 100_000},
        "Pixel_Size": {"Xaxis": 10, "Yaxis": 10},
    },
}


def read_sidecar(content: object) -> dict[str, Any]:
    return parse_settings(json.dumps(content).encode(), "a.json")


def test_metaspace_s_metadata_says_how_a_dataset_was_acquired() -> None:
    settings = read_sidecar(METADATA)
    said = {"polarity": "negative", "analyzer": "orbitrap"}
    expected = resolve({**said, "resolving_power": 100_000, "resolving_power_mz": 400})
    assert resolve(settings) == expected


@pytest.mark.parametrize(
    "changed",
    [
        {"Polarity": ""},
        {"Analyzer": None},
        {"Detector_Resolving_Power": {"mz": 0, "Resolving_Power": 0}},
        {"Detector_Resolving_Power": None},
        {"Detector_Resolving_Power": []},
    ],
)
def test_what_the_metadata_leaves_open_is_asked_for(changed: dict[str, Any]) -> None:
    content = {**METADATA, "MS_Analysis": {**METADATA["MS_Analysis"], **changed}}  # type: ignore[dict-item]
    (problem,) = problems_of(read_sidecar(content))
    assert "the imzML does not say" in problem


@pytest.mark.parametrize("changed", [{"Polarity": ["Positive"]}, {"Analyzer": "Paper clip"}])
def test_what_the_metadata_says_is_checked_like_settings(changed: dict[str, Any]) -> None:
    content = {**METADATA, "MS_Analysis": {**METADATA["MS_Analysis"], **changed}}  # type: ignore[dict-item]
    (problem,) = problems_of(read_sidecar(content))
    assert problem.startswith(f"{next(iter(changed)).lower()} (run.json): ")


def test_metadata_without_an_analysis_says_nothing() -> None:
    assert read_sidecar({"Sample_Information": {}}) == {}


def test_profiles_are_picked_or_taken_as_they_are_but_not_both() -> None:
    assert resolve({**ENOUGH, "centroid": True}).read_options.centroid
    assert resolve({**ENOUGH, "accept_profile": True, "centroid": False}).accept_profile
    assert problems_of({**ENOUGH, "centroid": True, "accept_profile": True}) == [
        "centroid, accept_profile: either pick the peaks of profile spectra or take them as they "
        "are; leave one out"
    ]


def test_a_config_of_before_there_was_a_setting_says_what_was_done_then() -> None:
    config = RunConfig("positive", "orbitrap", 0.001, ("+H",))
    assert (config.decoy_kind, config.recalibrate, config.competition) == ("matched", True, True)
    told = config.to_json()
    assert RunConfig.from_json(told) == config
    for name in ("decoy_kind", "recalibrate", "competition"):
        del told[name]
    older = RunConfig.from_json(told)
    assert (older.decoy_kind, older.recalibrate, older.competition) == ("metals", False, False)
