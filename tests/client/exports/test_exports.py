"""Results in the formats of other software."""

from __future__ import annotations

import csv
import importlib
import io
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import anndata
import ionbox
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import tifffile
from ionbox import exports
from ionbox.errors import MissingLibrary
from ionbox.export_formats import EXTENSIONS, FORMATS
from ionbox.exports import export, selection
from ionbox.exports.png_folder import encode_png
from ionbox.run import Run
from ionbox_science.errors import InvalidConfig
from PIL import Image

from tests.client.ion_images import open_array
from tests.client.operating import Command
from tests.viewing import list_again


@pytest.fixture(scope="session")
def run(results: Path) -> Run:
    return ionbox.open(results)


@pytest.fixture
def sparse(results: Path, tmp_path: Path) -> Run:
    """The run as if its first row of pixels had not been measured."""
    copy = shutil.copytree(results, tmp_path / "sparse")
    open_array(copy, "mask", "a")[0] = False
    open_array(copy, "images", "a")[:, :, 0] = 0
    open_array(copy, "tic", "a")[0] = 0
    return ionbox.open(copy)


@pytest.fixture
def apart(results: Path, tmp_path: Path) -> Run:
    """The run as if its right half had been measured 1,000 pixels further right."""
    import zarr

    copy = shutil.copytree(results, tmp_path / "apart")
    group = zarr.open_group(copy / "ion_images.zarr", mode="a")
    x, y = np.arange(16), np.arange(12)
    group.create_array("x", data=np.where(x < 8, x, x + 1000) + 5)
    group.create_array("y", data=y + 7)
    return ionbox.open(copy)


def test_pixels_lie_where_they_were_measured(apart: Run, run: Run, tmp_path: Path) -> None:
    x, y = apart.pixel_positions
    assert (x[[0, 7, 8]].tolist(), y[[0, 11]].tolist()) == ([0, 7, 1008], [0, 11])
    export(apart, "csv-pixels", tmp_path / "apart.csv", fdr=0.2)
    export(run, "csv-pixels", tmp_path / "whole.csv", fdr=0.2)
    moved, whole = pd.read_csv(tmp_path / "apart.csv"), pd.read_csv(tmp_path / "whole.csv")
    assert moved["x"].tolist() == [n if n < 8 else n + 1000 for n in whole["x"]]
    pd.testing.assert_frame_equal(moved.drop(columns="x"), whole.drop(columns="x"))
    spatial = apart.to_anndata(fdr=0.2).obsm["spatial"]
    assert set(spatial[:, 0]) == {*range(8), *range(1008, 1016)}


def unique_ions(run: Run, fdr: float, database: str | None = None) -> pd.DataFrame:
    frame = run.results(database, fdr)
    return frame[~frame["ion"].duplicated()]


# --- AnnData ---


def test_anndata_is_laid_out_as_by_metaspace_converter(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "run.h5ad"
    ions = unique_ions(run, 0.2)
    assert export(run, "anndata", path, fdr=0.2) == len(ions)
    table = anndata.read_h5ad(path)
    assert table.shape == (12 * 16, len(ions))
    assert table.X.dtype == np.float32
    assert table.obs.index.name == "ion_image_pixel"
    assert table.var.index.name == "formula_adduct"
    assert table.var_names.is_unique
    expected = [
        f"{formula}{adduct}" for formula, adduct in ions.index
    ]  # the run has neither modifications nor losses
    assert table.var_names.tolist() == expected
    for column in ("mz", "msm", "fdr"):
        np.testing.assert_allclose(table.var[column], ions[column])
    assert [json.loads(text) for text in table.var["moleculeIds"]] == ions["moleculeIds"].tolist()
    x, y = (table.obs[f"ion_image_pixel_{axis}"].to_numpy() for axis in "xy")
    assert (table.obs["ion_image_shape_y"] == 12).all()
    for place, ion in enumerate(ions["ion"]):
        image = run.images.sel(ion=ion, isotope=0).values
        np.testing.assert_array_equal(table.X[:, place], image[y, x])
    facts = table.uns["metaspace"]
    assert (facts["name"], facts["polarity"]) == ("tissue", "Positive")
    assert facts["image_size"] == {"x": 16, "y": 12}
    assert facts["config"]["ppm"] == 3
    assert table.uns["ionbox"]["run_id"] == run.id
    details = [facts["database_details"][str(place)] for place in range(2)]
    assert [(each["name"], each["n_molecules"]) for each in details] == [
        ("acids", 240),
        ("waxes", 304),
    ]
    parameters = facts["metaspace_to_anndata_parameters"]
    assert parameters["dataset_id"] == run.metadata["id"]
    assert (parameters["fdr"], bool(parameters["use_tic"])) == (0.2, False)
    assert "database" not in parameters  # an h5ad holds no None


def test_anndata_says_of_which_database_it_is(run: Run) -> None:
    facts = run.to_anndata(fdr=0.5, database=("acids", "v1"), use_tic=True).uns["metaspace"]
    parameters = facts["metaspace_to_anndata_parameters"]
    assert parameters["database"] == ["acids", "v1"]
    assert parameters["use_tic"] is True


def test_anndata_has_what_squidpy_looks_for(run: Run) -> None:
    """Its functions take coordinates from obsm['spatial'], as numbers, x before y, a row each."""
    table = run.to_anndata(fdr=0.2)
    spatial = table.obsm["spatial"]
    assert isinstance(spatial, np.ndarray)
    assert spatial.dtype == np.float64
    assert spatial.shape == (table.n_obs, 2)
    np.testing.assert_array_equal(spatial[:, 0], table.obs["ion_image_pixel_x"])
    np.testing.assert_array_equal(spatial[:, 1], table.obs["ion_image_pixel_y"])
    assert len({tuple(place) for place in spatial.tolist()}) == table.n_obs
    assert table.obs_names.is_unique
    assert all(isinstance(name, str) for name in table.obs_names)
    assert table.obs["measured"].all()


def test_anndata_can_be_fractions_of_the_tic_of_one_database(run: Run) -> None:
    table = run.to_anndata(fdr=0.5, database="acids", use_tic=True)
    plain = run.to_anndata(fdr=0.5, database="acids")
    tic = run.tic_image().ravel()
    np.testing.assert_allclose(table.X, plain.X / tic[:, None], rtol=1e-6)
    assert set(table.var["database"]) == {"acids"}
    assert table.uns["ionbox"]["intensity"] == "fraction of the total ion current"


def test_losses_and_modifications_make_names_of_their_own(results_with_losses: Path) -> None:
    table = ionbox.open(results_with_losses).to_anndata(fdr=1)
    assert table.var_names.is_unique
    lost = table.var[table.var["neutralLoss"] == "-H2O"]
    assert len(lost)
    assert all(name.endswith("-H2O") for name in lost.index)


@pytest.mark.filterwarnings("ignore")  # of the hundred packages, some call what others deprecate
def test_spatialdata_has_a_table_and_points(run: Run, tmp_path: Path) -> None:
    if find_spec("spatialdata") is None and not os.environ.get("CI"):
        pytest.skip("spatialdata is not installed: 'make TEST_ALL=1 test' installs it")
    spatialdata = importlib.import_module("spatialdata")
    path = tmp_path / "run.zarr"
    n_ions = export(run, "spatialdata", path, fdr=0.2)
    made = spatialdata.read_zarr(path)
    expected = run.to_anndata(fdr=0.2)
    assert n_ions == expected.n_vars
    table = made.tables["table"]
    assert table.var_names.tolist() == expected.var_names.tolist()
    np.testing.assert_array_equal(table.X, expected.X)
    assert set(table.obs["region"]) == {"maldi_points"}
    points = made.points["maldi_points"].compute()
    places = expected.obs[["ion_image_pixel_x", "ion_image_pixel_y"]].to_numpy()
    np.testing.assert_array_equal(points[["x", "y"]].to_numpy(), places)
    np.testing.assert_array_equal(points[expected.var_names].to_numpy(), expected.X)
    scale = spatialdata.transformations.get_transformation(made.points["maldi_points"])
    width, height = run.metadata["pixel_size_um"]
    np.testing.assert_array_equal(
        scale.to_affine_matrix(("x", "y"), ("x", "y")), np.diag([width, height, 1])
    )


# --- CSV ---


def test_pixels_are_rows_and_ions_columns(sparse: Run, tmp_path: Path) -> None:
    path = tmp_path / "pixels.csv"
    export(sparse, "csv-pixels", path, fdr=0.2)
    frame = pd.read_csv(path)
    ions = unique_ions(sparse, 0.2)["ion"].tolist()
    assert frame.columns.tolist() == ["x", "y", *ions]
    assert len(frame) == 11 * 16  # measured pixels only
    assert frame["y"].min() == 1
    for ion in ions[:5]:
        image = sparse.images.sel(ion=ion, isotope=0).values
        np.testing.assert_allclose(frame[ion], image[frame["y"], frame["x"]], rtol=1e-5)


def test_few_rows_at_a_time_make_the_same_files(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for to in ("csv-pixels", "png"):
        export(run, to, tmp_path / f"{to}-whole", fdr=0.2)
    monkeypatch.setattr(selection, "BLOCK_VALUES", 500)
    for to in ("csv-pixels", "png"):
        export(run, to, tmp_path / f"{to}-parts", fdr=0.2)
    whole, parts = tmp_path / "csv-pixels-whole", tmp_path / "csv-pixels-parts"
    assert whole.read_bytes() == parts.read_bytes()
    for path in (tmp_path / "png-whole").iterdir():
        assert path.read_bytes() == (tmp_path / "png-parts" / path.name).read_bytes()


def test_untrusted_text_is_inert_in_csv(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: property = vars(selection.Selection)["names"]
    monkeypatch.setattr(
        selection.Selection, "names", property(lambda self: ["=1+1", *names.__get__(self)[1:]])
    )
    monkeypatch.setattr(
        selection.Selection,
        "block",
        lambda self, chosen: np.zeros((len(self.ions), 12, 16), np.float32),
    )
    export(run, "csv-pixels", tmp_path / "pixels.csv", fdr=0.2)
    header = next(csv.reader(io.StringIO((tmp_path / "pixels.csv").read_text())))
    assert header[2] == "'=1+1"


def test_every_image_is_read_once_however_many_rows(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "BLOCK_VALUES", 12 * 16 * 3)
    read: list[str] = []
    block = selection.Selection.block

    def noted(chosen: selection.Selection, ions: list[str]) -> npt.NDArray[np.floating[Any]]:
        read.extend(ions)
        return block(chosen, ions)

    monkeypatch.setattr(selection.Selection, "block", noted)
    export(run, "csv-pixels", tmp_path / "pixels.csv", fdr=0.2)
    assert sorted(read) == sorted(unique_ions(run, 0.2)["ion"])
    stored = run.images.indexes["ion"]
    assert read == sorted(read, key=stored.get_loc)
    assert [path.name for path in tmp_path.iterdir()] == ["pixels.csv"]


# --- images ---


def test_ome_tiff_has_a_named_channel_per_ion(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "run.ome.tiff"
    ions = unique_ions(run, 0.2)["ion"].tolist()
    export(run, "ome-tiff", path, fdr=0.2)
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_ome
        assert tiff.series[0].axes == "CYX"
        values = tiff.asarray()
        root = ElementTree.fromstring(tiff.ome_metadata)
    channels = [e.get("Name") for e in root.iter() if e.tag.endswith("Channel")]
    assert channels == ions
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, run.images.sel(ion=ions, isotope=0).values)
    (pixels,) = [e for e in root.iter() if e.tag.endswith("}Pixels")]
    size, _ = run.record["dataset"]["pixel_size_um"]
    assert float(pixels.get("PhysicalSizeX", 0)) == size


def test_ome_tiff_says_the_size_of_a_pixel_where_it_is_known(results: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(results, tmp_path / "copy")
    record = json.loads((copy / "run.json").read_text())
    record["dataset"]["pixel_size_um"] = [50, 25]
    (copy / "run.json").write_text(json.dumps(record))
    export(ionbox.open(copy), "ome-tiff", tmp_path / "t.ome.tiff", fdr=0.2)
    with tifffile.TiffFile(tmp_path / "t.ome.tiff") as tiff:
        text = tiff.ome_metadata
    assert 'PhysicalSizeX="50.0"' in text
    assert 'PhysicalSizeY="25.0"' in text


def test_pngs_and_their_scales_give_the_intensities_back(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "images"
    ions = unique_ions(run, 0.2)["ion"].tolist()
    assert export(run, "png", out, fdr=0.2) == len(ions)
    listed = json.loads((out / "images.json").read_text())
    assert [entry["ion"] for entry in listed["images"]] == ions
    assert {path.name for path in out.glob("*.png")} == {e["file"] for e in listed["images"]}
    for entry in listed["images"]:
        assert re.fullmatch(r"[\w+\-\[\].]+", entry["file"])
        with Image.open(out / entry["file"]) as image:
            levels = np.asarray(image).astype(np.float64)
        expected = run.images.sel(ion=entry["ion"], isotope=0).values
        assert levels.max() == 65535
        step = entry["intensity_per_level"]
        np.testing.assert_allclose(levels * step, expected, atol=step * 0.51)


def test_an_empty_image_and_one_of_one_pixel_are_pngs(tmp_path: Path) -> None:
    for levels in (np.zeros((3, 2), np.uint16), np.full((1, 1), 1234, np.uint16)):
        with Image.open(io.BytesIO(encode_png(levels))) as image:
            np.testing.assert_array_equal(np.asarray(image), levels)


# --- the command, and what it refuses ---


def test_all_formats_are_offered(operate: Command) -> None:
    help_text = operate("export", "--help").out
    for name in FORMATS:
        assert f"``{name}``" in str(exports.__doc__)
        assert f"\n{name} " in help_text


def test_the_command_exports_a_folder_or_a_bucket(
    results: Path, bucket_results: str, tmp_path: Path, operate: Command
) -> None:
    for place, out in ((results, "a.csv"), (bucket_results, "b.csv")):
        ended = operate("export", place, "--to", "csv-pixels", "--out", tmp_path / out, "--tic")
        assert ended.code == 0
        assert re.match(r"\d+ ions: ", ended.out)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@pytest.mark.parametrize("to", [name for name in FORMATS if name != "spatialdata"])
def test_an_interrupted_export_leaves_nothing_and_can_be_made_again(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    images = selection.Selection.images
    pixels = selection.Selection.pixels

    def interrupt(self: selection.Selection, *folder: Path) -> Iterator[np.ndarray]:
        yield next(pixels(self, *folder) if folder else images(self))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(selection.Selection, "images", interrupt)
        patch.setattr(selection.Selection, "pixels", interrupt)
        with pytest.raises(KeyboardInterrupt):
            export(run, to, tmp_path / "out", fdr=0.2)
    assert not list(tmp_path.iterdir())
    (tmp_path / ".out.incoming").mkdir()  # as of a process that was killed
    (tmp_path / ".out.incoming" / "old.png").write_bytes(b"")
    assert export(run, to, tmp_path / "out", fdr=0.2)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert not (tmp_path / "out" / "old.png").exists()


@pytest.mark.parametrize(
    ("to", "name", "right"),
    [
        ("anndata", "h.csv", "csv-pixels is, and anndata .* a name that ends in .h5ad"),
        ("csv-pixels", "a.OME.TIFF", "ome-tiff is, and csv-pixels .* ends in .csv"),
        ("png", "images.zarr", "spatialdata is, and png would be written; give a folder"),
    ],
)
def test_a_name_of_another_format_is_refused(
    run: Run, tmp_path: Path, to: str, name: str, right: str
) -> None:
    with pytest.raises(InvalidConfig, match=f"{name} is named as {right}"):
        export(run, to, tmp_path / name)
    assert not list(tmp_path.iterdir())
    assert EXTENSIONS.keys() == FORMATS.keys()


def test_no_fdr_is_advised_where_nothing_is_annotated(results: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(results, tmp_path / "copy")
    lines = (copy / "annotations.csv").read_text().splitlines(keepends=True)
    (copy / "annotations.csv").write_text("".join(lines[:2]))
    list_again(copy, "annotations.csv")
    with pytest.raises(InvalidConfig, match="has no annotations of acids, nothing to export"):
        export(ionbox.open(copy), "png", tmp_path / "out", database="acids")


def test_what_cannot_be_exported_is_said(run: Run, results: Path, operate: Command) -> None:
    with pytest.raises(InvalidConfig, match="no annotations of acids up to an FDR of 0"):
        export(run, "png", results.parent / "none", fdr=0, database="acids")
    ended = operate("export", results, "--to", "png", "--out", results)
    assert (ended.code, ended.err) == (1, f"error: {results} exists; give another name\n")
    with pytest.raises(InvalidConfig, match=r"no format 'mat'; give one of anndata, "):
        export(run, "mat", results.parent / "none")


@pytest.mark.parametrize(
    ("to", "library", "extra"),
    [
        ("anndata", "anndata", "export"),
        ("ome-tiff", "tifffile", "export"),
        ("spatialdata", "spatialdata", "spatialdata"),
    ],
)
def test_a_missing_library_is_named_with_the_command_that_installs_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str, library: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    line = rf"\.venv/bin/pip install -e '\.\[{extra}\]'$"
    words = rf"need {library}, which is not installed .*in ionbox's folder: {line}"
    with pytest.raises(MissingLibrary, match=words):
        export(run, to, tmp_path / "out")
    assert not (tmp_path / "out").exists()
