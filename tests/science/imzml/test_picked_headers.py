"""Which spectra peaks are picked from: by what the file, its groups and each spectrum declare."""

from __future__ import annotations

import numpy as np
import pytest
from ionbox_science.imzml.checks import Problem, check_dataset, check_peaks
from ionbox_science.imzml.header import ImzmlHeader, read_header
from ionbox_science.imzml.options import ReadOptions

from tests.imzml_builder import COORDINATES, Pair, build_pair, range_reader
from tests.science.imzml.header_examples import SOUND

PROFILE = build_pair(spectrum_type="profile")
CENTROIDED_TERM = '<cvParam cvRef="MS" accession="MS:1000127" name="centroid spectrum" value=""/>'
PROFILE_TERM = CENTROIDED_TERM.replace("MS:1000127", "MS:1000128").replace("centroid", "profile")
SILENT_GROUP = PROFILE.edited(f"      {PROFILE_TERM}\n", "", 1).edited(
    'accession="MS:1000128"', 'accession="MS:1"'
)


def say(pair: Pair, index: int, term: str) -> Pair:
    """Write a term into one spectrum, which is then unlike the others."""
    start = f'id="spectrum={index + 1}" index="{index + 1}">'
    return pair.edited(start, f"{start}\n        {term}")


def picked_of(pair: Pair, *, centroid: bool = True, ms_level: int = 1) -> list[bool] | None:
    options = ReadOptions(ms_level, centroid=centroid)
    header = read_header(pair.source, "a.imzML", options)
    return None if header.picked is None else header.picked.tolist()


def test_profile_spectra_are_picked_if_asked() -> None:
    assert picked_of(PROFILE) == [True, True, True]
    assert picked_of(PROFILE, centroid=False) is None
    assert picked_of(SOUND) is None


def test_spectra_that_declare_they_are_centroided_are_not_picked() -> None:
    assert picked_of(say(PROFILE, 1, CENTROIDED_TERM)) == [True, False, True]
    assert picked_of(say(SOUND, 1, PROFILE_TERM)) == [False, True, False]


def test_spectra_that_say_nothing_are_picked_if_asked() -> None:
    silent = read_header(SILENT_GROUP.source, "a.imzML")
    assert silent.spectrum_type is None
    assert picked_of(SILENT_GROUP) == [True, True, True]
    assert picked_of(say(SILENT_GROUP, 0, CENTROIDED_TERM)) is None
    some = say(say(SILENT_GROUP, 0, CENTROIDED_TERM), 1, PROFILE_TERM)
    assert picked_of(some) == [False, True, True]


def test_what_spectra_of_another_level_are_does_not_matter() -> None:
    second = '<cvParam cvRef="MS" accession="MS:1000511" name="ms level" value="2"/>'
    pair = say(say(SOUND, 1, PROFILE_TERM), 1, second)
    assert read_header(pair.source, "a.imzML").spectrum_type == "centroid"
    assert read_header(pair.source, "a.imzML", ReadOptions(2)).spectrum_type == "profile"
    assert picked_of(pair) is None
    assert picked_of(pair, ms_level=2) == [True]


def test_what_is_picked_is_stored_with_the_header() -> None:
    for pair in (say(PROFILE, 1, CENTROIDED_TERM), SOUND):
        header = read_header(pair.source, "a.imzML", ReadOptions(centroid=True))
        again = ImzmlHeader.from_arrays(header.to_arrays())
        np.testing.assert_array_equal(again.picked, header.picked)


def check_picked(pair: Pair) -> list[Problem]:
    return check_dataset(
        read_header(pair.source, "a.imzML", ReadOptions(centroid=True)),
        name="a.imzML",
        ibd_name="a.ibd",
        ibd_size=len(pair.ibd),
        ibd_uuid=pair.ibd[:16],
        accept_profile=False,
        centroid=True,
    )


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        (PROFILE, "a.imzML declares profile spectra: ionbox picks the peaks of 3 of 3 spectra."),
        (
            say(PROFILE, 2, CENTROIDED_TERM),
            "a.imzML declares profile spectra: ionbox picks the peaks of 2 of 3 spectra.",
        ),
        (
            SILENT_GROUP,
            "a.imzML does not say whether its spectra are centroided: ionbox picks the peaks of 3 "
            "of 3 spectra.",
        ),
        (
            SOUND,
            "a.imzML declares centroided spectra: there are no peaks to pick, and they are read as "
            "they are.",
        ),
    ],
    ids=["profile", "mixed", "silent", "centroided"],
)
def test_what_is_picked_is_a_warning(pair: Pair, sentence: str) -> None:
    assert check_picked(pair) == [Problem("warning", sentence)]


def test_centroided_spectra_that_are_declared_as_profiles_are_noticed() -> None:
    random = np.random.RandomState(1)
    uneven = sorted(random.uniform(100, 900, 200).tolist())
    even = np.linspace(100, 101, 200).tolist()
    found = []
    for mz in (uneven, even):
        pair = build_pair([(mz, [1.0] * 200)] * len(COORDINATES), spectrum_type="profile")
        header = read_header(pair.source, "a.imzML", ReadOptions(centroid=True))
        problems = check_peaks(header, range_reader(pair.ibd), ibd_name="a.ibd")
        found.append([each.message for each in problems if each.severity == "warning"])
    assert found == [
        [
            "a.ibd: 3 of 3 spectra looked at have m/z as uneven as those of centroided spectra, of "
            "which picking keeps a part; if they are centroided in fact, pass --accept-profile "
            "instead of --centroid."
        ],
        [],
    ]
