"""Results in Python: the same from a folder and from a bucket, with METASPACE's semantics."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import ionbox
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import xarray as xr
from ionbox.errors import NoResults, NotInResults
from ionbox.reading.image_group import ImageGroup
from ionbox.run import Run
from ionbox_cloud.errors import UnsafeKey
from ionbox_cloud.published import COLOCALIZATION
from ionbox_cloud.store import Store
from ionbox_science.errors import InvalidConfig

from tests import patience
from tests.client.ion_images import read_array, rows_of_ions
from tests.client.table_rows import ion_of, records_of
from tests.oracles.colocalization import cosines
from tests.viewing import list_again


@pytest.fixture(scope="session")
def run(results: Path) -> Run:
    return ionbox.open(results)


@pytest.fixture
def run_in_bucket(bucket_results: str) -> Run:
    return ionbox.open(bucket_results)


def rows(results: Path) -> list[dict[str, str]]:
    with (results / "annotations.csv").open(newline="") as file:
        next(file)
        return list(csv.DictReader(file))


def images_of(results: Path) -> npt.NDArray[np.float32]:
    return read_array(results)


# --- folder and bucket ---


def test_frames_and_arrays_are_equal_on_a_folder_and_in_a_bucket(
    run: Run, run_in_bucket: Run
) -> None:
    pd.testing.assert_frame_equal(run.results(), run_in_bucket.results())
    pd.testing.assert_frame_equal(run.diagnostics(), run_in_bucket.diagnostics())
    pd.testing.assert_frame_equal(run.colocalization(), run_in_bucket.colocalization())
    xr.testing.assert_identical(run.images.load(), run_in_bucket.images.load())
    np.testing.assert_array_equal(run.tic_image(), run_in_bucket.tic_image())
    np.testing.assert_array_equal(run.mask, run_in_bucket.mask)
    assert run.annotations() == run_in_bucket.annotations()
    assert run.config == run_in_bucket.config
    assert run.metadata == run_in_bucket.metadata
    for here, there in zip(
        run.all_annotation_images(fdr=1),
        run_in_bucket.all_annotation_images(fdr=1),
        strict=True,
    ):
        assert (here.formula, here.adduct, here.mz) == (there.formula, there.adduct, there.mz)
        np.testing.assert_array_equal(np.stack(list(here)), np.stack(list(there)))


def test_a_bucket_can_be_copied_to_a_folder(
    run: Run, run_in_bucket: Run, results: Path, tmp_path: Path
) -> None:
    run_in_bucket.copy_to(tmp_path / "copy")
    ours, theirs = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (results, tmp_path / "copy")
    )
    ours.pop(Path("status.json"), None)
    theirs.pop(Path("status.json"), None)
    assert ours == theirs


# --- tables ---


def test_results_have_what_the_csv_has(run: Run, results: Path) -> None:
    frame, expected = run.results(), rows(results)
    assert len(frame) == len(expected) > 50
    assert frame.index.names == ["formula", "adduct"]
    assert list(frame.index) == [(r["formula"], r["adduct"].removeprefix("M")) for r in expected]
    for column in ("msm", "fdr", "mz", "massError", "totalIntensity", "rhoChaos"):
        assert frame[column].tolist() == [float(row[column]) for row in expected]
        assert frame[column].dtype == np.float64
    assert [", ".join(ids) for ids in frame["moleculeIds"]] == [r["moleculeIds"] for r in expected]
    assert (frame["moc"] == frame["rhoChaos"]).all()
    assert (frame["intensity"] == frame["maxIntensity"]).all()


def test_results_can_be_those_of_a_database_and_up_to_an_fdr(run: Run) -> None:
    everything = run.results()
    acids = run.results(database="acids", fdr=0.05)
    expected = everything[(everything["database"] == "acids") & (everything["fdr"] <= 0.05)]
    assert 0 < len(acids) < len(everything)
    pd.testing.assert_frame_equal(acids, expected)
    assert len(run.results(fdr=0)) == 0


def test_annotations_are_pairs_as_of_metaspaces_client(run: Run) -> None:
    frame = run.results(fdr=0.1)
    assert run.annotations() == list(frame.index)
    best = frame.iloc[0]
    assert run.annotations(return_vals=("ion", "fdr"))[0] == (best["ion"], best["fdr"])
    with pytest.raises(NotInResults, match=r"no column color; there are .*moleculeNames"):
        run.annotations(return_vals=("color",))


def test_an_unknown_database_is_named_with_those_there_are(run: Run) -> None:
    for ask in (run.results, run.diagnostics):
        with pytest.raises(NotInResults, match="no database 'hmdb'; it has acids, waxes"):
            ask(database="hmdb")


def test_text_that_looks_like_something_else_stays_text(results: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(results, tmp_path / "copy")
    table = (copy / "annotations.csv").read_text()
    first = rows(results)[0]
    changed = table.replace(f",{first['moleculeNames']},", ',"NA # 1",', 1)
    assert changed != table
    (copy / "annotations.csv").write_text(changed)
    list_again(copy, "annotations.csv")
    assert ionbox.open(copy).results()["moleculeNames"].iloc[0] == ["NA # 1"]


def test_names_with_commas_are_told_apart_only_if_there_are_as_many_as_ids() -> None:
    from ionbox.reading.annotation_frame import split_names

    assert split_names("a, b", 2) == ["a", "b"]
    assert split_names("1,2-diol, cis", 1) == ["1,2-diol, cis"]
    assert split_names("x, y, z", 2) == ["x, y, z"]


def test_diagnostics_have_every_annotation_with_its_scores(run: Run) -> None:
    scores = run.diagnostics()
    targets = scores[~scores["decoy"]].set_index(["database", "ion"])
    assert targets.index.is_unique
    for _, row in run.results().iterrows():
        found = targets.loc[(row["database"], row["ion"])]
        for name in ("msm", "fdr", "rhoSpatial", "rhoSpectral", "rhoChaos", "mz", "massError"):
            assert found[name] == pytest.approx(row[name], rel=1e-5), name
    decoys = scores[scores["decoy"]]
    assert len(decoys)
    assert decoys["fdr"].isna().all()
    assert not decoys["adduct"].isin(run.adducts).any()


def test_diagnostics_name_losses_and_modifications(results_with_losses: Path) -> None:
    run = ionbox.open(results_with_losses)
    scores = run.diagnostics()
    assert set(scores["neutralLoss"]) == {"", "-H2O"}
    assert set(scores["chemMod"]) == {"", "+C"}
    targets = scores[~scores["decoy"]]
    assert set(targets["adduct"]) == {"+H", "[M]+"}
    assert set(run.results()["ion"]) <= set(targets["ion"])
    annotated = run.results()
    row = annotated[annotated["neutralLoss"] == "-H2O"].iloc[0]
    formula, adduct = ion_of(row)
    images = run.isotope_images(formula, adduct, neutral_loss="-H2O", chem_mod=row["chemMod"])
    assert images[0].sum() == pytest.approx(row["totalIntensity"], rel=1e-5)


# --- images ---


def test_isotope_images_are_those_of_the_file(run: Run, results: Path) -> None:
    stored = images_of(results)
    for row in rows(results)[:10]:
        images = run.isotope_images(row["formula"], row["adduct"])
        assert len(images) == 4
        assert images[0].sum() == pytest.approx(float(row["totalIntensity"]), rel=1e-5)
        assert images.peak(0) == pytest.approx(float(row["mz"]), abs=1e-6)
        place = run.images.ion.to_index().get_loc(row["ion"])
        np.testing.assert_array_equal(np.stack(list(images)), run.images[place].values)
        assert any((np.stack(list(images)) == image).all() for image in stored)
        (first,) = run.isotope_images(row["formula"], row["adduct"], only_first_isotope=True)
        np.testing.assert_array_equal(first, images[0])


def test_images_are_scaled_as_by_metaspaces_client(run: Run) -> None:
    formula, adduct = run.annotations(fdr=1)[0]
    (raw,) = run.isotope_images(formula, adduct, only_first_isotope=True)
    (unit,) = run.isotope_images(formula, adduct, only_first_isotope=True, scale_intensity=False)
    np.testing.assert_allclose(unit, raw / raw.max())
    assert unit.max() == 1
    (tic,) = run.isotope_images(formula, adduct, only_first_isotope=True, scale_intensity="TIC")
    measured = run.tic_image() > 0
    np.testing.assert_allclose(tic[measured], raw[measured] / run.tic_image()[measured], rtol=1e-6)
    assert not tic[~measured].any()
    (clipped,) = run.isotope_images(formula, adduct, only_first_isotope=True, hotspot_clipping=True)
    cap = np.quantile(raw[raw > raw.max() / 256], 0.99)
    np.testing.assert_allclose(clipped, np.minimum(raw, cap), rtol=1e-6)
    with pytest.raises(InvalidConfig, match="'sum'; give True, False or 'TIC'"):
        run.isotope_images(formula, adduct, scale_intensity="sum")  # type: ignore[arg-type]


def test_an_ion_without_annotation_is_refused_with_what_there_is(run: Run) -> None:
    formula, _ = run.annotations(fdr=1)[0]
    with pytest.raises(NotInResults, match=rf"{formula}\+Li\+ was not annotated.*{formula}"):
        run.isotope_images(formula, "M+Li")
    with pytest.raises(LookupError, match=r"C1\+H\+ was not annotated, so it has no images\. diag"):
        run.isotope_images("C1", adduct="+H")


def test_all_annotation_images_are_in_the_order_of_the_table(run: Run) -> None:
    images = run.all_annotation_images(fdr=0.5, database="waxes")
    frame = run.results("waxes", 0.5)
    assert [(each.formula, each.adduct) for each in images] == list(frame.index)
    for each, total in zip(images, frame["totalIntensity"], strict=True):
        assert len(each) == 4  # METASPACE's default
        assert each[0].sum() == pytest.approx(total, rel=1e-5)
    first = run.all_annotation_images(fdr=0.5, database="waxes", only_first_isotope=True)
    assert [len(each) for each in first] == [1] * len(frame)


def test_images_are_read_only_when_looked_at(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ionbox.open(results)
    read: list[tuple[Any, ...]] = []
    take = ImageGroup.take

    def noted(group: ImageGroup, key: tuple[Any, ...]) -> npt.NDArray[np.float32]:
        read.append(key)
        return take(group, key)

    monkeypatch.setattr(ImageGroup, "take", noted)
    chosen = run.images.sel(ion=run.results()["ion"].iloc[0]).isel(isotope=0)
    assert chosen.sizes == {"y": 12, "x": 16}
    assert not read
    assert chosen.values.any()
    assert len(read) == 1


def test_the_tic_image_is_the_sum_of_all_peaks(run: Run) -> None:
    tic = run.tic_image()
    assert tic.dtype == np.float64
    tic[:] = 0  # a copy
    assert run.tic_image().any()


# --- colocalization ---


def test_colocalization_is_metaspaces_measure_of_the_images(run: Run, results: Path) -> None:
    expected = cosines(run.images.isel(isotope=0).values)
    place = {ion: index for index, ion in enumerate(run.images.ion.values)}
    pairs = run.colocalization()
    assert len(pairs) > 100
    for row in pairs.itertuples():
        cosine = expected[place[row.ion], place[row.partner]]
        assert row.coefficient == pytest.approx(cosine, abs=2e-3)


def test_colocalized_are_the_best_partners_with_their_facts(run: Run) -> None:
    ion = run.results()["ion"].iloc[0]
    frame = run.colocalized(ion, n=5)
    pairs = run.colocalization()
    expected = pairs[pairs["ion"] == ion].head(5)
    assert frame.index.tolist() == expected["partner"].tolist()
    assert frame["coefficient"].tolist() == expected["coefficient"].tolist()
    assert frame["mz"].notna().all()
    with pytest.raises(NotInResults, match=r"C1\+H\+ was not annotated"):
        run.colocalized("C1+H+")


def test_a_run_of_an_older_version_is_colocalized_when_asked(
    run: Run, results: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(results, tmp_path / "copy")
    (copy / COLOCALIZATION).unlink()
    pd.testing.assert_frame_equal(ionbox.open(copy).colocalization(), run.colocalization())


# --- isomers and isobars ---


def test_isomer_and_isobar_counts_follow_their_definitions(results_with_losses: Path) -> None:
    """Counted here the slow way, from names and the file's own m/z."""
    run = ionbox.open(results_with_losses)
    frame = run.results().reset_index()
    image = rows_of_ions(results_with_losses)
    mz, ppm = read_array(results_with_losses, "mz"), run.config["ppm"]
    for database, of_database in frame.groupby("database"):
        ions = of_database["ion"].tolist()
        rows_of_database = records_of(of_database)
        for ion, row in zip(ions, rows_of_database, strict=True):
            same = [other for other in ions if image[other] == image[ion]]
            assert row["isomeric_ions_count"] == len(same) - 1, (database, ion)
            molecules = {
                name
                for other in rows_of_database
                if image[other["ion"]] == image[ion]
                for name in other["moleculeIds"]
            }
            assert row["isomeric_mols_count"] == len(molecules) - 1, (database, ion)
            isobars = [
                other
                for other in ions
                if image[other] != image[ion] and are_isobars(mz[image[ion]], mz[image[other]], ppm)
            ]
            assert row["isobaric_ions_count"] == len(isobars), (database, ion)
    assert (frame["isomeric_ions_count"] > 0).any()
    assert (frame["isomeric_mols_count"] > 0).any()


def are_isobars(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64], ppm: float) -> bool:
    overlaps = [
        (i, j)
        for i, a in enumerate(one)
        for j, b in enumerate(other)
        if a > 0 and b > 0 and abs(a - b) <= (a + b) * ppm * 1e-6
    ]
    return (0, 0) in overlaps or len(overlaps) > 1


# --- what is not there ---


def test_what_is_no_results_folder_is_refused_with_a_sentence(
    results: Path, tmp_path: Path, bucket_results: str
) -> None:
    with pytest.raises(NoResults, match=r"nowhere is not there; give the results folder of a run"):
        ionbox.open("nowhere")
    with pytest.raises(NoResults, match=r"annotations\.csv is a file and holds no .*did you mean"):
        ionbox.open(results / "annotations.csv")
    with pytest.raises(
        NoResults, match=rf"holds no results \(no run\.json\); did you mean {results}\?"
    ):
        ionbox.open(results.parent)
    with pytest.raises(NoResults, match=r"no results folder: it has no run\.json"):
        ionbox.open(tmp_path)
    with pytest.raises(NoResults, match=r"no results folder: it has no run\.json"):
        ionbox.open(bucket_results.replace("r1", "r2"))
    with pytest.raises(NoResults, match=r"expected a folder or s3://BUCKET/results/DATASET/RUN"):
        ionbox.open("s3://the-lab")
    status = {"status": "failed", "message": "the disk is full"}
    (tmp_path / "status.json").write_text(json.dumps(status))
    with pytest.raises(NoResults, match=r"the run is 'failed'\. the disk is full"):
        ionbox.open(tmp_path)


def test_a_missing_file_is_named(results: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(results, tmp_path / "copy")
    shutil.rmtree(copy / "ion_images.zarr")
    (copy / "annotations.csv").unlink()
    run = ionbox.open(copy)
    with pytest.raises(NoResults, match=r"not whole: annotations\.csv is missing"):
        run.results()
    with pytest.raises(NoResults, match=r"not whole: ion_images\.zarr is missing"):
        run.tic_image()


def test_a_run_without_annotations_has_empty_tables_of_the_same_columns(
    run: Run, results: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(results, tmp_path / "copy")
    lines = (copy / "annotations.csv").read_text().splitlines(keepends=True)
    (copy / "annotations.csv").write_text("".join(lines[:2]))
    list_again(copy, "annotations.csv")
    empty = ionbox.open(copy)
    assert len(empty.results()) == 0
    pd.testing.assert_series_equal(empty.results().dtypes, run.results().dtypes)
    assert empty.annotations() == []
    assert empty.all_annotation_images() == []


# --- cost of importing ---


def test_importing_ionbox_is_cheap(project: Path) -> None:
    code = (
        "import sys, ionbox; dir(ionbox); assert ionbox.__all__;"
        "heavy = {'numpy', 'pandas', 'xarray', 'zarr', 'boto3', 'obstore'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    done = patience.run([sys.executable, "-c", code])
    assert done.returncode == 0, done.stderr
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ionbox.nothing


def test_help_imports_no_table_library() -> None:
    code = (
        "import sys; from ionbox.cli.main import build_parser; build_parser().format_help();"
        "assert not {'numpy', 'pandas', 'xarray', 'zarr'} & set(sys.modules)"
    )
    done = patience.run([sys.executable, "-c", code])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["../evil", "//evil", "a/../../evil", "a\\evil", "evil\0"])
def test_a_file_with_a_hostile_name_is_copied_nowhere(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    real = Store.list
    monkeypatch.setattr(Store, "list", lambda store, prefix: [name, *real(store, prefix)])
    with pytest.raises(UnsafeKey, match="cannot be a file below"):
        run.copy_to(tmp_path / "copy")
    assert list(tmp_path.rglob("*")) == []


def test_results_are_not_copied_through_a_link(run: Run, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    run.copy_to(tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "diagnostics")
    (tmp_path / "copy" / "diagnostics").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeKey, match="through a link that leads out"):
        run.copy_to(tmp_path / "copy")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_results_are_not_copied_onto_themselves_or_over_others(
    run: Run, results: Path, results_with_losses: Path, tmp_path: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*")}
    with pytest.raises(InvalidConfig, match="is where these results are"):
        run.copy_to(results)
    run.copy_to(tmp_path / "copy")
    run.copy_to(tmp_path / "copy")  # the same again is harmless
    other = ionbox.open(results_with_losses)
    with pytest.raises(InvalidConfig, match=f"has the results of another run, {run.id}"):
        other.copy_to(tmp_path / "copy")
    assert ionbox.open(tmp_path / "copy").id == run.id
    assert {path: path.stat().st_mtime_ns for path in results.rglob("*")} == before
