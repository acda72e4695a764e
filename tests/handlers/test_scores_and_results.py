"""PlanAnnotation, AnnotateSegments, EstimateFdr, RenderImages, PublishResults."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import obstore
import pytest
import zarr
from ionbox_cloud import keys
from ionbox_cloud.errors import DamagedObject, InternalError, MissingOutput
from ionbox_cloud.messages import DatabaseFile
from ionbox_cloud.planning import work_items
from ionbox_cloud.published import COLOCALIZATION
from ionbox_cloud.report.report_file import read_partners, read_report
from ionbox_cloud.report.rows import Partner
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.storage.zarr_folder import ZarrFolder
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.dataset import read_stored_header
from ionbox_cloud.stored.images import read_image_list
from ionbox_cloud.stored.patterns import read_patterns
from ionbox_science.annotation.annotations import Annotations
from ionbox_science.annotation.colocalization import Colocalization
from ionbox_science.imzml.header import read_header
from ionbox_science.imzml.spectra import Peaks, read_peaks
from ionbox_science.imzml.spectrum_index import unpack_index
from ionbox_science.scoring.ion_images import Grid
from ionbox_science.scoring.scores import score_ions
from ionbox_science.theory.ions import IonTable

from tests.handlers.in_memory import DATABASES, SETTINGS, InMemoryRun, step_of
from tests.imzml_builder import Pair, range_reader
from tests.oracles.colocalization import cosines
from tests.oracles.peak_sorting import sort_peaks

NewRun = Callable[..., InMemoryRun]


def open_array(group: zarr.Group, name: str) -> zarr.Array[Any]:
    array = group[name]
    assert isinstance(array, zarr.Array)
    return array


def read_array(group: zarr.Group, name: str) -> npt.NDArray[Any]:
    return np.asarray(open_array(group, name)[...])


def all_peaks(pair: Pair) -> Peaks:
    return read_peaks(read_header(pair.source, "tissue.imzML"), range_reader(pair.ibd))


# --- PlanAnnotation -------------------------------------------------------------------------------


def test_every_ion_is_in_one_item(run: InMemoryRun) -> None:
    run.run_before("AnnotateSegments")
    assert run.answers["PlanAnnotation"]["n_items"] == 2
    for index, database in enumerate(run.planned.databases):
        ions = run.stores.work.read_arrays(keys.ions(database.patterns_id))
        n_ions = IonTable.from_arrays(ions).n_ions
        items = [item for item in run.items("AnnotateSegments") if item["database"] == index]
        assert [ion for item in items for ion in range(item["start"], item["stop"])] == list(
            range(n_ions)
        )
        assert run.stores.work.read_json(keys.score_ranges(run.execution_id, index)) == {
            "scores_id": database.scores_id,  # too few calibrants for another
            "ranges": [[item["start"], item["stop"]] for item in items],
        }


def test_only_missing_items_are_listed(run: InMemoryRun) -> None:
    run.run_before("EstimateFdr")
    assert run.again().run_before("AnnotateSegments").items("AnnotateSegments") == []
    run.stores.inbox.write("databases/new.tsv", b"formula\nC6H12O6\n")
    databases = (*run.request.databases, DatabaseFile("new", "databases/new.tsv"))
    more = run.again("attempt 3")
    more.request = replace(run.request, databases=databases)
    (item,) = more.run_before("AnnotateSegments").items("AnnotateSegments")
    assert (item["item"], item["database"]) == (0, 2)
    assert item["output_key"].startswith(keys.scores(more.planned.databases[2].scores_id))


def test_finished_scores_are_not_planned_again(run: InMemoryRun) -> None:
    run.run_before("RenderImages")
    again = run.again()
    assert again.run_before("AnnotateSegments").answers["PlanAnnotation"]["n_items"] == 0


# --- gathering ------------------------------------------------------------------------------------

GATHERED = [
    ("GenerateIsotopePatterns", "PlanRecalibration", r"isotope patterns of ions 0-\d+"),
    ("MeasureMzErrors", "PlanAnnotation", r"m/z errors of ions 0-\d+ of database 0"),
    ("AnnotateSegments", "EstimateFdr", r"scores of ions 0-\d+ of database 0"),
    ("RenderImages", "PublishResults", r"images of ions 0-\d+"),
    ("CompareImages", "PublishResults", r"partners of images 0-\d+"),
]
each_map = pytest.mark.parametrize(("state", "after", "item"), GATHERED)


@pytest.mark.usefixtures("many_images")
@each_map
def test_an_item_that_left_nothing_is_named(
    run: InMemoryRun, state: str, after: str, item: str
) -> None:
    run.run_before(state)
    output_key = run.items(state)[0]["output_key"]
    words = rf"^{state} item 0 \({item}\) ended without output '{output_key}'; run again"
    with pytest.raises(MissingOutput, match=words):
        run.run(after)


@pytest.mark.usefixtures("many_images")
@each_map
def test_a_recorded_failure_is_raised_under_its_own_name(
    run: InMemoryRun, state: str, after: str, item: str
) -> None:
    run.run_before(after)
    cause = '{"errorMessage": "no object \'a\'", "errorType": "MissingObject", "stackTrace": []}'
    run.fail_item(state, 0, "MissingObject", cause)
    with pytest.raises(InternalError) as caught:
        run.run(after)
    assert type(caught.value).__name__ == "MissingObject"
    caught.match(rf"^{state} item 0 \({item}\): no object 'a'$")


def test_of_several_failures_the_first_in_item_order_is_raised(run: InMemoryRun) -> None:
    run.run_before("EstimateFdr")
    run.fail_item("AnnotateSegments", 1, "MemoryError", "wanted 9 GB")
    run.fail_item("AnnotateSegments", 0, "Runtime.ExitError", "signal: killed")
    with pytest.raises(InternalError, match=r"^AnnotateSegments item 0 .*killed \(2 items") as seen:
        run.run("EstimateFdr")
    assert type(seen.value).__name__ == "Runtime.ExitError"


def test_failures_of_an_earlier_attempt_do_not_count(run: InMemoryRun) -> None:
    run.run_before("EstimateFdr")
    run.fail_item("AnnotateSegments", 0, "Runtime.ExitError", "signal: killed")
    assert run.again().run_all().answers["PublishResults"]["n_annotations"] > 0


# --- AnnotateSegments -----------------------------------------------------------------------------


def test_an_item_holds_the_scores_of_its_ions(run: InMemoryRun, tissue: Pair) -> None:
    run.run_before("EstimateFdr")
    plan, work = run.planned, run.stores.work
    header = read_header(tissue.source, "tissue.imzML")
    peaks = sort_peaks(all_peaks(tissue))
    for item in run.items("AnnotateSegments"):
        patterns_id = plan.databases[item["database"]].patterns_id
        table = IonTable.from_arrays(work.read_arrays(keys.ions(patterns_id)))
        patterns = read_patterns(work, patterns_id, 0, table.n_ions)
        assert (patterns.is_target == table.is_target).all()
        mz_range = float(peaks.mz[0]), float(peaks.mz[-1])
        options = plan.config.image_options
        expected = score_ions(peaks, patterns, Grid(header.mask), options, mz_range, 0)
        found = work.read_arrays(item["output_key"])
        assert len(found["ion"]) > 0
        for name, array in expected.to_arrays().items():
            np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_peaks_read_in_several_batches_give_the_same_scores(
    run: InMemoryRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.run_before("EstimateFdr")
    items = run.items("AnnotateSegments")
    at_once = [run.stores.work.read(item["output_key"]) for item in items]
    step = step_of("AnnotateSegments")
    for batch in (1, 7, 1000):
        monkeypatch.setitem(step.__globals__, "ions_per_read", lambda *counts, n=batch: n)
        run.run("AnnotateSegments")
        assert [run.stores.work.read(item["output_key"]) for item in items] == at_once


# --- EstimateFdr and RenderImages -----------------------------------------------------------------


def test_each_database_gets_its_annotations_and_diagnostics(run: InMemoryRun) -> None:
    run.run_before("RenderImages")
    plan = run.planned
    for index, database in enumerate(plan.databases):
        arrays = run.stores.work.read_arrays(keys.run_annotations(plan.run_id, index))
        annotations = Annotations.from_arrays(arrays)
        assert len(annotations.fdr) > 0
        assert (annotations.fdr < 1).all()
        name = f"diagnostics/{database.name}.npz"
        diagnostics = run.stores.results.read_arrays(
            keys.results(plan.dataset_id, plan.run_id, name)
        )
        assert {"ions_formulas", "ions_decoy_ion", "scores_msm", "fdr"} <= diagnostics.keys()
        n_targets = len(plan.config.adducts)
        assert diagnostics["fdr"].shape == (len(diagnostics["ions_formulas"]), n_targets)


def test_an_ion_of_two_databases_is_drawn_once_by_ascending_mass(run: InMemoryRun) -> None:
    run.run_before("RenderImages")
    plan, work = run.planned, run.stores.work
    images = read_image_list(work, plan.run_id)
    of_databases = [
        set(work.read_arrays(keys.run_annotations(plan.run_id, index))["ion_formula"].tolist())
        for index in range(2)
    ]
    assert of_databases[0] & of_databases[1]
    assert sorted(images.ion_formula.tolist()) == sorted(of_databases[0] | of_databases[1])
    assert (np.diff(images.mz[:, 0]) > 0).all()
    assert run.answers["EstimateFdr"]["n_items"] == 1


@pytest.mark.parametrize("ions_per_item", [None, 3])
def test_images_are_the_intensities_in_the_windows(
    run: InMemoryRun,
    tissue: Pair,
    monkeypatch: pytest.MonkeyPatch,
    ions_per_item: int | None,
) -> None:
    if ions_per_item:
        monkeypatch.setattr(work_items, "IMAGE_CELLS_PER_SHARD", ions_per_item * 4 * 6 * 8)
        monkeypatch.setattr(work_items, "IMAGE_CELLS_PER_CHUNK", 2 * 6 * 8)
    run.run_all()
    assert (len(run.items("RenderImages")) > 2) == (ions_per_item is not None)
    plan, peaks = run.planned, all_peaks(tissue)
    folder = keys.results(plan.dataset_id, plan.run_id, "ion_images.zarr")
    store = ZarrFolder(run.stores.results.objects_below(folder))
    group = zarr.open_group(store, mode="r")
    listed = read_image_list(run.stores.work, plan.run_id)
    assert read_array(group, "ion_formula").tolist() == listed.ion_formula.tolist()
    np.testing.assert_array_equal(read_array(group, "mz"), listed.mz)
    np.testing.assert_array_equal(read_array(group, "abundance"), listed.abundance)
    assert (listed.abundance.max(axis=1) == 100).all()
    assert read_array(group, "mask").all()
    images = read_array(group, "images")
    assert images.shape == (*listed.mz.shape, 6, 8)
    assert images.dtype == np.float32
    for ion_image, mz in zip(images, listed.mz, strict=True):
        for image, middle in zip(ion_image, mz, strict=True):
            inside = np.abs(peaks.mz - middle) <= middle * 3e-6
            expected = np.bincount(peaks.pixel[inside], peaks.intensity[inside], 48)
            np.testing.assert_allclose(image.ravel(), expected, rtol=1e-6)
    np.testing.assert_allclose(
        read_array(group, "tic").ravel(), np.bincount(peaks.pixel, peaks.intensity, 48)
    )


def test_a_run_that_broke_off_after_its_images_were_laid_out_is_finished_by_the_next(
    run: InMemoryRun,
) -> None:
    run.run_before("PublishResults")
    again = run.again().run_all()
    folder = keys.results(again.planned.dataset_id, again.planned.run_id)
    store = ZarrFolder(run.stores.results.objects_below(f"{folder}/ion_images.zarr"))
    group = zarr.open_group(store, mode="r")
    listed = read_image_list(run.stores.work, again.planned.run_id)
    assert read_array(group, "ion_formula").tolist() == listed.ion_formula.tolist()
    assert run.stores.results.exists(f"{folder}/run.json")


def cut_into(monkeypatch: pytest.MonkeyPatch, ions_per_shard: int, most_items: int) -> None:
    """Let an object have images of few ions, and a run few items."""
    monkeypatch.setattr(work_items, "IMAGE_CELLS_PER_SHARD", ions_per_shard * 4 * 6 * 8)
    monkeypatch.setattr(work_items, "IMAGE_CELLS_PER_CHUNK", 6 * 8)
    monkeypatch.setattr(work_items, "MOST_IMAGE_ITEMS", most_items)


def what_is_seen(run: InMemoryRun) -> dict[str, Any]:
    """Table and colocalization, and the images in the report."""
    results = run.stores.results
    folder = keys.results(run.planned.dataset_id, run.planned.run_id)
    report = results.read(f"{folder}/report.html")
    names = ("annotations.csv", "diagnostics/colocalization.npz")
    return {
        "images": re.findall(rb'id="image-.*?</script>', report),
        "rows": read_report(report)["annotations"],
        **{name: results.read(f"{folder}/{name}") for name in names},
    }


def test_results_are_the_same_however_images_are_cut(
    run: InMemoryRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = what_is_seen(run.run_all())
    assert len(expected["images"]) > 5
    # parts that begin within a tile of three images, and items of several shards
    for attempt, (ions_per_shard, most_items) in enumerate([(1, 99), (2, 99), (2, 3), (1, 2)]):
        cut_into(monkeypatch, ions_per_shard, most_items)
        run.stores.results.delete(run.stores.results.list("results"))
        again = run.again(f"attempt-{attempt}").run_all()
        items = again.items("RenderImages")
        shards = run.stores.results.list("results")
        n_shards = sum("/images/c/" in key for key in shards)
        assert len(items) <= most_items < 99 or len(items) == n_shards
        assert n_shards > 3
        assert what_is_seen(again) == expected


def test_drawing_an_item_again_writes_the_same_bytes(run: InMemoryRun) -> None:
    run.run_before("PublishResults")
    parts = ("/prepared-", "/pictures-")
    listed = run.stores.work.list("runs")
    keys_of_images = [key for key in listed if any(part in key for part in parts)]
    before = [run.stores.work.read(key) for key in keys_of_images]
    run.run("RenderImages")
    assert [run.stores.work.read(key) for key in keys_of_images] == before
    assert len(before) == 2 * len(run.items("RenderImages"))


Part = dict[str, npt.NDArray[Any]]
OTHER_PARTS: Mapping[tuple[str, str], Callable[[Part], Part]] = {
    ("pictures", "no starts"): lambda part: {name: part[name] for name in part if name != "start"},
    ("pictures", "fewer ions"): lambda part: part | {"n_bytes": part["n_bytes"][1:]},
    ("pictures", "fewer bytes"): lambda part: part | {"packed": part["packed"][1:]},
    ("prepared", "no bits"): lambda part: {"vectors": part["vectors"]},
    ("prepared", "other images"): lambda part: part | {"filled": part["filled"][:-1]},
    ("prepared", "fewer pixels"): lambda part: part | {"vectors": part["vectors"][1:]},
}


@pytest.mark.parametrize(("what", "change"), [(k[0], v) for k, v in OTHER_PARTS.items()])
def test_what_was_left_of_other_images_is_not_taken(
    run: InMemoryRun, what: str, change: Callable[[Part], Part]
) -> None:
    run.run_before("PublishResults")
    (item,) = run.items("RenderImages")
    find = keys.prepared_images if what == "prepared" else keys.pictures
    key = find(run.planned.run_id, item["start"], item["stop"])
    run.stores.work.write_arrays(key, change(run.stores.work.read_arrays(key)))
    with pytest.raises(DamagedObject, match=key):
        run.run("PublishResults")


def test_nothing_that_annotates_imports_zarr(
    run: InMemoryRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes 0.2 s."""
    monkeypatch.setitem(sys.modules, "zarr", None)
    run.run_all()


# --- PublishResults -------------------------------------------------------------------------------


def test_publishing_asks_by_the_item_and_reads_no_image(
    run: InMemoryRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.run_all()  # so that all attempts to come find the same things done
    asked: list[str] = []
    for name in ("get", "get_range", "head"):
        real = getattr(obstore, name)

        def ask(store: Any, key: str, *args: Any, real: Any = real, **options: Any) -> Any:
            asked.append(key)
            return real(store, key, *args, **options)

        monkeypatch.setattr(obstore, name, ask)
    n_asked = []
    for attempt, (ions_per_shard, most_items) in enumerate([(1, 2), (1, 4), (2, 4)]):
        cut_into(monkeypatch, ions_per_shard, most_items)
        run.stores.results.delete(run.stores.results.list("results"))
        again = run.again(f"attempt-{attempt}").run_before("PublishResults")
        asked.clear()
        again.run("PublishResults")
        assert not [key for key in asked if "ion_images.zarr" in key]
        n_asked.append((len(again.items("RenderImages")), len(asked)))
    (few, asked_of_few), *others = n_asked
    for n_items, n in others:
        assert n_items > few
        assert n == asked_of_few + 4 * (n_items - few)


def test_a_learned_score_ranks_and_is_what_the_table_says(stores: Stores, tissue: Pair) -> None:
    def publish(scoring: str) -> tuple[RunPlan, list[dict[str, str]], dict[str, Any]]:
        run = InMemoryRun.of(stores, tissue, DATABASES, {**SETTINGS, "scoring": scoring}).run_all()
        folder = run.answers["PublishResults"]["results_key"]
        _, *lines = stores.results.read(f"{folder}/annotations.csv").decode().splitlines()
        rows = list(csv.DictReader(lines))
        return run.planned, rows, stores.results.read_json(f"{folder}/run.json")

    plain, of_msm, said_of_msm = publish("msm")
    learned, rows, said = publish("metaspace-ml-animal")
    assert said_of_msm["score"]["name"] == "msm"
    assert said["score"] | {"model_sha256": said["score"]["model_sha256"][:8]} == {
        "name": "metaspace-ml-animal",
        "citation": "doi:10.1038/s41467-024-52213-9",
        "model_sha256": "86b7de18",
        "mz_errors": "1 - |error|",
    }
    # the ions' metrics are the same, found under their identity; only what ranks is not
    assert plain.databases == learned.databases
    assert plain.run_id != learned.run_id
    assert len(rows) > 5
    msm = {(row["database"], row["ion"]): float(row["msm"]) for row in of_msm}
    for row in rows:
        product = float(row["rhoChaos"]) * float(row["rhoSpatial"]) * float(row["rhoSpectral"])
        if (ion := (row["database"], row["ion"])) in msm:
            assert product == pytest.approx(msm[ion], rel=1e-4)
        assert product > 0
        assert float(row["msm"]) != pytest.approx(product, rel=1e-4)


def test_results_are_a_table_and_a_record(run: InMemoryRun) -> None:
    answer = run.run_all().answers["PublishResults"]
    plan, results = run.planned, run.stores.results
    assert answer["results_key"] == keys.results(plan.dataset_id, plan.run_id)
    _, *lines = results.read(f"{answer['results_key']}/annotations.csv").decode().splitlines()
    rows = list(csv.DictReader(lines))
    assert len(rows) == answer["n_annotations"] > 0
    assert {row["database"] for row in rows} == {"acids", "waxes"}
    assert {row["datasetId"] for row in rows} == {plan.dataset_id}
    record = results.read_json(f"{answer['results_key']}/run.json")
    assert record["config"] == plan.config.to_json()
    assert record["n_annotations"] == len(rows)
    counted = [n for row in record["summary"] for n in [row["counts"]["0.5"]]]
    assert sum(counted) == sum(float(row["fdr"]) <= 0.5 for row in rows)
    assert record["segments_id"] == plan.segments_id
    assert record["sources"] == {
        "segments": keys.segments(plan.segments_id),
        "ibd": plan.dataset.ibd_key,
        "ibd_etag": plan.ibd_etag,
    }
    expected = record["forecast"]["states"]
    assert set(record["states"]) <= set(expected)
    assert all(expected[state]["duration_s"] > 0 for state in record["states"])
    status = results.read_json(keys.status(run.execution_id))
    assert (status["status"], status["reused"]) == ("succeeded", False)
    assert status["results"] == answer["results_key"]


def test_results_say_where_each_spectrum_is(run: InMemoryRun) -> None:
    folder = run.run_all().answers["PublishResults"]["results_key"]
    header = unpack_index(run.stores.results.read_arrays(f"{folder}/spectrum_index.npz"))
    stored = read_stored_header(run.stores.work, run.planned.segments_id).to_arrays()
    for name, array in header.to_arrays().items():
        np.testing.assert_array_equal(array, stored[name])


def test_a_report_does_not_say_where_the_data_lie(run: InMemoryRun) -> None:
    folder = run.run_all().answers["PublishResults"]["results_key"]
    report = run.stores.results.read(f"{folder}/report.html")
    assert run.planned.dataset.ibd_key.encode() not in report


def test_a_report_shows_the_table_and_the_record(run: InMemoryRun) -> None:
    folder = run.run_all().answers["PublishResults"]["results_key"]
    results = run.stores.results
    _, *lines = results.read(f"{folder}/annotations.csv").decode().splitlines()
    rows = list(csv.DictReader(lines))
    shown = read_report(results.read(f"{folder}/report.html"))
    for row, found in zip(rows, shown["annotations"], strict=True):
        for name in ("ion", "formula", "adduct", "chemMod", "neutralLoss", "database"):
            assert row[name] == found[name]
        for name in ("mz", "massError", "msm", "fdr", "rhoChaos", "maxIntensity"):
            assert float(row[name]) == pytest.approx(found[name], rel=1e-5)
        assert row["moleculeNames"] == ", ".join(each["name"] for each in found["molecules"])
        assert int(row["isomeric_mols_count"]) == found["isomers"]
        assert int(row["isomeric_ions_count"]) == len(found["isomerIons"])
        assert int(row["isobaric_ions_count"]) == found["isobars"] == len(found["isobarIons"])
    record = results.read_json(f"{folder}/run.json")
    for database in record["databases"]:
        assert database["n_targets"] >= database["n_measured"] > 0
        of_it = [row["msm"] for row in shown["annotations"] if row["database"] == database["name"]]
        assert database["best_msm"] >= max(of_it) - 1e-6
    # concerns nobody who gets the report, or is about its own file
    del record["sources"], record["files"], record["sha256"]
    assert record.items() <= {**shown, "dataset": record["dataset"]}.items()
    assert shown["omitted"] == {"annotations": 0, "images": 0, "isotopes": 0}


def test_a_report_names_colocalized_partners_if_there_are_any(run: InMemoryRun) -> None:
    run.run_before("PublishResults")
    folder = keys.results(run.planned.dataset_id, run.planned.run_id)
    arrays = {
        "ion": np.array(["A", "B", "C"]),
        "partner": np.array([[1, 2], [0, -1], [0, 1]], np.int32),
        "coefficient": np.array([[0.5, 0.25], [0.5, 0], [0.25, 0.125]], np.float32),
    }
    run.stores.results.write_arrays(f"{folder}/diagnostics/colocalization.npz", arrays)
    assert read_partners(run.stores.results, f"{folder}/{COLOCALIZATION}") == {
        "A": [Partner("B", 0.5), Partner("C", 0.25)],
        "B": [Partner("A", 0.5)],
        "C": [Partner("A", 0.25), Partner("B", 0.125)],
    }


def test_ions_in_the_same_places_are_part_of_the_results(run: InMemoryRun) -> None:
    folder = run.run_all().answers["PublishResults"]["results_key"]
    found = Colocalization.from_arrays(
        run.stores.results.read_arrays(f"{folder}/diagnostics/colocalization.npz")
    )
    store = ZarrFolder(run.stores.results.objects_below(f"{folder}/ion_images.zarr"))
    images = open_array(zarr.open_group(store, mode="r"), "images")
    image_of: Any = images.attrs["image_of"]
    assert set(found.ion) == set(image_of)
    n_ions = len(image_of)
    assert found.partner.shape == found.coefficient.shape == (n_ions, min(100, n_ions - 1))
    expected = cosines(np.asarray(images[:, 0]))
    rows = [image_of[ion] for ion in found.ion]
    for ion, place in np.argwhere(found.partner >= 0):
        cosine = expected[rows[ion], rows[found.partner[ion, place]]]
        assert found.coefficient[ion, place] == pytest.approx(cosine, abs=2e-3)


def test_publishing_twice_is_harmless(run: InMemoryRun) -> None:
    def published() -> dict[str, bytes]:
        store = run.stores.results
        return {key: store.read(key) for key in store.list("") if "executions/" not in key}

    first = run.run_all().answers["PublishResults"]
    before = published()
    assert run.run("PublishResults") == first
    again = run.again()
    assert again.plan().published is True
    assert again.run("PublishResults") == first
    assert published() == before
    status = run.stores.results.read_json(keys.status(again.execution_id))
    assert (status["status"], status["reused"]) == ("succeeded", True)


def test_a_run_without_annotations_is_published_too(new_run: NewRun) -> None:
    run = new_run(SETTINGS, databases={"absent": b"formula\nC100H50\n"})
    answer = run.run_all().answers
    assert answer["EstimateFdr"]["n_items"] == 0
    assert answer["PublishResults"]["n_annotations"] == 0
    _, header = (
        run.stores.results.read(f"{answer['PublishResults']['results_key']}/annotations.csv")
        .decode()
        .splitlines()
    )
    assert header.startswith("group,datasetName,")
