"""Datasets that can be read and still must not be annotated are refused, in words for users."""

from __future__ import annotations

import re

import numpy as np
import pytest
from ionbox_science.imzml.checks import Problem, check_peaks

from tests.imzml_builder import COORDINATES, SPECTRA, Pair, build_pair, range_reader
from tests.science.imzml.header_examples import LENGTH, SOUND, header_of, problems_of


def errors(problems: list[Problem]) -> list[str]:
    return [problem.message for problem in problems if problem.severity == "error"]


def warnings(problems: list[Problem]) -> list[str]:
    return [problem.message for problem in problems if problem.severity == "warning"]


# --- checks of the pair ---------------------------------------------------------------------------


def test_sound_dataset_has_no_problems() -> None:
    assert problems_of(SOUND) == []
    assert check_peaks(header_of(SOUND), range_reader(SOUND.ibd), ibd_name="a.ibd") == []


def test_missing_and_empty_ibd() -> None:
    assert errors(problems_of(SOUND, ibd_size=None, ibd_uuid=None)) == [
        "a.ibd is missing: put it beside a.imzML."
    ]
    assert errors(problems_of(SOUND, ibd_size=0, ibd_uuid=b"")) == [
        "a.ibd is empty (0 bytes): copy or upload it again."
    ]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (123, "lacks 1; 1 of 3 spectra do not fit, the first is spectrum index 2;"),
        (75, "lacks 49; 2 of 3 spectra do not fit, the first is spectrum index 1;"),
        (60, "lacks 64; 2 of 3 spectra do not fit, the first is spectrum index 1;"),
        (1, "lacks 123; 3 of 3 spectra do not fit, the first is spectrum index 0;"),
    ],
)
def test_truncated_ibd_names_the_first_spectrum_that_does_not_fit(size: int, text: str) -> None:
    assert len(SOUND.ibd) == 124
    found = errors(problems_of(SOUND, ibd_size=size, ibd_uuid=SOUND.ibd[: min(size, 16)]))
    assert found == [f"a.ibd is truncated: it has {size} bytes and {text} copy or upload it again."]


def test_bytes_after_the_last_array_are_fine() -> None:
    assert problems_of(SOUND, ibd_size=200) == []


def test_other_uuid_is_a_warning_while_the_sizes_agree() -> None:
    problems = problems_of(SOUND, ibd_uuid=bytes(16))
    declared = header_of(SOUND).uuid
    assert errors(problems) == []
    assert warnings(problems) == [
        f"a.ibd has UUID {'0' * 32} but a.imzML says {declared}; the sizes agree, so check that"
        " both come from one export."
    ]


@pytest.mark.parametrize("size", [100, 200])
def test_other_uuid_and_other_size_is_another_dataset(size: int) -> None:
    declared = header_of(SOUND).uuid
    assert errors(problems_of(SOUND, ibd_uuid=bytes(16), ibd_size=size)) == [
        f"a.ibd belongs to another imzML: its UUID is {'0' * 32} and it has {size} bytes, but"
        f" a.imzML says {declared} and describes 124; give the two files of one export."
    ]


def test_uuid_in_windows_byte_order_is_the_same() -> None:
    uuid = SOUND.ibd[:16]
    mixed = uuid[3::-1] + uuid[5:3:-1] + uuid[7:5:-1] + uuid[8:]
    assert problems_of(SOUND, ibd_uuid=mixed) == []


def test_profile_spectra_are_an_error_unless_accepted() -> None:
    profile = build_pair(spectrum_type="profile")
    assert errors(problems_of(profile)) == [
        "a.imzML declares profile spectra: pass --centroid to have their peaks picked, or"
        " --accept-profile if the spectra are centroided in fact."
    ]
    accepted = problems_of(profile, accept_profile=True)
    assert errors(accepted) == []
    assert warnings(accepted) == [
        "a.imzML declares profile spectra: every sample point counts as a peak, so scores and ion"
        " images are less reliable than with centroided data."
    ]


def test_unknown_spectrum_type_and_polarity_are_warnings() -> None:
    pair = build_pair(polarity=None).edited('accession="MS:1000127"', 'accession="MS:1"')
    assert problems_of(pair) == [
        Problem(
            "warning",
            "a.imzML does not say whether its spectra are centroided; ionbox takes them as such.",
        ),
        Problem(
            "warning",
            "a.imzML does not say its polarity: give --polarity positive or negative.",
            settled_by="polarity",
        ),
    ]


def test_both_polarities_are_an_error() -> None:
    negative = '<cvParam accession="MS:1000129" name="negative scan"/><scanList'
    pair = SOUND.edited("<scanList", negative, 1)
    assert errors(problems_of(pair)) == [
        "a.imzML has spectra of both polarities: export one file per polarity."
    ]


def test_arrays_of_unequal_length_are_an_error() -> None:
    pair = SOUND.edited(f'{LENGTH} value="2"', f'{LENGTH} value="3"', 1)
    assert errors(problems_of(pair)) == [
        "a.imzML: 1 of 3 spectra have m/z and intensity arrays of unequal length, the first is"
        " spectrum index 1 with 3 m/z values and 2 intensities; export the dataset again."
    ]


def test_dataset_without_peaks_is_an_error() -> None:
    pair = Pair(re.sub(f'{LENGTH} value="[0-9]+"', f'{LENGTH} value="0"', SOUND.imzml), SOUND.ibd)
    assert header_of(pair).ibd_end == 0
    assert errors(problems_of(pair)) == [
        "a.imzML: none of the 3 spectra has a peak; check the peak picking of the export."
    ]


def test_repeated_positions_are_a_warning() -> None:
    pair = build_pair(coordinates=[(1, 1), (2, 2), (1, 1)])
    assert problems_of(pair) == [
        Problem(
            "warning",
            "a.imzML: 1 of 3 spectra repeat the position of another; their intensities will be"
            " summed.",
        )
    ]


def test_sparse_grid_and_first_pixel_are_no_problem() -> None:
    assert problems_of(build_pair(coordinates=[(70, 90), (75, 99), (72, 95)])) == []


def test_more_pixels_than_declared_are_a_warning() -> None:
    pair = SOUND.edited('"max count of pixels x" value="2"', '"max count of pixels x" value="1"')
    assert problems_of(pair) == [
        Problem(
            "warning",
            "a.imzML declares 1 x 2 pixels, but its spectra span 2 x 2; ionbox goes by the"
            " spectra.",
        )
    ]


def test_odd_encoded_length_and_count_are_warnings() -> None:
    pair = SOUND.edited('encoded length" value="8"', 'encoded length" value="9"')
    pair = pair.edited('spectrumList count="3"', 'spectrumList count="5"')
    assert problems_of(pair) == [
        Problem(
            "warning",
            "a.imzML: the spectrum list declares 5 spectra but has 3; check that the export was"
            " complete.",
        ),
        Problem(
            "warning",
            "a.imzML: 1 of 3 spectra (first: spectrum index 1) give an encoded length of the"
            " intensity array that is not its length times 4 bytes (9 for 2 values); ionbox goes by"
            " the length.",
        ),
    ]


def test_errors_come_first() -> None:
    problems = problems_of(build_pair(polarity=None, spectrum_type="profile"), ibd_size=None)
    assert [problem.severity for problem in problems] == ["error", "error", "warning"]


# --- checks of the values -------------------------------------------------------------------------


def peak_problems(pair: Pair, **changes: int) -> list[Problem]:
    return check_peaks(header_of(pair), range_reader(pair.ibd), ibd_name="a.ibd", **changes)


@pytest.mark.parametrize("mz", [np.nan, np.inf, -1.0, 0.0, 1e9])
def test_implausible_mz_is_an_error(mz: float) -> None:
    pair = build_pair([SPECTRA[0], ([100.0, mz], [1.0, 1.0]), SPECTRA[2]])
    (message,) = errors(peak_problems(pair))
    assert message == (
        f"a.ibd: spectrum index 1 has an m/z value of {mz:.6g}, so the imzML declares a wrong data"
        " type or belongs to another ibd; export the dataset again."
    )


def test_padding_without_intensity_is_fine() -> None:
    pair = build_pair([([0.0, 100.0], [0.0, 1.0]), *SPECTRA[1:]])
    assert peak_problems(pair) == []


@pytest.mark.parametrize("mz_dtype", [np.float32, np.float64])
def test_wrong_data_type_shows_in_the_values(mz_dtype: type[np.generic]) -> None:
    rng = np.random.default_rng(1)
    spectrum = np.sort(rng.uniform(100, 1000, 40)), rng.uniform(1, 9, 40)
    pair = build_pair([spectrum] * 3, mz_dtype=mz_dtype, intensity_dtype=np.int32)
    terms = ['"MS:1000521" name="32-bit float"', '"MS:1000523" name="64-bit float"']
    declared, other = terms if mz_dtype is np.float32 else terms[::-1]
    wrong = Pair(pair.edited(declared, other).imzml, pair.ibd + bytes(1000))
    assert len(errors(peak_problems(wrong))) == 1


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # pyimzml's writer
def test_odd_values_are_warnings() -> None:
    pair = build_pair(
        [
            ([200.0, 100.0, 300.0], [-1.0, 1.0, 2.0]),
            ([100.0, 200.0], [np.nan, 1.0]),
            ([100.0, 200.0], [np.inf, -1.0]),
        ]
    )
    assert peak_problems(pair) == [
        Problem("warning", f"a.ibd: {text}")
        for text in (
            "1 of 3 spectra looked at have m/z values that do not ascend; ionbox sorts them.",
            "2 of 3 spectra looked at have negative intensities, which are dropped.",
            "1 of 3 spectra looked at have intensities that are not a number, which are dropped.",
            "1 of 3 spectra looked at have infinite intensities, which are kept and spoil the"
            " images they fall in.",
        )
    ]


def test_part_never_filled_is_an_error() -> None:
    pair = Pair(SOUND.imzml, SOUND.ibd[:76] + bytes(48))
    assert errors(peak_problems(pair)) == [
        "a.ibd: spectrum index 2 holds only zeros, so the file is not complete; copy or upload it"
        " again."
    ]


def test_no_intensity_above_zero_is_a_warning() -> None:
    pair = build_pair([([100.0, 200.0], [0.0, 0.0])] * 3)
    assert warnings(peak_problems(pair)) == [
        "a.ibd: 3 of 3 spectra looked at have no intensity above zero."
    ]


def test_only_a_few_spectra_are_looked_at() -> None:
    pair = build_pair(SPECTRA * 40, [(x, y) for x in range(40) for y in range(3)])
    read: list[int] = []
    read_range = range_reader(pair.ibd)

    def counting(offset: int, length: int) -> bytes:
        read.append(offset)
        return read_range(offset, length)

    assert check_peaks(header_of(pair), counting, ibd_name="a.ibd", n_sampled=10) == []
    assert len(read) == 10
    assert read[0] == 16
    assert read[-1] == header_of(pair).mz_offset[-1]


def test_builder_default_has_a_position_per_spectrum() -> None:
    assert len(SPECTRA) == len(COORDINATES)
