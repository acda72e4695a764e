"""``ionbox calibrate``, as typed by users."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from ionbox.calibration import calibrate as calibration

from tests.client.operating import Command

SMALL = ("--width", "20", "--height", "16", "--ions", "40", "--noise", "40")
PLAIN = (*SMALL, "--realism", "plain", "--seeds", "1")


def read_table(folder: Path) -> list[dict[str, str]]:
    with (folder / "calibration.tsv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_quick_writes_page_table_and_counts(ionbox: Command, tmp_path: Path) -> None:
    ended = ionbox("calibrate", "--out", "out", "--quick")
    assert ended.code == 0, ended.err
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {
        *("calibration.html", "calibration.tsv", "calibration.json")
    }
    rows = read_table(out)
    assert [(row["scenario"], row["variant"], row["claimed"]) for row in rows] == [
        ("real, lipids", "msm", level) for level in ("0.05", "0.1", "0.2")
    ]
    for row in rows:
        assert 0 <= float(row["wrong_low"]) <= float(row["wrong"]) <= float(row["wrong_high"]) <= 1
        assert row["recall"] and row["alone"]
    assert "1/1 real, lipids, seed 1: simulating" in ended.err
    assert "look at it: out/calibration.html" in ended.out
    value = json.loads((out / "calibration.json").read_text())
    (scenario,), (trial,) = value["scenarios"], value["trials"]
    assert scenario["simulate"]["realism"] == "real"
    assert trial["mz_line"]["planted_ppm"] > 0


def test_it_counts_what_annotate_finds(ionbox: Command, tmp_path: Path) -> None:
    """The same dataset, by hand: the same annotations, wrong ones, and planted ions found."""
    assert ionbox("lipids", "lipids.tsv").code == 0
    table = ("--database", "lipids.tsv")
    settings = ("--compare", 'adducts=["+H"]')
    ended = ionbox("calibrate", "--out", "out", *PLAIN, *table, *settings)
    assert ended.code == 0, ended.err
    sizes = (*SMALL, "--seed", "1")
    assert ionbox("simulate", "simulated.imzML", *sizes, *table).code == 0
    annotated = ionbox("annotate", "simulated.imzML", "--out", "by-hand", *table, "--adduct=+H")
    assert annotated.code == 0, annotated.err

    with (tmp_path / "simulated_truth.csv").open() as file:
        planted = {(row["formula"], row["adduct"]): row for row in csv.DictReader(file)}
    with (tmp_path / "by-hand" / "annotations.csv").open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    found = {(row["formula"], "+H") for row in rows if float(row["fdr"]) <= 0.2}
    (trial,) = json.loads((tmp_path / "out" / "calibration.json").read_text())["trials"]
    counts = trial["counts"]["0.2"]
    assert counts["n"] == len(found) > 5
    assert counts["n_found"] == len(found & planted.keys()) == counts["n"] - counts["n_wrong"]
    assert counts["n_seen"] == sum(int(row["n_pixels"]) > 0 for row in planted.values())


def test_settings_and_scenarios_come_from_files(ionbox: Command, tmp_path: Path) -> None:
    simulate = {"width": 12, "height": 10, "n_ions": 20, "n_noise_peaks": 20}
    scenario = {"name": "mine", "simulate": simulate, "settings": {"decoys": 5, "adducts": ["+H"]}}
    variants = [{"ppm": 2}, {"ppm": 4}]
    (tmp_path / "scenarios.json").write_text(json.dumps([{**scenario, "variants": variants}]))
    files = ("--scenarios", "scenarios.json", "--seeds", "2")
    ended = ionbox("calibrate", "--out", "out", *files)
    assert ended.code == 0, ended.err
    assert {(row["scenario"], row["variant"], row["seeds"]) for row in read_table(Path("out"))} == {
        ("mine", "ppm=2", "2"),
        ("mine", "ppm=4", "2"),
    }
    assert "4/4 mine, seed 2: annotating, ppm=4" in ended.err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--compare", "scoring"), "--compare: expected SETTING=VALUE,VALUE"),
        (("--compare", "colour=red"), "settings has colour"),
        (("--compare", "ppm=-1"), "ppm (the scenario): expected a number from 0.001"),
        (("--database", "none.tsv"), "none.tsv cannot be read"),
        (("--scenarios", "none.json"), "none.json cannot be read"),
        (("--config", "none.json"), "none.json"),
        (("--ions", "100000"), "cannot plant 100000 ions"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_left(
    ionbox: Command, tmp_path: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    ended = ionbox("calibrate", "--out", "out", *PLAIN, *arguments)
    assert ended.code == 1
    assert complaint in ended.err
    assert not list(tmp_path.glob("out/*")) + list(tmp_path.glob("out/.*"))


def test_a_run_that_fails_ends_it(
    ionbox: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        from ionbox.calibration.trials import TrialFailed

        raise TrialFailed("SomethingBroke: it did")

    monkeypatch.setattr(calibration, "run_trials", fail)
    ended = ionbox("calibrate", "--out", "out", *PLAIN)
    assert ended.code == 3
    assert "SomethingBroke: it did" in ended.err
    assert not list(tmp_path.glob("out/*"))


def test_cancelled_it_leaves_what_is_done(
    ionbox: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupt(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(calibration, "run_trials", interrupt)
    ended = ionbox("calibrate", "--out", "out", *PLAIN)
    assert ended.code == 130
    assert not list(tmp_path.glob("out/.*"))
