"""imzML as other programs write it: read where its meaning is plain, and a warning says so."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import time
import zipfile
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from ionbox_science.errors import InvalidDataset
from ionbox_science.imzml import xml
from ionbox_science.imzml.checks import check_dataset, check_peaks
from ionbox_science.imzml.header import ImzmlHeader, read_header
from ionbox_science.imzml.options import ReadOptions

from tests.imzml_builder import SPECTRA, Pair, build_pair, range_reader

SOUND = build_pair()
SPECTRUM_START = re.compile(r"<spectrum (?:[^>]*)>")
MS_LEVEL = '<cvParam cvRef="MS" accession="MS:1000511" name="ms level" value="{}"/>'


def header_of(pair: Pair, options: ReadOptions | None = None) -> ImzmlHeader:
    return read_header(pair.source, "a.imzML", options)


def refusal(source: bytes, options: ReadOptions | None = None) -> str:
    with pytest.raises(InvalidDataset) as caught:
        read_header(source, "a.imzML", options)
    return str(caught.value)


def within_spectra(pair: Pair, *inserted: str) -> Pair:
    """Insert a text at the start of each spectrum, in the file's order."""
    parts = iter(inserted)
    return Pair(SPECTRUM_START.sub(lambda found: found[0] + next(parts), pair.imzml), pair.ibd)


def with_levels(*levels: str | None) -> Pair:
    return within_spectra(SOUND, *("" if n is None else MS_LEVEL.format(n) for n in levels))


def assert_same_data(found: ImzmlHeader, expected: ImzmlHeader) -> None:
    arrays, others = found.to_arrays(), expected.to_arrays()
    for name in ("x", "y", "mz_offset", "mz_count", "intensity_offset", "intensity_count"):
        np.testing.assert_array_equal(arrays[name], others[name])


# --- MS level -------------------------------------------------------------------------------------


def test_only_survey_spectra_are_read_and_the_others_are_counted() -> None:
    header = header_of(with_levels("1", "2", "2"))
    assert header.n_spectra == 1
    assert header.n_peaks == len(SPECTRA[0][0])
    assert header.other_levels == ((2, 2),)
    assert any("2 of 3 spectra are of MS level 2 and are left out" in w for w in header.warnings)


def test_a_spectrum_that_states_no_level_is_a_survey_spectrum() -> None:
    header = header_of(with_levels(None, "2", None))
    assert header.n_spectra == 2
    assert header.other_levels == ((2, 1),)


def test_another_level_is_read_if_asked() -> None:
    header = header_of(with_levels("1", "2", "3"), ReadOptions(ms_level=3))
    assert header.n_peaks == len(SPECTRA[2][0])
    assert header.other_levels == ((1, 1), (2, 1))


def test_a_file_without_the_level_is_refused_with_what_it_has() -> None:
    assert "no spectrum is of MS level 1, but 1 of MS level 2, 2 of MS level 3" in refusal(
        with_levels("3", "2", "3").source
    )
    assert "MS level 4" in refusal(SOUND.source, ReadOptions(ms_level=4))


@pytest.mark.parametrize("level", ["0", "1", "1.0"])
def test_a_level_that_means_the_first_is_the_first(level: str) -> None:
    assert header_of(with_levels(level, level, level)).n_spectra == 3


@pytest.mark.parametrize("level", ["", "two", "-1e3", "1e400"])
def test_a_level_that_is_none_is_refused_or_the_first(level: str) -> None:
    pair = with_levels(level, "1", "1")
    try:
        assert header_of(pair).n_spectra == 3
    except InvalidDataset as error:
        assert "MS level" in str(error)


def test_levels_stand_in_parameter_groups_too() -> None:
    group = '<referenceableParamGroup id="{}">' + MS_LEVEL + "</referenceableParamGroup>"
    ref = '<referenceableParamGroupRef ref="{}"/>'
    groups = group.format("survey", 1) + group.format("fragments", 2)
    pair = SOUND.edited("</referenceableParamGroupList>", groups + "</referenceableParamGroupList>")
    pair = within_spectra(pair, ref.format("survey"), ref.format("fragments"), ref.format("survey"))
    assert header_of(pair).n_spectra == 2


def test_the_kind_of_a_spectrum_tells_its_level() -> None:
    fragments = '<cvParam cvRef="MS" accession="MS:1000580" name="MSn spectrum"/>'
    survey = '<cvParam cvRef="MS" accession="MS:1000579" name="MS1 spectrum"/>'
    header = header_of(within_spectra(SOUND, survey, fragments, survey))
    assert header.n_spectra == 2
    assert header.other_levels[0][1] == 1


def test_levels_are_read_alike_by_the_scan_and_the_walk() -> None:
    """A comment in the list of spectra makes the scan give up."""
    pair = with_levels("1", "2", "1")
    walked = pair.edited("</spectrum>", "</spectrum><!-- walk -->", 1)
    assert_same_data(header_of(walked), header_of(pair))
    assert header_of(walked).other_levels == header_of(pair).other_levels == ((2, 1),)


# --- positions ------------------------------------------------------------------------------------


def test_z_is_left_aside_where_no_two_spectra_share_a_pixel() -> None:
    header = header_of(build_pair(coordinates=[(1, 1, 1), (2, 1, 7), (1, 2, 3)]))
    assert_same_data(header, header_of(SOUND))
    assert any("3 z planes (1 to 7)" in warning for warning in header.warnings)


def test_planes_that_overlap_are_refused() -> None:
    pair = build_pair(coordinates=[(1, 1, 1), (2, 1, 1), (1, 1, 2)])
    assert "2 z planes (1 to 2); ionbox annotates one plane at a time" in refusal(pair.source)


def test_planes_of_levels_that_are_not_read_do_not_count() -> None:
    pair = build_pair(coordinates=[(1, 1, 1), (2, 1, 1), (1, 1, 2)])
    pair = within_spectra(pair, "", "", MS_LEVEL.format(2))
    assert header_of(pair).n_spectra == 2


def test_positions_may_stand_in_the_spectrum_itself() -> None:
    position = re.compile(r'<cvParam accession="IMS:100005[01]"[^>]*/>')
    scan = re.compile(r"<scanList.*?</scanList>", re.DOTALL)

    def move(found: re.Match[str]) -> str:
        return "".join(position.findall(found[0]))

    assert_same_data(header_of(Pair(scan.sub(move, SOUND.imzml), SOUND.ibd)), header_of(SOUND))


@pytest.mark.parametrize(
    "written", ["{}.0", "{}.", "{}e0", " {} ", "+{}", "0{}", "{}.000000000000"]
)
def test_whole_numbers_may_be_written_as_reals(written: str) -> None:
    number = re.compile(r'(accession="IMS:1000(?:05[01]|10[234])"[^>]*value=")([0-9]+)"')
    text = number.sub(lambda found: f'{found[1]}{written.format(found[2])}"', SOUND.imzml)
    assert text != SOUND.imzml
    assert_same_data(header_of(Pair(text, SOUND.ibd)), header_of(SOUND))


@pytest.mark.parametrize("written", ["1.5", "nan", "inf", "1e400", "9" * 400, "one", "1,0"])
def test_what_is_no_whole_number_is_refused(written: str) -> None:
    pair = SOUND.edited('name="position x" value="1"', f'name="position x" value="{written}"', 1)
    assert "position x is" in refusal(pair.source)


def with_step(step: int, offset: int = 0) -> Pair:
    positions = [(1, 1), (2, 1), (1, 2)]
    return build_pair(coordinates=[(x * step + offset, y * step + offset) for x, y in positions])


def warnings_of(pair: Pair, options: ReadOptions | None = None) -> list[str]:
    header = header_of(pair, options)
    problems = check_dataset(
        header,
        name="a.imzML",
        ibd_name="a.ibd",
        ibd_size=len(pair.ibd),
        ibd_uuid=pair.ibd[:16],
        accept_profile=False,
    )
    assert not [p for p in problems if p.severity == "error"]
    return [problem.message for problem in problems]


@pytest.mark.parametrize("step", [2, 50, 1500])
@pytest.mark.parametrize("offset", [0, 7])
def test_positions_that_step_are_noticed_and_the_step_is_offered(step: int, offset: int) -> None:
    (warning,) = [w for w in warnings_of(with_step(step, offset)) if "step by" in w]
    assert f"pixel_step: {step}" in warning
    stepped = header_of(with_step(step, offset), ReadOptions(pixel_step=step))
    assert (stepped.width, stepped.height) == (2, 2)
    np.testing.assert_array_equal(stepped.pixel_index, header_of(SOUND).pixel_index)


def test_usual_positions_are_not_remarked_on() -> None:
    assert not [w for w in warnings_of(SOUND) if "step" in w]


def test_a_step_that_is_not_the_file_s_is_refused() -> None:
    message = refusal(with_step(50).source, ReadOptions(pixel_step=40))
    assert "no multiple of 40 from the first pixel" in message
    assert "pixel_step" in message


# --- arrays ---------------------------------------------------------------------------------------


def test_a_spectrum_without_arrays_is_a_pixel_without_peaks() -> None:
    arrays = re.compile(r"<binaryDataArrayList.*?</binaryDataArrayList>", re.DOTALL)
    pair = Pair(arrays.sub("", SOUND.imzml, count=1), SOUND.ibd)
    header = header_of(pair)
    assert header.mz_count.tolist() == [0, 2, 4]
    assert header.n_spectra == 3
    assert any("1 of 3 spectra have no arrays" in warning for warning in header.warnings)


@pytest.mark.parametrize(
    ("accession", "name"),
    [
        ("MS:1003006", "mean inverse reduced ion mobility array"),
        ("MS:1002816", "mean ion mobility array"),
    ],
)
def test_an_array_of_ion_mobility_is_left_aside(accession: str, name: str) -> None:
    third = (
        f'<binaryDataArray encodedLength="0"><cvParam accession="{accession}" name="x"/>'
        '<cvParam accession="MS:1000523" name="64-bit float"/>'
        '<cvParam accession="IMS:1000103" name="external array length" value="3"/>'
        '<cvParam accession="IMS:1000104" name="external encoded length" value="24"/>'
        '<cvParam accession="IMS:1000102" name="external offset" value="16"/>'
        "<binary/></binaryDataArray></binaryDataArrayList>"
    )
    pair = SOUND.edited("</binaryDataArrayList>", third)
    header = header_of(pair)
    assert_same_data(header, header_of(SOUND))
    (warning,) = [w for w in header.warnings if "mobility" in w]
    assert f"3 of 3 spectra have {name}, which ionbox leaves aside" in warning


def test_one_mobility_for_a_scan_is_left_aside() -> None:
    value = '<cvParam accession="MS:1002815" name="inverse reduced ion mobility" value="1.1"/>'
    header = header_of(
        SOUND.edited('<cvParam accession="IMS:1000050"', f'{value}<cvParam accession="IMS:1000050"')
    )
    assert_same_data(header, header_of(SOUND))
    assert any("inverse reduced ion mobility" in warning for warning in header.warnings)


# --- peaks ----------------------------------------------------------------------------------------


def with_bad_mz(bad: float, n_peaks: int) -> Pair:
    good = np.linspace(100, 900, n_peaks)
    spectra = [(good, np.ones(n_peaks)), (np.append(good[1:], bad), np.ones(n_peaks))]
    return build_pair(spectra, [(1, 1), (2, 1)])


@pytest.mark.parametrize("bad", [0.0, float("nan"), float("inf"), -5.0, 1e9])
def test_a_peak_in_a_thousand_without_an_mz_is_a_warning(bad: float) -> None:
    pair = with_bad_mz(bad, 1000)
    problems = check_peaks(header_of(pair), range_reader(pair.ibd), ibd_name="a.ibd")
    assert "error" not in {problem.severity for problem in problems}
    assert any("dropped" in problem.message for problem in problems)


@pytest.mark.parametrize("bad", [0.0, float("nan"), 1e9])
def test_many_peaks_without_an_mz_are_an_error(bad: float) -> None:
    pair = with_bad_mz(bad, 10)
    problems = check_peaks(header_of(pair), range_reader(pair.ibd), ibd_name="a.ibd")
    assert problems[0].severity == "error"


# --- what is no imzML -----------------------------------------------------------------------------


def zipped(source: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.imzML", source)
    return buffer.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zip": zipped,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


@pytest.mark.parametrize("kind", PACKERS)
def test_a_packed_file_is_named_as_such(kind: str) -> None:
    message = refusal(PACKERS[kind](SOUND.source))
    assert re.search(rf"this is an? {kind} file; unpack it", message)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_its_mark_is_named(encoding: str) -> None:
    assert "UTF-16 without a byte order mark" in refusal(SOUND.imzml.encode(encoding))


def test_utf16_with_its_mark_is_read() -> None:
    text = SOUND.imzml.replace('encoding="ISO-8859-1"', 'encoding="UTF-16"', 1)
    assert_same_data(read_header(text.encode("utf-16"), "a.imzML"), header_of(SOUND))


def test_a_cut_utf16_file_is_refused() -> None:
    text = SOUND.imzml.replace('encoding="ISO-8859-1"', 'encoding="UTF-16"', 1)
    assert "a.imzML" in refusal(text.encode("utf-16")[:-101])


@pytest.mark.parametrize("place", ["<mzML ", "<spectrum ", "<cvParam "])
def test_a_tag_without_end_is_refused_at_once(place: str) -> None:
    endless = f'{place}note="{"y" * 50_000_000}" '
    started = time.process_time()
    assert "no tag ends in the" in refusal(SOUND.edited(place, endless, 1).source)
    assert time.process_time() - started < 10  # the parser itself takes a minute


@pytest.mark.parametrize("place", ["<softwareList", "<scanList"])
def test_more_elements_than_memory_holds_are_refused(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert xml.MOST_ELEMENTS == 1_000_000
    monkeypatch.setattr(xml, "MOST_ELEMENTS", 10_000)
    many = SOUND.edited(place, "<cvParam/>" * 11_000 + place, 1)
    assert "more than 10,000 elements" in refusal(many.source)
    fewer = SOUND.edited(place, "<cvParam/>" * 9_000 + place, 1)
    assert header_of(fewer).n_spectra == len(SPECTRA)


def test_elements_nested_deep_are_an_answer() -> None:
    deep = "<userParam>" * 100_000 + "</userParam>" * 100_000
    assert header_of(SOUND.edited("<softwareList", f"{deep}<softwareList", 1)).n_spectra == 3
