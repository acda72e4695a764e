"""PlanRun: everything is checked, named and written before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from imzml_builder import Pair, build_pair
from in_memory import SETTINGS, InMemoryRun
from ionbox_cloud import keys
from ionbox_cloud.datasets import read_stored_header
from ionbox_cloud.identity import hash_content
from ionbox_science.errors import InvalidConfig, InvalidDatabase, InvalidDataset, InvalidInput

NewRun = Callable[..., InMemoryRun]
TABLE = b"formula\nC6H12O6\n"
SOUND = build_pair()


def test_a_new_run_is_to_be_sorted_and_not_published(run: InMemoryRun) -> None:
    answer = run.plan()
    assert (answer.execution_id, answer.published, answer.sort) == (
        run.execution_id,
        False,
        "lambda",
    )


def test_the_plan_holds_what_later_states_need(run: InMemoryRun) -> None:
    run.plan()
    plan, work = run.planned, run.stores.work
    assert (plan.width, plan.height, plan.n_spectra) == (8, 6, 48)
    assert plan.ibd_bytes == len(run.stores.inbox.read("tissue.ibd"))
    assert plan.run_config.adducts == ("+H", "+Na")
    assert read_stored_header(work, plan.dataset_id).n_peaks == plan.n_peaks
    for database in plan.databases:
        table = run.stores.inbox.read(f"databases/{database.name}.tsv")
        assert work.read(keys.database(database.content_id)) == table
        assert database.content_id == hash_content(table)
        assert database.n_molecules == table.count(b"\n") - 1


def test_planning_writes_no_results(run: InMemoryRun) -> None:
    run.plan()
    assert run.stores.results.list("") == []


def test_every_attempt_has_the_same_plan(run: InMemoryRun) -> None:
    run.plan()
    first, again = run.planned, run.again()
    again.plan()
    assert again.planned == first


def test_names_follow_content(new_run: NewRun) -> None:
    def ids(*layers: dict[str, Any], **options: Any) -> tuple[str, str, set[str], set[str]]:
        run = new_run(*layers, **options)
        run.plan()
        plan = run.planned
        return (
            plan.run_id,
            plan.segments_id,
            {database.patterns_id for database in plan.databases},
            {database.scores_id for database in plan.databases},
        )

    usual = ids()
    assert ids(SETTINGS) == usual
    wider = ids({**SETTINGS, "ppm": 4})
    assert [a == b for a, b in zip(wider, usual, strict=True)] == [False, True, True, False]
    sharper = ids({**SETTINGS, "resolving_power": 150_000})
    assert [a == b for a, b in zip(sharper, usual, strict=True)] == [False, True, False, False]
    renamed = ids(name="another name")
    assert [a == b for a, b in zip(renamed, usual, strict=True)] == [False, True, True, True]
    other = ids(databases={"other": TABLE})
    assert [a == b for a, b in zip(other, usual, strict=True)] == [False, True, False, False]


def test_the_order_of_databases_does_not_name_the_run(new_run: NewRun) -> None:
    tables = {"one": TABLE, "two": b"formula\nC5H8O2\n"}
    backwards = dict(reversed(tables.items()))
    run_ids = {new_run(databases=databases).plan().run_id for databases in (tables, backwards)}
    assert len(run_ids) == 1


def test_one_byte_of_a_small_ibd_makes_another_dataset(new_run: NewRun, tissue: Pair) -> None:
    changed = bytearray(tissue.ibd)
    changed[-1] ^= 1
    dataset_ids = set()
    for ibd in (tissue.ibd, bytes(changed)):
        run = new_run(pair=Pair(tissue.imzml, ibd))
        run.plan()
        dataset_ids.add(run.planned.dataset_id)
    assert len(dataset_ids) == 2


def test_what_exists_is_reused(run: InMemoryRun) -> None:
    run.run_all(["SegmentSpectra"])
    again = run.again()
    assert again.plan().sort == "reuse"
    plan = again.planned
    record = keys.results(plan.dataset_id, plan.run_id, "run.json")
    run.stores.results.write_json(record, {})
    assert again.plan().published is True


def test_the_strongest_layer_wins_and_the_sidecar_is_the_weakest(new_run: NewRun) -> None:
    run = new_run(
        {"ppm": 2},
        {**SETTINGS, "ppm": 4, "min_px": 3},
        sidecar=b'{"ppm": 5, "min_px": 6, "isotope_peaks": 3}',
    )
    run.plan()
    config = run.planned.run_config
    assert (config.ppm, config.min_px, config.isotope_peaks) == (2.0, 3, 3)


def test_a_contradiction_of_the_file_is_a_warning(new_run: NewRun) -> None:
    run = new_run({**SETTINGS, "polarity": "negative", "adducts": ["-H"]})
    run.plan()
    assert run.planned.warnings == ("polarity: negative (layer 0) overrides the imzML's positive",)


# --- refusals -------------------------------------------------------------------------------------


def assert_refused(run: InMemoryRun, error: type[InvalidInput], *lines: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        run.plan()
    assert type(caught.value) is error
    found = str(caught.value)
    for line in lines:
        assert line in found
    assert run.stores.work.list("") == []


def test_an_unknown_setting_is_refused_with_the_nearest_known(new_run: NewRun) -> None:
    run = new_run({**SETTINGS, "isotope_peak": 4})
    words = "layer 0: unknown setting 'isotope_peak'; did you mean 'isotope_peaks'?"
    assert_refused(run, InvalidConfig, words)


def test_an_unknown_setting_of_the_sidecar_names_the_file(new_run: NewRun) -> None:
    run = new_run(sidecar=b'{"adduct": ["+H"]}')
    assert_refused(run, InvalidConfig, "tissue.json: unknown setting 'adduct'", "'adducts'?")


@pytest.mark.parametrize("sidecar", [b"{", b"[1, 2]", b"", b"\xff\xfe"])
def test_a_sidecar_that_is_no_object_is_refused(new_run: NewRun, sidecar: bytes) -> None:
    assert_refused(new_run(sidecar=sidecar), InvalidConfig, "tissue.json")


def test_everything_that_is_missing_is_named(new_run: NewRun) -> None:
    pair = build_pair(polarity=None)
    assert_refused(
        new_run({"ppm": 3}, pair=pair),
        InvalidConfig,
        "polarity: the imzML does not say",
        "analyzer: the imzML does not say",
    )
    assert_refused(
        new_run({"analyzer": "tof"}, pair=build_pair()),
        InvalidConfig,
        "resolving_power: the imzML does not say",
    )


def test_two_databases_of_one_name_are_refused(run: InMemoryRun) -> None:
    first, _ = run.request.databases
    twice = type(run.request)(run.request.dataset, (first, first), run.request.config)
    run.request = twice
    assert_refused(run, InvalidConfig, "two have the same name (acids, acids); rename one")


def test_a_run_without_databases_is_refused(new_run: NewRun) -> None:
    assert_refused(new_run(databases={}), InvalidConfig, "databases: none given")


def test_the_bad_rows_of_all_databases_are_listed(new_run: NewRun) -> None:
    bad = {"one": b"formula\nC6H12O6\nX1\n", "two": b"formula\nC.C\n", "three": b"name\nsugar\n"}
    assert_refused(
        new_run(databases=bad),
        InvalidDatabase,
        "database 'one': 1 of 2 rows cannot be used",
        "line 3:",
        "database 'two': 1 of 1 rows",
        "database 'three' has no column 'formula'",
    )


def test_bad_rows_are_left_out_if_the_user_says_so(new_run: NewRun) -> None:
    table = {"one": b"formula\nC6H12O6\nX1\n"}
    run = new_run({**SETTINGS, "skip_bad_rows": True}, databases=table)
    run.plan()
    (database,) = run.planned.databases
    assert (database.n_molecules, database.n_skipped) == (1, 1)


@pytest.mark.parametrize(
    ("ibd", "words"),
    [
        pytest.param(b"", "tissue.ibd is empty (0 bytes)", id="empty"),
        pytest.param(SOUND.ibd[:-1], "tissue.ibd is truncated", id="truncated"),
        pytest.param(bytes(16) + SOUND.ibd[16:-4], "belongs to another imzML", id="another's"),
        pytest.param(SOUND.ibd[:16] + bytes(108), "holds only zeros", id="never filled"),
    ],
)
def test_a_broken_ibd_is_refused(new_run: NewRun, ibd: bytes, words: str) -> None:
    run = new_run(pair=Pair(SOUND.imzml, ibd), databases={"one": TABLE})
    assert_refused(run, InvalidDataset, words)


def test_problems_of_several_kinds_are_refused_together(new_run: NewRun) -> None:
    run = new_run(
        {**SETTINGS, "pmm": 3},
        pair=build_pair(spectrum_type="profile"),
        databases={"one": b"formula\nX1\n"},
    )
    assert_refused(run, InvalidInput, "profile spectra", "unknown setting 'pmm'", "line 2:")
