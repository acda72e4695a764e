"""Datasets as other programs write them: annotated like the plain one, or refused in clear words.

`tests.end_to_end.odd_inputs` makes each of one simulated dataset. What the reader does with each
oddity is tested in ``tests/science/imzml``; here is what the user gets.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ionbox.datasets.check import CheckReport, check
from ionbox_cloud.messages import ConfigLayer
from ionbox_cloud.report.report_file import read_report

from tests.cloud_builders import simulate
from tests.end_to_end import odd_inputs as odd
from tests.end_to_end.laptop import ACIDS, SETTINGS, Laptop, LaptopRun
from tests.imzml_builder import Pair

EMPTY = (0, 40)  # pixels of the plain dataset that have no peaks
FORMULAS = ACIDS[:60]
Rows = list[dict[str, str]]


@dataclass(frozen=True)
class Bench:
    """A laptop, and the plain dataset with its annotations."""

    laptop: Laptop
    database: Path
    plain: Pair

    def write(self, pair: Pair) -> Path:
        """Write a dataset to a folder of its own, under the name that all have."""
        folder = self.laptop.root / f"in-{len(list(self.laptop.root.glob('in-*')))}"
        folder.mkdir()
        (folder / "tissue.imzML").write_bytes(pair.source)
        (folder / "tissue.ibd").write_bytes(pair.ibd)
        return folder / "tissue.imzML"

    def annotate(self, pair: Pair, **settings: Any) -> tuple[LaptopRun, CheckReport]:
        """Annotate and check a dataset."""
        imzml = self.write(pair)
        layer = ConfigLayer("the test", {**SETTINGS, **settings})
        return self.laptop.annotate(imzml, [self.database], settings), check(imzml, [layer])


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    laptop = Laptop(tmp_path_factory.mktemp("odd"))
    path = simulate(
        laptop.root / "plain" / "tissue.imzML",
        FORMULAS,
        width=10,
        height=8,
        n_ions=20,
        n_noise_peaks=20,
    )
    pair = Pair(path.read_text("iso-8859-1"), path.with_suffix(".ibd").read_bytes())
    plain = odd.without_peaks(pair, *EMPTY)
    return Bench(laptop, laptop.database("acids", FORMULAS), plain)


@pytest.fixture(scope="module")
def table(bench: Bench) -> Rows:
    """The annotations of the plain dataset, about which there is nothing to warn."""
    run, checked = bench.annotate(bench.plain)
    assert run.succeeded().record["warnings"] == []
    assert (checked.errors, checked.warnings) == ((), ())
    rows = without_id(run)
    assert len(rows) >= 10
    return rows


def without_id(run: LaptopRun) -> Rows:
    """A run's annotations without the dataset's id, which another file changes."""
    return [{**row, "datasetId": ""} for row in run.succeeded().rows]


def assert_warned(run: LaptopRun, checked: CheckReport, *warnings: str) -> None:
    """``check``, ``run.json`` and the report say each of them, and nothing else."""
    reported = read_report((run.out / "report.html").read_bytes())["warnings"]
    for told in (checked.warnings, run.record["warnings"], reported):
        assert len(told) == len(warnings), told
        for warning in warnings:
            assert any(warning in text for text in told), told


# --- the plain dataset's annotations --------------------------------------------------------------

MOBILITY = "spectra have mean inverse reduced ion mobility array, which ionbox leaves aside"
LEFT_OUT = "80 of 160 spectra are of MS level 2 and are left out"
NO_MZ = "1 of 64 spectra looked at have m/z values that cannot be (such as 0), which are dropped"
DROPPED = "{} peaks have no plausible m/z (0, negative, above 1,000,000 or not a number)"
UNSORTED = "1 of 64 spectra looked at have m/z values that do not ascend; ionbox sorts them"
PLANES = "no two at the same x and y; ionbox leaves z aside"
STEP = "all positions step by {} or a multiple"

ODDITIES: dict[str, tuple[Callable[[Pair], Pair], list[str]]] = {
    "an array of ion mobility": (odd.with_mobility, [f"80 of 80 {MOBILITY}"]),
    "a z for each spectrum": (
        lambda pair: odd.with_z(pair, lambda i: str(i + 1)),
        [f"80 z planes (1 to 80), {PLANES}"],
    ),
    "fragments at every pixel": (odd.with_fragments, [LEFT_OUT]),
    "a peak at 0": (
        lambda pair: odd.with_peaks_at(pair, [0.0], 79),
        [NO_MZ, DROPPED.format(1)],
    ),
    "positions in spectra": (odd.without_scans, []),
    "pixels without arrays": (
        lambda pair: odd.without_arrays(pair, "", *EMPTY),
        ["2 of 80 spectra have no arrays; they are pixels without peaks"],
    ),
    "whole numbers as reals": (lambda pair: odd.with_numbers(pair, "{}.0".format), []),
}


@pytest.mark.parametrize("kind", ODDITIES)
def test_an_odd_dataset_has_the_annotations_of_the_plain_one(
    bench: Bench, table: Rows, kind: str
) -> None:
    change, warnings = ODDITIES[kind]
    run, checked = bench.annotate(change(bench.plain))
    assert without_id(run) == table
    assert_warned(run, checked, *warnings)
    assert checked.errors == ()


def test_so_has_one_with_all_oddities_in_another_form(bench: Bench, table: Rows) -> None:
    pair = odd.without_arrays(bench.plain, '<binaryDataArrayList count="0"/>', EMPTY[0])
    pair = odd.with_peaks_at(pair, [float("inf"), -5.0], 79)
    pair = odd.with_z(pair, lambda i: "" if i < 50 else "-3")  # two regions; one does not say so
    pair = odd.without_scans(pair, every=3)
    pair = odd.with_fragments(pair, first=True, contradicting=True)
    pair = odd.with_mobility(pair, first=True, every=3)
    pair = odd.with_numbers(pair, "{:.9e}".format)
    run, checked = bench.annotate(pair)
    assert without_id(run) == table
    said = [f"2 z planes (-3 to 1), {PLANES}", LEFT_OUT, f"53 of 160 {MOBILITY}", NO_MZ, UNSORTED]
    said.append(DROPPED.format(2))
    assert_warned(run, checked, *said, "2 of 160 spectra have no arrays")
    assert checked.errors == ()


# --- positions that are no numbers of pixels ------------------------------------------------------

DECLARED = "tissue.imzML declares 10 x 8 pixels, but its spectra span"


def test_positions_in_micrometres_are_told_of_and_their_step_gives_the_plain_annotations(
    bench: Bench, table: Rows
) -> None:
    pair = odd.move(bench.plain, lambda x, y: (50 * x, 50 * y))
    run, checked = bench.annotate(pair)
    assert run.succeeded().rows == []  # no pixel has a neighbour
    words = "all positions step by 50 or a multiple"
    assert_warned(run, checked, words, DECLARED, "the 80 spectra lie far apart in 451 x 351 pixels")
    for told in (checked.warnings, run.record["warnings"]):
        (warning,) = [text for text in told if words in text]
        assert "none has a neighbour, without which no ion scores" in warning
        assert "(pixel_step: 50)" in warning

    run, checked = bench.annotate(pair, pixel_step=50)
    assert without_id(run) == table
    assert_warned(run, checked)


def test_a_step_counts_from_the_first_pixel(bench: Bench, table: Rows) -> None:
    pair = odd.move(bench.plain, lambda x, y: (1000 + 30 * x, 7 + 30 * y))
    run, checked = bench.annotate(pair, pixel_step=30)
    assert without_id(run) == table
    assert_warned(run, checked)


def apart(x_distance: int, y_distance: int) -> odd.Place:
    """Pull the right four columns and the lower three rows away from the others."""
    return lambda x, y: (x + x_distance * (x > 6), y + y_distance * (y > 5))


def test_regions_far_apart_are_annotated_at_the_cost_of_regions_nearby(bench: Bench) -> None:
    nearby, _ = bench.annotate(odd.move(bench.plain, apart(3, 3)))
    assert len(nearby.succeeded().rows) >= 10
    for x_distance, y_distance in ((7490, 2498), (19_000, 4)):
        run, checked = bench.annotate(odd.move(bench.plain, apart(x_distance, y_distance)))
        assert without_id(run) == without_id(nearby)
        size = f"{10 + x_distance:,} x {8 + y_distance:,} pixels"
        assert_warned(run, checked, f"the 80 spectra lie far apart in {size}", DECLARED)
        assert run.n_calls == nearby.n_calls
        assert n_bytes(run.out) <= 1.1 * n_bytes(nearby.out)


def n_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*"))


# --- what cannot be annotated ---------------------------------------------------------------------


def zipped(source: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("tissue.imzML", source)
    return buffer.getvalue()


def no_survey_scan(source: bytes) -> bytes:
    return odd.only_fragments(Pair(source.decode(), b"")).source


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(gzip.compress, "this is a gzip file; unpack it", id="gzip"),
        pytest.param(zipped, "this is a zip file; unpack it", id="zip"),
        pytest.param(
            no_survey_scan,
            "no spectrum is of MS level 1, but 80 of MS level 2",
            id="fragments alone",
        ),
    ],
)
def test_check_and_annotate_refuse_in_the_same_words(
    bench: Bench, change: Callable[[bytes], bytes], words: str
) -> None:
    imzml = bench.write(bench.plain)
    imzml.write_bytes(change(bench.plain.source))
    run = bench.laptop.annotate(imzml, [bench.database])
    assert run.outcome.status.error == "InvalidDataset"
    checked = check(imzml, [ConfigLayer("the test", SETTINGS)])
    assert "\n".join(checked.errors) == run.message
    assert words in run.message


# --- molecule tables ------------------------------------------------------------------------------

QUOTED = {
    1: '"{}',  # never closed
    5: '{} 5"',
    6: '"5"-{}',
    8: '{}"',
}


def test_a_quote_in_a_table_is_a_letter(bench: Bench, table: Rows) -> None:
    header, *lines = bench.database.read_text("utf-8").splitlines()
    quoted = bench.laptop.root / "quoted" / "acids.tsv"
    quoted.parent.mkdir()
    plain_names, rows = {}, [header]
    for row, line in enumerate(lines):
        molecule, name, formula = line.split("\t")
        written = QUOTED.get(row % 10, "{}").format(name)
        plain_names[written] = name
        rows.append(f"{molecule}\t{written}\t{formula}")
    quoted.write_text("\n".join([*rows, ""]), "utf-8")
    run = bench.laptop.annotate(bench.write(bench.plain), [quoted])
    assert run.succeeded().record["databases"][0]["n_molecules"] == len(lines)
    found = without_id(run)
    assert sum('"' in each["moleculeNames"] for each in found) >= 3
    for each in found:
        names = each["moleculeNames"].split(", ")
        each["moleculeNames"] = ", ".join(plain_names[name] for name in names)
    assert found == table
