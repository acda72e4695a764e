"""Input that cannot be annotated is refused before anything is computed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from ionbox_science.errors import InvalidConfig, InvalidDatabase, InvalidDataset

from tests.end_to_end.laptop import BITTERS, SETTINGS, Laptop, LaptopRun
from tests.imzml_builder import Pair, build_pair

ONLY_CHECKED = {"PlanRun": 1, "ReportFailure": 1}


def assert_refused(run: LaptopRun, error: str, *words: str) -> None:
    status = run.outcome.status
    assert (status.status, status.error) == ("invalid_input", error)
    for word in words:
        assert word in run.message
    assert status.advice == "Correct the input and run again."
    assert run.n_calls == ONLY_CHECKED
    assert [path.name for path in run.out.iterdir()] == ["status.json"]
    assert json.loads((run.out / "status.json").read_text("utf-8")) == status.to_json()


def cut(n_bytes: Callable[[int], int]) -> Callable[[Path], None]:
    def damage(ibd: Path) -> None:
        ibd.write_bytes(ibd.read_bytes()[: n_bytes(ibd.stat().st_size)])

    return damage


def replace(ibd: Path) -> None:
    ibd.write_bytes(build_pair().ibd * 7)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        pytest.param(cut(lambda size: size // 2 + 3), "tissue.ibd is truncated", id="mid-spectrum"),
        pytest.param(cut(lambda size: size - 1), "1 of 192 spectra do not fit", id="at the end"),
        pytest.param(cut(lambda _: 0), "tissue.ibd is empty (0 bytes)", id="zero bytes"),
        pytest.param(Path.unlink, "tissue.ibd is missing", id="missing"),
        pytest.param(replace, "tissue.ibd belongs to another imzML", id="another export's"),
    ],
)
def test_a_dataset_with_a_wrong_ibd_is_refused(
    laptop: Laptop, tissue: Path, damage: Callable[[Path], None], words: str
) -> None:
    for path in tissue.parent.glob("tissue.i*"):
        shutil.copyfile(path, laptop.root / path.name)
    damage(laptop.root / "tissue.ibd")
    run = laptop.annotate(laptop.root / "tissue.imzML", [laptop.database("bitters", BITTERS)])
    assert_refused(run, "InvalidDataset", words)


def drop(laptop: Laptop, pair: Pair) -> Path:
    path = laptop.root / "small.imzML"
    path.write_bytes(pair.source)
    path.with_suffix(".ibd").write_bytes(pair.ibd)
    return path


LENGTH = re.compile(r'(accession="IMS:1000103"[^>]*value=")\d+')
WITHOUT_PEAKS = Pair(LENGTH.sub(r"\g<1>0", build_pair().imzml), build_pair().ibd)


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        pytest.param(build_pair(spectrum_type="profile"), "declares profile spectra", id="profile"),
        pytest.param(Pair("", b"1234567890123456"), "small.imzML", id="empty imzML"),
        pytest.param(Pair(build_pair().imzml[:3000], build_pair().ibd), "line", id="half an imzML"),
        pytest.param(WITHOUT_PEAKS, "none of the 3 spectra has a peak", id="no peaks"),
    ],
)
def test_an_imzml_that_cannot_be_annotated_is_refused(
    laptop: Laptop, pair: Pair, words: str
) -> None:
    run = laptop.annotate(drop(laptop, pair), [laptop.database("bitters", BITTERS)])
    assert_refused(run, "InvalidDataset", words)


def test_profile_spectra_are_annotated_if_the_user_insists(laptop: Laptop) -> None:
    dataset = drop(laptop, build_pair(spectrum_type="profile"))
    bitters = laptop.database("bitters", BITTERS)
    run = laptop.annotate(dataset, [bitters], {"accept_profile": True, "decoys": 1}).succeeded()
    assert any("profile" in warning for warning in run.record["warnings"])


def test_a_sidecar_that_is_no_json_is_refused(laptop: Laptop) -> None:
    dataset = drop(laptop, build_pair())
    dataset.with_suffix(".json").write_text('{"ppm": 3,}')
    run = laptop.annotate(dataset, [laptop.database("bitters", BITTERS)])
    assert_refused(run, "InvalidConfig", "small.json is not JSON")


def test_everything_wrong_is_said_at_once(laptop: Laptop) -> None:
    dataset = drop(laptop, build_pair(spectrum_type="profile"))
    bad = laptop.root / "bad.csv"
    bad.write_text("id,name,formula\nA,a,C6H12O6\nB,b,not a formula\n")
    run = laptop.annotate(dataset, [bad], {"pmm": 3})
    words = ("declares profile spectra", "'pmm'", "did you mean 'ppm'", "line 3:")
    assert_refused(run, "InvalidInput", *words)


def test_the_sidecar_is_weaker_than_the_call(laptop: Laptop, tissue: Path) -> None:
    for path in tissue.parent.glob("tissue.i*"):
        shutil.copyfile(path, laptop.root / path.name)
    sidecar = {"ppm": 7, "min_px": 5, "isotope_peaks": 3}
    (laptop.root / "tissue.json").write_text(json.dumps(sidecar))
    bitters = laptop.database("bitters", BITTERS)
    run = laptop.annotate(laptop.root / "tissue.imzML", [bitters], {"ppm": 2}).succeeded()
    used = run.record["config"]
    assert (used["ppm"], used["min_px"], used["isotope_peaks"]) == (2.0, 5, 3)
    assert used["polarity"] == SETTINGS["polarity"]


# --- refused even before the state machine starts -------------------------------------------------


def test_files_that_do_not_exist_are_named(laptop: Laptop, tissue: Path) -> None:
    bitters = laptop.database("bitters", BITTERS)
    with pytest.raises(InvalidDataset, match=r"absent\.imzML: no such file"):
        laptop.annotate(laptop.root / "absent.imzML", [bitters])
    with pytest.raises(InvalidDatabase, match=r"absent\.tsv: no such file"):
        laptop.annotate(tissue, [laptop.root / "absent.tsv"])
    with pytest.raises(InvalidDataset, match="give the imzML"):
        laptop.annotate(tissue.with_suffix(".ibd"), [bitters])


def test_two_databases_of_one_name_are_refused(laptop: Laptop, tissue: Path) -> None:
    one = laptop.database("bitters", BITTERS)
    other = laptop.root / "bitters.csv"
    other.write_text("formula\nC6H12O6\n")
    with pytest.raises(InvalidConfig, match="two databases are named 'bitters'"):
        laptop.annotate(tissue, [one, other])


def test_a_folder_with_something_else_is_left_alone(laptop: Laptop, tissue: Path) -> None:
    thesis = laptop.root / "university" / "thesis.tex"
    thesis.parent.mkdir()
    thesis.write_text("precious")
    with pytest.raises(InvalidConfig, match="is not empty"):
        laptop.annotate(tissue, [laptop.database("bitters", BITTERS)], out=thesis.parent)
    assert [path.name for path in thesis.parent.iterdir()] == ["thesis.tex"]
    assert not laptop.work.exists()
