"""Equal input gives equal bytes; databases do not influence each other."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path

import pytest
from ionbox_cloud.storage.object_bytes import unseal

from tests.client.ion_images import read_array
from tests.end_to_end.laptop import ACIDS, WAXES, Laptop, LaptopRun

FULL = {"decoys": 20}  # more ions than a chunk of patterns has


@pytest.fixture(scope="module")
def usual(tissue: Path, tmp_path_factory: pytest.TempPathFactory) -> LaptopRun:
    """Both databases with two workers: what the other runs are compared with."""
    laptop = Laptop(tmp_path_factory.mktemp("usual"))
    databases = [laptop.database("acids", ACIDS), laptop.database("waxes", WAXES)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "WEST+11")
        run = laptop.annotate(tissue, databases, FULL, n_workers=2, new_workers=True)
    return run.succeeded()


ABOUT_THE_RUN = {"run.json", "status.json", "sources.json"}


def deliverables(run: LaptopRun) -> dict[str, bytes]:
    """All result files but the two that tell about the run, and the report but for those facts."""
    files = {
        path.relative_to(run.out).as_posix(): path.read_bytes()
        for path in run.out.rglob("*")
        if path.is_file() and path.name not in ABOUT_THE_RUN
    }
    files["report.html"] = without_run_facts(files["report.html"])
    return files


def without_run_facts(report: bytes) -> bytes:
    """A report but for the time, memory and dollars that the run took."""
    start = b'<script type="application/json" id="run">'
    before, run, after = re.split(re.escape(start) + b"(.*?)</script>", report, maxsplit=1)
    facts = json.loads(run)
    del facts["states"], facts["cost"], facts["forecast"]
    return before + json.dumps(facts).encode() + after


def test_a_map_that_compares_the_images_changes_nothing(
    usual: LaptopRun, tissue: Path, laptop: Laptop
) -> None:
    databases = [laptop.database("acids", ACIDS), laptop.database("waxes", WAXES)]
    by_many = laptop.annotate(tissue, databases, FULL, n_workers=2, many_images=True).succeeded()
    assert by_many.n_calls == usual.n_calls | {"CompareImages": 2}
    assert deliverables(by_many) == deliverables(usual)


def test_the_dataset_is_worth_comparing(usual: LaptopRun) -> None:
    assert usual.n_calls["GenerateIsotopePatterns"] == 2
    assert usual.n_calls["AnnotateSegments"] == 2
    assert {row["database"] for row in usual.rows} == {"acids", "waxes"}
    assert len(usual.rows) > 40
    assert len({row["fdr"] for row in usual.rows}) > 2


@pytest.mark.parametrize("n_workers", [1, 4])
def test_the_number_of_workers_changes_no_byte(
    usual: LaptopRun, laptop: Laptop, tissue: Path, n_workers: int
) -> None:
    databases = [laptop.database("acids", ACIDS), laptop.database("waxes", WAXES)]
    run = laptop.annotate(tissue, databases, FULL, n_workers=n_workers).succeeded()
    assert deliverables(run) == deliverables(usual)


def test_the_order_of_rows_and_of_databases_changes_no_byte_of_the_table(
    usual: LaptopRun, laptop: Laptop, tissue: Path
) -> None:
    databases = [
        laptop.database("waxes", WAXES, shuffled=True),
        laptop.database("acids", ACIDS, shuffled=True),
    ]
    run = laptop.annotate(tissue, databases, FULL).succeeded()
    assert run.record["run_id"] != usual.record["run_id"]
    assert run.table == usual.table


def test_another_folder_day_or_hash_seed_change_no_byte(
    usual: LaptopRun, laptop: Laptop, tissue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = laptop.root / "täglich neu"
    there.mkdir()
    for path in tissue.parent.glob("tissue.i*"):
        shutil.copyfile(path, there / path.name)
    databases = [laptop.database("acids", ACIDS), laptop.database("waxes", WAXES)]
    monkeypatch.setenv("PYTHONHASHSEED", "12345")
    monkeypatch.setenv("TZ", "EAST-14")  # 25 hours later than the usual run: never the same day
    run = laptop.annotate(there / "tissue.imzML", databases, FULL, new_workers=True).succeeded()
    assert deliverables(run) == deliverables(usual)


def test_the_table_tells_nothing_about_the_run(usual: LaptopRun) -> None:
    text = usual.table.decode()
    record = usual.record
    assert record["dataset"]["id"] in text
    assert record["run_id"] not in text
    assert usual.outcome.status.execution_id not in text
    assert str(usual.out.parent) not in text
    assert time.strftime("%Y-%m-%d") not in text


def test_databases_together_give_the_rows_they_give_apart(
    usual: LaptopRun, laptop: Laptop, tissue: Path
) -> None:
    """But for recalibration, which takes its calibrants from all of them."""
    as_is = FULL | {"recalibrate": False}
    files = [laptop.database("acids", ACIDS), laptop.database("waxes", WAXES)]
    both = laptop.annotate(tissue, files, as_is).succeeded()
    for file in files:
        alone = laptop.annotate(tissue, [file], as_is).succeeded()
        together = [row for row in both.rows if row["database"] == file.stem]
        assert len(alone.rows) > 10
        assert alone.rows == together
    assert usual.record["recalibration"]["n_calibrants"] >= 30
    assert [row["massError"] for row in both.rows] != [row["massError"] for row in usual.rows]


def test_rows_are_sorted_by_fdr_then_score(usual: LaptopRun) -> None:
    order = [(float(row["fdr"]), -float(row["msm"])) for row in usual.rows]
    assert order == sorted(order)


def test_images_belong_to_the_rows(usual: LaptopRun) -> None:
    images, mz = read_array(usual.out), read_array(usual.out, "mz")
    record = usual.record["dataset"]
    assert images.shape[2:] == (record["height"], record["width"]) == (12, 16)
    assert read_array(usual.out, "mask").all()
    sums = {
        f"{first_mz:.6f}": image.sum(dtype="f8")
        for first_mz, image in zip(mz[:, 0], images[:, 0], strict=True)
    }
    assert len(mz) < len(usual.rows)  # ions in both databases are drawn once
    for row in usual.rows:
        assert sums[row["mz"]] == pytest.approx(float(row["totalIntensity"]), rel=1e-5)


def test_the_record_counts_what_was_done(usual: LaptopRun) -> None:
    record = unseal((usual.out / "run.json").read_bytes(), "run.json")
    assert record == usual.record
    counted = {state: numbers["items"] for state, numbers in record["states"].items()}
    publishing = {"PublishResults": 1}  # writes the record before it is done
    assert counted | publishing == usual.n_calls
    assert record["n_annotations"] == len(usual.rows)
    assert record["config"]["ppm"] == 3.0
    assert [database["name"] for database in record["databases"]] == ["acids", "waxes"]
