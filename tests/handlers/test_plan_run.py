"""PlanRun: everything is checked, named and written before anything is computed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from ionbox_cloud import keys
from ionbox_cloud.environment import FAN_OUT_VARIABLE, RUNGS_VARIABLE
from ionbox_cloud.identity import hash_content
from ionbox_cloud.ladder import Ladder
from ionbox_cloud.messages import PlanRequest
from ionbox_cloud.planning import call_memory
from ionbox_cloud.storage.byte_store import ByteStore
from ionbox_cloud.stored.dataset import read_stored_header
from ionbox_science.errors import InvalidConfig, InvalidDatabase, InvalidDataset, InvalidInput
from ionbox_science.theory.lipids import SHIPPED_DATABASES

from tests.cloud_builders import database_table
from tests.handlers.in_memory import FORMULAS, SETTINGS, InMemoryRun, call
from tests.imzml_builder import Pair, build_pair

NewRun = Callable[..., InMemoryRun]
TABLE = b"formula\nC6H12O6\n"
SOUND = build_pair()


def test_a_new_run_is_to_be_sorted_and_not_published(run: InMemoryRun) -> None:
    answer = run.plan()
    assert (answer.execution_id, answer.published, answer.sort.way) == (
        run.execution_id,
        False,
        "lambda",
    )


def test_the_plan_holds_what_later_states_need(run: InMemoryRun) -> None:
    run.plan()
    plan, work = run.planned, run.stores.work
    assert (plan.width, plan.height, plan.n_spectra) == (8, 6, 48)
    assert plan.ibd_bytes == len(run.stores.inbox.read("tissue.ibd"))
    assert plan.config.adducts == ("+H", "+Na")
    assert read_stored_header(work, plan.segments_id).n_peaks == plan.n_peaks
    for database in plan.databases:
        table = run.stores.inbox.read(f"databases/{database.name}.tsv")
        assert work.read(keys.database(database.content_id)) == table
        assert database.content_id == hash_content(table)
        assert database.n_molecules == table.count(b"\n") - 1


def test_a_function_too_small_for_the_imzml_does_not_read_it(
    run: InMemoryRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    rungs = json.loads(os.environ[RUNGS_VARIABLE]) | {"PlanRun": [105, 2000]}
    monkeypatch.setenv(RUNGS_VARIABLE, json.dumps(rungs))
    run.stores.inbox.write("tissue.imzML", b"no imzML")
    with pytest.raises(MemoryError, match="in a larger function"):
        call("PlanRun", PlanRequest(run.execution_id, run.request, rung=0))
    with pytest.raises(InvalidDataset, match="this is not XML"):
        call("PlanRun", PlanRequest(run.execution_id, run.request, rung=1))


def test_later_calls_start_where_what_they_need_is_expected_to_fit(
    new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    rungs = json.loads(os.environ[RUNGS_VARIABLE])
    few, many = ({"acids": database_table(FORMULAS[:n])} for n in (1, 64))
    monkeypatch.setattr(call_memory, "MB", 1 << 10)  # the kB of so small a run stand for MB
    planned = [new_run(databases=databases).plan() for databases in (few, many)]
    for state in ("BuildIons", "PlanAnnotation", "EstimateFdr"):
        small, large = (answer.calls[state] for answer in planned)
        assert small.memory_mb < large.memory_mb
        for each in (small, large):
            assert each.rung == Ladder({state: rungs[state]}).start_rung(state, each.memory_mb)
    assert planned[0].calls["PlanRecalibration"] == planned[1].calls["PlanRecalibration"]


def test_planning_writes_no_results(run: InMemoryRun) -> None:
    run.plan()
    assert [key.split("/")[0] for key in run.stores.results.list("")] == ["contents"]


def test_every_attempt_has_the_same_plan(run: InMemoryRun) -> None:
    run.plan()
    first, again = run.planned, run.again()
    again.plan()
    # how long it should take depends on how fast the machine is just then
    assert replace(again.planned, forecast=None) == replace(first, forecast=None)


def test_names_follow_content(new_run: NewRun) -> None:
    def ids(*layers: Mapping[str, Any], **options: Any) -> tuple[str, str, set[str], set[str]]:
        run = new_run(*layers, **options)
        run.plan()
        run.run("SegmentSpectra")  # which makes the checksum that copies are recognised by
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
    assert again.plan().sort.way == "reuse"
    plan = again.planned
    record = keys.results(plan.dataset_id, plan.run_id, "run.json")
    run.stores.results.write_json(record, {"run_id": plan.run_id})
    assert again.plan().published is False  # of a version that wrote no report


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("run.json", b""),
        ("run.json", b"{}"),
        ("run.json", b'{"run_id": "another"}'),
        ("run.json", b"[1]"),
        ("report.html", b""),
    ],
)
def test_a_run_is_published_if_its_record_and_report_are_its_own(
    run: InMemoryRun, name: str, data: bytes
) -> None:
    run.run_all()
    plan, results = run.planned, run.stores.results
    assert run.again().plan().published is True
    results.write(keys.results(plan.dataset_id, plan.run_id, name), data)
    assert run.again().plan().published is False
    run.again("20261126-attempt-3").run_all()  # publishes it anew
    assert run.again("20261127-attempt-4").plan().published is True


def test_the_strongest_layer_wins_and_the_sidecar_is_the_weakest(new_run: NewRun) -> None:
    run = new_run(
        {"ppm": 2},
        {**SETTINGS, "ppm": 4, "min_px": 3},
        sidecar=b'{"ppm": 5, "min_px": 6, "isotope_peaks": 3}',
    )
    run.plan()
    config = run.planned.config
    assert (config.ppm, config.min_px, config.isotope_peaks) == (2.0, 3, 3)


def test_a_contradiction_of_the_file_is_a_warning(new_run: NewRun) -> None:
    run = new_run({**SETTINGS, "polarity": "negative", "adducts": ["-H"]})
    run.plan()
    assert run.planned.warnings == ("polarity: negative (layer 0) overrides the imzML's positive",)


# --- what the stack supplies ----------------------------------------------------------------------


def test_defaults_are_weaker_than_the_imzml_and_told(new_run: NewRun) -> None:
    defaults = {"polarity": "negative", "resolving_power": 120_000, "ppm": 4, "analyzer": "tof"}
    run = new_run({"adducts": ["+H"]}, sidecar=b'{"ppm": 5, "decoys": 2}', defaults=defaults)
    run.plan()
    config = run.planned.config
    assert (config.polarity, config.ppm, config.decoys) == ("positive", 5.0, 2)
    assert config.analyzer == "orbitrap"
    words = "resolving_power: 120000 from the stack's defaults"
    assert [line for line in run.planned.warnings if "defaults" in line] == [words]


def test_a_wrong_default_is_refused_with_its_source(new_run: NewRun) -> None:
    run = new_run(SETTINGS, defaults={"pmm": 3})
    assert_refused(run, InvalidConfig, "the stack's defaults: unknown setting 'pmm'")


def test_flags_of_the_defaults_count(new_run: NewRun) -> None:
    table = {"one": b"formula\nC6H12O6\nX1\n"}
    run = new_run(SETTINGS, databases=table, defaults={"skip_bad_rows": True})
    run.plan()
    assert run.planned.databases[0].n_skipped == 1


# --- databases by name ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sidecar", "expected"),
    [
        (b"{}", ["lipids"]),
        (b'{"databases": ["two", "one"]}', ["two", "one"]),
        (b'{"databases": ["one.tsv", "lipids.csv"]}', ["one", "lipids"]),
        (b'{"databases": null}', ["lipids"]),
    ],
)
def test_databases_are_looked_up_by_name(
    new_run: NewRun, sidecar: bytes, expected: list[str]
) -> None:
    tables = {"one": TABLE, "two": b"formula\nC5H8O2\n"}
    defaults = {"databases": ["lipids"]}
    run = new_run(SETTINGS, databases=tables, sidecar=sidecar, defaults=defaults, named=True)
    run.plan()
    assert [database.name for database in run.planned.databases] == expected
    told = "databases: lipids from the stack's defaults" in run.planned.warnings
    assert told == (expected == ["lipids"])


def test_an_empty_list_of_databases_is_not_filled_up(new_run: NewRun) -> None:
    settings = {**SETTINGS, "databases": []}
    run = new_run(settings, databases={}, defaults={"databases": ["lipids"]}, named=True)
    assert_refused(run, InvalidConfig, "databases: none given")


def test_databases_of_the_request_make_those_of_the_settings_idle(new_run: NewRun) -> None:
    run = new_run(SETTINGS, sidecar=b'{"databases": ["x"]}', defaults={"databases": ["lipids"]})
    run.plan()
    assert [database.name for database in run.planned.databases] == ["acids", "waxes"]
    assert run.planned.warnings == ()


def test_a_dropped_table_goes_before_a_shipped_one(new_run: NewRun) -> None:
    settings = {**SETTINGS, "databases": ["lipids"]}
    run = new_run(settings, databases={"lipids": TABLE}, named=True)
    run.plan()
    assert run.planned.databases[0].content_id == hash_content(TABLE)


def test_the_shipped_table_is_the_one_that_the_command_writes(new_run: NewRun) -> None:
    run = new_run({**SETTINGS, "databases": ["lipids"]}, databases={}, named=True)
    run.plan()
    content_id = run.planned.databases[0].content_id
    assert content_id == hash_content(SHIPPED_DATABASES["lipids"]())
    assert run.stores.work.read(keys.database(content_id)) == SHIPPED_DATABASES["lipids"]()


def test_an_unknown_name_is_refused_with_the_names_there_are(new_run: NewRun) -> None:
    settings = {**SETTINGS, "databases": ["hmdb", "one", "kegg.tsv"]}
    run = new_run(settings, databases={"one": TABLE}, named=True)
    assert_refused(
        run,
        InvalidConfig,
        "databases (layer 0): there is no 'hmdb'. There are: lipids, one; others are dropped into "
        "databases/ of the inbox",
        "there is no 'kegg.tsv'",
    )


def test_a_name_that_is_there_twice_is_refused(new_run: NewRun) -> None:
    run = new_run({**SETTINGS, "databases": ["one"]}, databases={"one": TABLE}, named=True)
    run.stores.inbox.write("databases/one.CSV", TABLE)
    words = "'one' is there twice, databases/one.CSV and databases/one.tsv; remove one"
    assert_refused(run, InvalidConfig, words)


@pytest.mark.parametrize("names", ["lipids", [1], {"lipids": True}])
def test_databases_that_are_no_list_of_names_are_refused(new_run: NewRun, names: Any) -> None:
    run = new_run({**SETTINGS, "databases": names}, databases={}, named=True)
    assert_refused(run, InvalidConfig, "databases (layer 0): expected a list of names, got ")


# --- force ----------------------------------------------------------------------------------------


def test_a_forced_run_is_published_anew_under_the_same_name(new_run: NewRun) -> None:
    first = new_run().run_all()
    folder = keys.results(first.planned.dataset_id, first.planned.run_id)
    results = first.stores.results
    results.write(f"{folder}/annotations.csv", b"damaged")
    forced = new_run(SETTINGS, sidecar=b'{"force": true}').again()
    answer = forced.plan()
    assert (answer.run_id, answer.published, answer.sort.way) == (first.ref.run_id, False, "reuse")
    forced.run_all()
    assert results.read(f"{folder}/annotations.csv") != b"damaged"
    assert results.read_json(keys.status(forced.execution_id))["reused"] is False
    assert forced.again("20261126-attempt-3").plan().published is False


def test_force_is_true_or_false(new_run: NewRun) -> None:
    run = new_run({**SETTINGS, "force": "yes"})
    assert_refused(run, InvalidConfig, "force (layer 0): expected true or false, got 'yes'")


# --- what it should take --------------------------------------------------------------------------


def test_a_plan_says_what_each_state_should_take(run: InMemoryRun) -> None:
    run.plan()
    forecast = run.planned.forecast
    assert forecast is not None
    assert not forecast.on_aws
    assert forecast.seconds > 0
    assert {"PlanRun", "SegmentSpectra", "AnnotateSegments", "PublishResults"} <= set(
        forecast.states
    )


def test_a_run_that_is_published_is_not_forecast(run: InMemoryRun) -> None:
    run.run_all()
    assert run.planned.forecast is not None
    again = run.again("once-more")
    assert again.plan().published
    assert again.planned.forecast is None


def test_a_run_on_aws_that_costs_more_than_it_may_is_refused_before_anything_is_written(
    new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    dear = new_run({**SETTINGS, "max_dollars": 0.0001})
    inbox = dear.stores.inbox.url
    monkeypatch.setattr(ByteStore, "is_remote", property(lambda store: store.url == inbox))
    assert_refused(dear, InvalidConfig, "max_dollars: the run should cost about $0.0", "$0.00010")
    monkeypatch.setenv(FAN_OUT_VARIABLE, json.dumps({"n_workers": 7, "express": []}))
    enough = new_run({**SETTINGS, "max_dollars": 1})
    enough.plan()
    forecast = enough.planned.forecast
    assert forecast is not None
    assert (forecast.on_aws, forecast.n_workers) == (True, 7)


def test_what_a_run_may_cost_changes_no_result_and_counts_only_where_it_costs(
    new_run: NewRun,
) -> None:
    free = new_run()
    limited = new_run({**SETTINGS, "max_dollars": 0.0001})
    assert limited.plan().run_id == free.plan().run_id


def test_what_a_run_may_cost_is_a_number_of_dollars(new_run: NewRun) -> None:
    run = new_run({**SETTINGS, "max_dollars": "little"})
    assert_refused(run, InvalidConfig, "max_dollars (layer 0): expected a number from 0.0001 to")


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
    run.request = replace(run.request, databases=(first, first))
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


def test_modifiers_that_make_too_many_ions_are_refused_before_any_is_made(
    new_run: NewRun,
) -> None:
    rows = "\n".join(f"C{carbon}H60O9" for carbon in range(9, 50))
    many = {
        "adducts": [f"+C{i}" for i in range(1, 41)],
        "neutral_losses": [f"-O{i}" for i in range(1, 41)],
        "chem_mods": [f"+S{i}" for i in range(1, 41)],
    }
    database = {"one": f"formula\n{rows}\n".encode()}
    run = new_run({**SETTINGS, **many, "decoys": 20}, databases=database)
    assert_refused(run, InvalidConfig, "41 formulas x 67,240 modifiers x 21")


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
