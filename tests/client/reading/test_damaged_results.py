"""Results that are cut short, foreign or of a newer version: one sentence that names the file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ionbox
import pytest
import zarr
from ionbox.errors import DamagedResults, Gone, NoResults
from ionbox.reading.folder import ResultsFolder
from ionbox.reading.place import folder_place
from ionbox.run import Run
from ionbox.view.run_reader import RunReader
from ionbox_cloud.published import SPECTRUM_INDEX

from tests.client.ion_images import read_array, rows_of_ions
from tests.client.operating import Command

AGAIN = r"; fetch or annotate again$"


@pytest.fixture
def damaged(results: Path, tmp_path: Path) -> Path:
    """A copy of the results to spoil; where their data are it still knows."""
    return shutil.copytree(results, tmp_path / "results")


def cut_short(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def change_record(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    record = json.loads((folder / "run.json").read_text())
    change(record)
    (folder / "run.json").write_text(json.dumps(record))


def chunks(folder: Path) -> list[Path]:
    found = [path for path in (folder / "ion_images.zarr/images/c").rglob("*") if path.is_file()]
    assert found
    return found


def ask_why(folder: Path) -> list[dict[str, Any]]:
    return RunReader(folder_place(folder)).why("C12H24O2", "+H")


# --- the run record ---


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('{"run_id": "77aa', "Unterminated string"),
        ("", "Expecting value"),
        ("[]", "list indices must be integers"),
        ('{"name": "vite", "version": "5.0.0"}', "no 'config'"),
        (
            '{"config": {}, "versions": {"ionbox": "1"}}',
            "RunRecord: missing .*'databases', 'dataset', 'run_id'",
        ),
        ("\ufffe\x00", ""),
    ],
)
def test_a_record_that_is_none_is_said(
    damaged: Path, results: Path, operate: Command, content: str, why: str
) -> None:
    (damaged / "run.json").write_text(content)
    words = rf"results: run\.json is damaged \(.*{why}.*\){AGAIN}"
    with pytest.raises(NoResults, match=words):
        ionbox.open(damaged)
    said = f"{damaged}: run.json is damaged ("
    for command, code in (
        (["compare", results, damaged], 2),
        (["compare", damaged, results], 2),
        (["export", damaged, "--to=png", f"--out={damaged}/new"], 1),
        (["view", damaged, "--no-browser"], 1),
        (["why", damaged, "--formula=C12H24O2", "--adduct=+H"], 1),
    ):
        ended = operate(*command)
        assert (ended.code, ended.out) == (code, "")
        assert ended.err.startswith(f"error: {said}")
        assert "Traceback" not in ended.err


@pytest.mark.parametrize("name", ["name", "id"])
def test_a_record_needs_what_everybody_asks_for(damaged: Path, name: str) -> None:
    change_record(damaged, lambda record: record["dataset"].pop(name))
    with pytest.raises(
        DamagedResults,
        match=rf"run\.json is damaged \(DatasetRecord: missing \['{name}'\]\){AGAIN}",
    ):
        ionbox.open(damaged).results(), ionbox.open(damaged).name


def test_results_of_a_newer_version_ask_for_an_update(
    damaged: Path, results: Path, operate: Command
) -> None:
    def change(record: dict[str, Any]) -> None:
        record["config"]["of_tomorrow"] = True
        record["versions"]["ionbox"] = "9.1.0"

    change_record(damaged, change)
    words = "written by a newer ionbox (9.1.0); update"
    for command, code in (
        (["compare", results, damaged], 2),
        (["why", damaged, "--formula=C12H24O2", "--adduct=+H"], 1),
    ):
        ended = operate(*command)
        assert (ended.code, ended.err) == (code, f"error: {damaged}: {words}\n")
    with pytest.raises(NoResults, match=r"written by a newer ionbox \(9\.1\.0\); update"):
        ionbox.open(damaged)


# --- tables and arrays ---


def test_a_table_that_is_none_is_said(damaged: Path) -> None:
    for content in (
        b"",
        b"a,b\n1,2\n",
        b"\xff\xfe\x00",
        b'formula,ion\n"C',
        b"PK\x03\x04\n1,2,3\n",
    ):
        (damaged / "annotations.csv").write_bytes(content)
        with pytest.raises(DamagedResults, match=rf"annotations\.csv is damaged \(.+\){AGAIN}"):
            ionbox.open(damaged).results()


@pytest.mark.parametrize("name", ["annotations.csv", "report.html"])
@pytest.mark.parametrize("longer", [False, True])
def test_a_file_that_the_record_does_not_list_so_is_said(
    damaged: Path, name: str, longer: bool
) -> None:
    path = damaged / name
    data = path.read_bytes()
    path.write_bytes(data + b"\n" if longer else data.replace(b"0.9", b"0.8", 1))
    lists = rf"it has {len(data) + 1:,} bytes and run\.json lists {len(data):,}"
    why = lists if longer else r"its checksum is not the one that run\.json lists"
    reader = RunReader(folder_place(damaged))
    ask = reader.describe if name == "report.html" else ionbox.open(damaged).results
    with pytest.raises(DamagedResults, match=rf"{path.stem}\.\w+ is damaged \(.*{why}\){AGAIN}"):
        ask()


def test_scores_that_are_cut_short_are_said(damaged: Path, operate: Command) -> None:
    cut_short(damaged / "diagnostics/acids.npz")
    words = rf"diagnostics/acids\.npz is damaged \(.+\){AGAIN}"
    with pytest.raises(DamagedResults, match=words):
        ionbox.open(damaged).diagnostics()
    with pytest.raises(Gone, match=words):  # what the viewer tells its page
        ask_why(damaged)
    ended = operate("why", damaged, "--formula=C12H24O2", "--adduct=+H")
    assert ended.code == 1
    assert ended.err.startswith(f"error: {damaged}: diagnostics/acids.npz is damaged (")
    (damaged / "diagnostics/acids.npz").unlink()
    with pytest.raises(Gone, match=r"is not whole: diagnostics/acids\.npz is missing"):
        ask_why(damaged)


def test_colocalization_that_is_cut_short_is_said(damaged: Path) -> None:
    cut_short(damaged / "diagnostics/colocalization.npz")
    with pytest.raises(DamagedResults, match=rf"colocalization\.npz is damaged \(.+\){AGAIN}"):
        ionbox.open(damaged).colocalization()


def test_an_index_of_the_ibd_that_is_cut_short_is_said(damaged: Path) -> None:
    cut_short(damaged / SPECTRUM_INDEX)
    words = rf"spectrum_index\.npz is damaged \(.+\){AGAIN}"
    with pytest.raises(DamagedResults, match=words):
        ionbox.open(damaged).spectrum(3, 5)
    reader = RunReader(folder_place(damaged))
    assert "spectrum_index.npz is damaged" in reader.why_no_spectra()


# --- images ---

READ_IMAGES: dict[str, Callable[[Run], object]] = {
    "isotope_images": lambda run: run.isotope_images(*run.annotations(1)[0]),
    "all_annotation_images": lambda run: run.all_annotation_images(1),
    "images": lambda run: run.images.load(),
    "mask": lambda run: run.mask,
    "tic": lambda run: run.tic_image(),
    "mz_image": lambda run: run.mz_image(300.2, 5000),
    "anndata": lambda run: run.to_anndata(fdr=1),
}


@pytest.mark.parametrize("read", READ_IMAGES.values(), ids=READ_IMAGES)
def test_a_lost_chunk_is_never_read_as_zeros(damaged: Path, read: Callable[[Run], object]) -> None:
    read(ionbox.open(damaged))
    chunks(damaged)[0].unlink()
    words = rf"results: ion_images\.zarr is not whole, parts of it are missing{AGAIN}"
    with pytest.raises(DamagedResults, match=words):
        read(ionbox.open(damaged))


@pytest.mark.parametrize("name", ["mask", "tic", "mz"])
def test_a_lost_overview_is_never_read_as_zeros(damaged: Path, name: str) -> None:
    shutil.rmtree(damaged / "ion_images.zarr" / name / "c")
    with pytest.raises(DamagedResults, match=r"ion_images\.zarr is not whole, parts of it"):
        _ = ionbox.open(damaged).mask


@pytest.mark.parametrize("sharded", [False, True])
def test_every_object_of_many_is_missed(damaged: Path, sharded: bool) -> None:
    """Ions two by two in an object, or four by four in shards."""
    values, names = read_array(damaged), rows_of_ions(damaged)
    group = zarr.open_group(damaged / "ion_images.zarr", mode="a")
    del group["images"]
    shards = (4, *values.shape[1:]) if sharded else None
    chunks_of = ((1 if sharded else 2), *values.shape[1:])
    array = group.create_array(
        "images", shape=values.shape, dtype="float32", chunks=chunks_of, shards=shards
    )
    array[...] = values
    array.attrs["image_of"] = names
    assert len(chunks(damaged)) == -(-len(values) // (4 if sharded else 2))
    assert ionbox.open(damaged).mask.any()
    for path in chunks(damaged):
        data = path.read_bytes()
        path.unlink()
        with pytest.raises(DamagedResults, match=r"ion_images\.zarr is not whole, parts of it"):
            _ = ionbox.open(damaged).mask
        path.write_bytes(data)


def test_objects_of_ions_without_intensity_are_not_missed(damaged: Path) -> None:
    """Of a targeted database an ion may have none; zarr writes no object for such images."""
    values, names = read_array(damaged), rows_of_ions(damaged)
    values[:2] = 0
    group = zarr.open_group(damaged / "ion_images.zarr", mode="a")
    del group["images"]
    chunks_of = (2, *values.shape[1:])
    array = group.create_array("images", shape=values.shape, dtype="float32", chunks=chunks_of)
    array[...] = values
    array.attrs.update({"image_of": names, "silent": [0]})
    with pytest.raises(DamagedResults, match=r"ion_images\.zarr is not whole, parts of it"):
        _ = ionbox.open(damaged).mask
    array.attrs["silent"] = [0, 1]
    assert ionbox.open(damaged).mask.any()


def test_a_lost_chunk_is_missed_in_a_bucket(bucket_results: str, aws_server: str) -> None:
    import boto3

    s3 = boto3.client("s3", endpoint_url=aws_server, region_name="us-east-1")
    bucket, _, prefix = bucket_results.removeprefix("s3://").partition("/")
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/ion_images.zarr/images/c/")
    s3.delete_object(Bucket=bucket, Key=listed["Contents"][-1]["Key"])
    s3.close()
    with pytest.raises(DamagedResults, match=r"ion_images\.zarr is not whole, parts of it"):
        ionbox.open(bucket_results).tic_image()


def test_a_lost_chunk_is_not_exported(damaged: Path, tmp_path: Path, operate: Command) -> None:
    chunks(damaged)[0].unlink()
    ended = operate("export", damaged, "--to=csv-pixels", f"--out={tmp_path / 'out.csv'}")
    assert ended.code == 1
    assert ended.err.startswith(f"error: {damaged}: ion_images.zarr is not whole, parts of it are")
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("read", READ_IMAGES.values(), ids=READ_IMAGES)
def test_an_array_that_is_gone_is_named(damaged: Path, read: Callable[[Run], object]) -> None:
    shutil.rmtree(damaged / "ion_images.zarr" / "mask")
    with pytest.raises(DamagedResults, match=r"ion_images\.zarr is (not whole|damaged)"):
        read(ionbox.open(damaged))
    (damaged / "ion_images.zarr" / "zarr.json").unlink()
    with pytest.raises(DamagedResults, match=r"is not whole: ion_images\.zarr is missing"):
        read(ionbox.open(damaged))


def test_a_chunk_that_is_cut_short_is_said(damaged: Path) -> None:
    for path in chunks(damaged):
        cut_short(path)
    words = rf"ion_images\.zarr is damaged \(.+\){AGAIN}"
    for name in ("isotope_images", "all_annotation_images", "images", "anndata"):
        with pytest.raises(DamagedResults, match=words):
            READ_IMAGES[name](ionbox.open(damaged))
    for path in (damaged / "ion_images.zarr/mask/c").rglob("*"):
        if path.is_file():
            cut_short(path)
    for name in ("mask", "mz_image"):
        with pytest.raises(DamagedResults, match=words):
            READ_IMAGES[name](ionbox.open(damaged))


def test_the_viewer_tells_its_page_which_images_are_damaged(damaged: Path) -> None:
    for path in (damaged / "ion_images.zarr").rglob("c/**/*"):
        if path.is_file():
            cut_short(path)
    images = RunReader(folder_place(damaged)).images
    for read in (lambda: images.read_image(0, 0), lambda: images.mask, lambda: images.tic):
        with pytest.raises(Gone, match=rf"ion_images\.zarr is damaged \(.+\){AGAIN}"):
            read()
    chunks(damaged)[0].unlink()
    with pytest.raises(Gone, match=r"ion_images\.zarr is not whole, parts of it are missing"):
        _ = RunReader(folder_place(damaged)).images


def test_a_status_that_is_none_is_said(tmp_path: Path) -> None:
    for content in ('{"status": "fai', "[1]"):
        (tmp_path / "status.json").write_text(content)
        with pytest.raises(DamagedResults, match=r"status\.json is damaged"):
            ResultsFolder.find(tmp_path, None, None)


def test_reading_makes_no_folder(damaged: Path) -> None:
    shutil.rmtree(damaged / "ion_images.zarr")
    before = sorted(damaged.rglob("*"))
    for read in READ_IMAGES.values():
        with pytest.raises(DamagedResults, match=r"is not whole: ion_images\.zarr is missing"):
            read(ionbox.open(damaged))
    assert sorted(damaged.rglob("*")) == before


# --- words ---


def test_a_place_with_dashes_is_named_as_it_is(tmp_path: Path) -> None:
    for name in ("exp--old", "my --force run", "--old"):
        folder = tmp_path / name
        folder.mkdir()
        with pytest.raises(NoResults) as refused:
            ionbox.open(folder)
        said = str(refused.value)
        assert said.startswith(f"{folder} is no results folder: ")
        assert "'ionbox annotate --out' or 'ionbox fetch --out'" in said
