"""``ionbox estimate``, and the lines about seconds and dollars of ``check`` and ``submit``."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ionbox.cli.dataset_arguments import dataset_commands
from ionbox_cloud.environment import USUAL_MAP_WORKERS

from tests.client.cli.typing_commands import write_database, write_dataset
from tests.client.operating import Command

SETTINGS = ("--analyzer", "orbitrap", "--resolving-power", "140000")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_dataset(tmp_path)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return write_database(tmp_path)


def test_each_state_has_its_seconds_here_and_on_aws_and_its_dollars(
    ionbox: Command, dataset: Path, database: Path
) -> None:
    before, variables = sorted(dataset.parent.rglob("*")), dict(os.environ)
    ended = ionbox("estimate", dataset, "--database", database, *SETTINGS)
    assert (ended.code, ended.err) == (0, "")
    lines = [line.split() for line in ended.out.splitlines()]
    assert lines[0] == ["state", "calls", "here", "on", "AWS", "dollars"]
    states = [line[0] for line in lines[1:12]]
    assert states[0] == "PlanRun"
    assert states[-1] == "PublishResults"
    for line in lines[1:12]:
        assert line[1] == "1"
        assert line[6].startswith("$0.0")
    assert "on AWS with 99 calls at once: about " in ended.out
    assert "; longest is " in ended.out
    # nothing is computed, and nothing left behind
    assert [path for path in sorted(dataset.parent.rglob("*")) if path.name != "cache"] == before
    assert dict(os.environ) == variables


def test_as_json_it_says_what_the_seconds_are_made_of(
    ionbox: Command, dataset: Path, database: Path
) -> None:
    arguments = ("--database", database, "--workers", 788, "--json", *SETTINGS)
    found = json.loads(ionbox("estimate", dataset, *arguments).out)
    assert set(found) == {"here", "aws"}
    assert found["aws"]["n_workers"] == 788
    state = found["aws"]["states"]["AnnotateSegments"]
    parts = sum(state[name] for name in ("start_s", "wait_s", "move_s", "compute_s"))
    assert state["seconds"] == pytest.approx(parts, abs=0.01)


def test_what_a_run_would_refuse_is_refused_with_the_code_of_check(
    ionbox: Command, dataset: Path, database: Path
) -> None:
    without_settings = ionbox("estimate", dataset, "--database", database)
    assert without_settings.code == 1
    assert "add --analyzer" in " ".join(without_settings.err.split())
    without_database = ionbox("estimate", dataset, *SETTINGS)
    assert without_database.code == 1
    assert "name at least one with --database FILE" in without_database.err
    assert ionbox("estimate", dataset, "--database", database, "--workers", "0").code == 2


def test_a_run_that_is_too_dear_is_refused_with_the_estimate(
    ionbox: Command, dataset: Path, database: Path
) -> None:
    arguments = ("estimate", dataset, "--database", database, *SETTINGS, "--max-dollars")
    assert ionbox(*arguments, "1").code == 0
    ended = ionbox(*arguments, "0.0001")
    assert ended.code == 1
    assert "max_dollars: the run should cost about $0.0" in ended.err


def test_check_only_warns_of_what_aws_would_refuse_or_is_not_here(
    ionbox: Command, dataset: Path, database: Path
) -> None:
    settings = {"analyzer": "orbitrap", "resolving_power": 140_000}
    beside = dataset.with_suffix(".json")
    named = {**settings, "databases": [str(database)], "max_dollars": 0.0001}
    beside.write_text(json.dumps(named))
    dear = ionbox("check", dataset)
    assert dear.code == 0
    assert "on AWS it would be refused: max_dollars: " in dear.err
    assert "is ready to annotate" in dear.out
    beside.write_text(json.dumps({**settings, "databases": ["nowhere.tsv"]}))
    absent = ionbox("check", dataset)
    assert absent.code == 0
    assert "nowhere.tsv: no such file; to annotate here, name another" in absent.err


def test_check_says_it_in_two_lines_if_databases_are_named(
    ionbox: Command, dataset: Path, database: Path
) -> None:
    settings = {"analyzer": "orbitrap", "resolving_power": 140_000}
    dataset.with_suffix(".json").write_text(json.dumps(settings))
    assert " calls at once: about " not in ionbox("check", dataset).out
    dataset.with_suffix(".json").write_text(json.dumps({**settings, "databases": [database.name]}))
    ended = ionbox("check", dataset)
    assert ended.code == 0
    *_, here, aws, verdict = ended.out.splitlines()
    assert here.startswith("here with ")
    assert aws.startswith("on AWS with 99 calls at once: about ")
    assert verdict.endswith("is ready to annotate")


def test_the_usual_account_is_the_same_in_help_and_in_the_model() -> None:
    import argparse

    (command,) = [each for each in dataset_commands() if each.name == "estimate"]
    parser = argparse.ArgumentParser()
    command.add(parser)
    assert parser.parse_args(["x.imzML"]).workers == USUAL_MAP_WORKERS
