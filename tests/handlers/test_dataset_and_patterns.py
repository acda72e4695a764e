"""SegmentSpectra, BuildIons, GenerateIsotopePatterns: what is computed once and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pytest
from ionbox_cloud import keys
from ionbox_cloud.errors import MissingObject
from ionbox_cloud.stored.segments import SegmentReader
from ionbox_science.errors import InvalidDataset
from ionbox_science.imzml.header import read_header
from ionbox_science.imzml.spectra import read_peaks
from ionbox_science.theory.databases import parse_database
from ionbox_science.theory.ions import IonTable, build_ions
from ionbox_science.theory.isotope_patterns import generate_patterns

from tests.handlers.in_memory import STATES, InMemoryRun
from tests.imzml_builder import Pair, build_pair, range_reader

NewRun = Callable[..., InMemoryRun]
TABLE = {"one": b"formula\nC6H12O6\n"}
UP_TO_PLAN = STATES[: STATES.index("PlanAnnotation") + 1]


# --- SegmentSpectra -------------------------------------------------------------------------------


def test_segments_hold_every_peak_once_sorted(run: InMemoryRun, tissue: Pair) -> None:
    answer = run.run_all(["SegmentSpectra"]).answers["SegmentSpectra"]
    peaks = read_peaks(read_header(tissue.source, "tissue.imzML"), range_reader(tissue.ibd))
    order = np.argsort(peaks.mz, kind="stable")
    found = SegmentReader(run.stores.results, run.planned.segments_id).read(0.0, np.inf)
    np.testing.assert_array_equal(found.mz, peaks.mz[order])
    np.testing.assert_array_equal(found.intensity, peaks.intensity[order])
    np.testing.assert_array_equal(found.pixel, peaks.pixel[order])
    assert answer == {"n_peaks": len(peaks), "n_segments": 1}


def test_the_total_ion_current_is_an_image(run: InMemoryRun, tissue: Pair) -> None:
    run.run_all(["SegmentSpectra"])
    tic = run.stores.results.read_arrays(keys.tic(run.planned.segments_id))["tic"]
    peaks = read_peaks(read_header(tissue.source, "tissue.imzML"), range_reader(tissue.ibd))
    assert tic.shape == (6, 8)
    assert tic.sum() == peaks.intensity.sum(dtype=np.float64)
    assert tic[0, 3] == peaks.intensity[peaks.pixel == 3].sum(dtype=np.float64)


def test_an_ibd_that_changed_since_it_was_checked_is_refused(run: InMemoryRun) -> None:
    run.plan()
    run.stores.inbox.write("tissue.ibd", b"other bytes")
    with pytest.raises(InvalidDataset, match=r"tissue\.ibd changed while it was being annotated"):
        run.run("SegmentSpectra")
    assert not run.stores.results.exists(keys.segments_manifest(run.planned.segments_id))


def test_an_ibd_that_is_gone_since_it_was_checked_is_refused(new_run: NewRun) -> None:
    run = new_run()
    run.plan()
    plan = run.planned.to_json()
    plan["dataset"]["ibd_key"] = "moved/tissue.ibd"
    run.stores.work.write_json(keys.run_plan(run.ref.execution_id), plan)
    with pytest.raises(InvalidDataset, match=r"moved/tissue\.ibd changed while"):
        run.run("SegmentSpectra")


def test_a_dataset_whose_intensities_are_all_zero_is_refused(new_run: NewRun) -> None:
    zeros = build_pair([([100.0, 200.0], [0.0, 0.0])] * 3)
    run = new_run(pair=zeros, databases=TABLE)
    run.plan()
    with pytest.raises(InvalidDataset, match="tissue: no peak has an intensity above zero"):
        run.run("SegmentSpectra")


def test_the_declared_checksum_is_compared(new_run: NewRun, tissue: Pair) -> None:
    true = hashlib.sha1(tissue.ibd, usedforsecurity=False).hexdigest()
    wrong = "0" * 40
    undeclared = tissue.edited('accession="IMS:1000091"', 'accession="IMS:1999999"')
    cases = [
        (tissue, "sha1", true, "matches"),
        (tissue.edited(true, wrong), "sha1", true, "differs"),
        (undeclared, "sha256", hashlib.sha256(tissue.ibd).hexdigest(), "not declared"),
    ]
    for pair, *expected in cases:
        run = new_run(pair=pair).run_all(["SegmentSpectra"])
        found = run.checksum
        assert [found.algorithm, found.digest, found.verdict] == expected


@pytest.mark.parametrize("damage", [np.nan, -5.0, np.inf, 0.0])
def test_damage_between_the_spectra_looked_at_first_is_found_when_sorting(
    new_run: NewRun, damage: float
) -> None:
    spectra = [([100.0 + i / 16, 200.0, 300.0], [1.0, 2.0, 3.0]) for i in range(300)]
    pair = build_pair(spectra, [(x, 1) for x in range(1, 301)])
    good = np.array([100.0 + 11 / 16]).tobytes()
    assert pair.ibd.count(good) == 1
    damaged = Pair(pair.imzml, pair.ibd.replace(good, np.array([damage]).tobytes()))
    run = new_run(pair=damaged, databases=TABLE)
    run.plan()
    with pytest.raises(
        InvalidDataset, match=r"tissue\.ibd: 1 of 900 peaks have no plausible m/z, and the checksum"
    ):
        run.run("SegmentSpectra")
    assert not run.stores.results.exists(keys.segments_manifest(run.planned.segments_id))


# --- BuildIons ------------------------------------------------------------------------------------


def test_every_database_gets_its_ions_and_a_list_of_missing_patterns(run: InMemoryRun) -> None:
    answer = run.run_all(["BuildIons"]).answers["BuildIons"]
    assert answer["n_items"] == 2
    plan = run.planned
    for database, item in zip(plan.databases, run.items("GenerateIsotopePatterns"), strict=True):
        table = IonTable.from_arrays(run.stores.work.read_arrays(keys.ions(database.patterns_id)))
        formulas = parse_database(
            run.stores.work.read(keys.database(database.content_id)), database.name
        ).unique_formulas()
        expected = build_ions(formulas, plan.config.ion_rule)
        assert table.n_ions == expected.n_ions
        np.testing.assert_array_equal(table.decoy_ion, expected.decoy_ion)
        assert (item["patterns_id"], item["start"], item["stop"]) == (
            database.patterns_id,
            0,
            table.n_ions,
        )


def test_patterns_that_exist_are_not_listed(run: InMemoryRun) -> None:
    run.run_all(["BuildIons", "GenerateIsotopePatterns"])
    again = run.again()
    assert again.run_all(["BuildIons"]).answers["BuildIons"]["n_items"] == 0


def test_only_patterns_that_are_missing_are_listed(new_run: NewRun) -> None:
    one, other = {"one": b"formula\nC6H12O6\n"}, {"other": b"formula\nC5H8O2\n"}
    new_run(databases=one).run_all(["BuildIons", "GenerateIsotopePatterns"])
    run = new_run(databases=one | other)
    run.execution_id = "attempt 2"
    assert run.run_all(["BuildIons"]).answers["BuildIons"]["n_items"] == 1
    (item,) = run.items("GenerateIsotopePatterns")
    assert item["item"] == 0
    assert item["patterns_id"] == run.planned.databases[1].patterns_id


def test_closed_patterns_are_not_even_looked_at(run: InMemoryRun) -> None:
    run.run_all(UP_TO_PLAN)
    again = run.again()
    assert again.run_all(["BuildIons"]).answers["BuildIons"]["n_items"] == 0
    assert again.items("GenerateIsotopePatterns") == []


def test_databases_of_equal_formulas_are_listed_once(new_run: NewRun) -> None:
    twins = {"one": b"formula\nC6H12O6\nC5H8O2\n", "other": b"formula\nC5H8O2\nC6H12O6\n"}
    run = new_run(databases=twins)
    assert run.run_all(["BuildIons"]).answers["BuildIons"]["n_items"] == 1


# --- GenerateIsotopePatterns ----------------------------------------------------------------------


def test_a_chunk_holds_the_patterns_of_its_ions(run: InMemoryRun) -> None:
    run.run_all(["BuildIons", "GenerateIsotopePatterns"])
    item = run.items("GenerateIsotopePatterns")[1]
    work = run.stores.work
    table = IonTable.from_arrays(work.read_arrays(keys.ions(item["patterns_id"])))
    chunk = work.read_arrays(keys.pattern_chunk(item["patterns_id"], item["chunk"]))
    names = table.ion_formulas(slice(item["start"], item["stop"]))
    mz, intensity = generate_patterns(names, run.planned.config.isotope_model)
    np.testing.assert_array_equal(chunk["mz"], mz)
    np.testing.assert_array_equal(chunk["intensity"], intensity)
    np.testing.assert_array_equal(chunk["is_target"], table.is_target)
    summary = work.read_sealed(item["output_key"])
    assert summary == {
        "start": 0,
        "stop": table.n_ions,
        "mz_min": mz[mz > 0].min(),
        "mz_max": mz.max(),
    }


def test_items_done_again_write_the_same_bytes(run: InMemoryRun) -> None:
    def written() -> dict[str, str]:
        stores = {"work": run.stores.work, "results": run.stores.results}
        return {
            f"{name}/{key}": hashlib.sha256(store.read(key)).hexdigest()
            for name, store in stores.items()
            for key in store.list("")
            if "/records/" not in key
        }

    states = [*UP_TO_PLAN, "AnnotateSegments"]
    before = run.run_all(states) and written()
    for state in ("SegmentSpectra", "GenerateIsotopePatterns", "AnnotateSegments"):
        run.run(state)
    assert written() == before


def test_a_state_whose_input_is_gone_names_the_object(run: InMemoryRun) -> None:
    run.plan()
    with pytest.raises(MissingObject, match=r"no object 'executions/.*/items/MeasureMzErrors"):
        run.run("PlanAnnotation")
