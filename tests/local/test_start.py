"""What a run spends before its first state: as little as can be, and nothing twice."""

from __future__ import annotations

import json
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
from ionbox.local import lean_moto
from ionbox.local.definition import fill_placeholders, placeholder_values
from ionbox.local.functions import IONBOX, read_functions, read_tasks
from ionbox.local.parsed_definitions import remembered
from ionbox.local.worker_process import Reserve

from tests import patience
from tests.local.toys import Toy, task


class Parser:
    """Counts what moto parses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

        self.parsed: list[str] = []
        kept = AmazonStateLanguageParser.parse

        def parse(definition: str) -> tuple[Any, Any]:
            self.parsed.append(definition)
            return kept(definition)

        monkeypatch.setattr(AmazonStateLanguageParser, "parse", staticmethod(parse))


@pytest.fixture
def parser(monkeypatch: pytest.MonkeyPatch) -> Parser:
    return Parser(monkeypatch)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The folder of parsed state machines."""
    return tmp_path / "cache" / "state-machines"


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def run(toy: Toy, kept: Path, value: int, state: str = "Only") -> int:
    """Run a state machine of one state, which returns the value it is given."""
    result = toy.run({state: task()}, {"value": value}, parsed=kept)
    assert result.status == "SUCCEEDED", result
    returned: int = result.output["Payload"]["value"]
    return returned


# --- the state machine ----------------------------------------------------------------------------


def test_a_state_machine_is_parsed_once(toy: Toy, kept: Path, parser: Parser) -> None:
    assert [run(toy, kept, value) for value in (1, 2)] == [1, 2]
    assert len(parser.parsed) == 1  # and not again to start it


def test_the_quick_way_of_parsing_finds_the_same(kept: Path, parser: Parser) -> None:
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

    values = placeholder_values(read_functions(IONBOX), read_tasks(IONBOX))
    definition = fill_placeholders(IONBOX.definition.read_text("utf-8"), values)
    with remembered(kept):
        quick, _ = AmazonStateLanguageParser.parse(definition)
    assert len(parser.parsed) == 1  # not once more, as after a failure
    thorough, _ = AmazonStateLanguageParser.parse(definition)
    assert pickle.dumps(quick) == pickle.dumps(thorough)


def test_another_one_is_parsed(toy: Toy, kept: Path, parser: Parser) -> None:
    run(toy, kept, 1)
    assert run(toy, kept, 3, state="Other") == 3
    assert len(parser.parsed) == 2
    assert len(list(kept.iterdir())) == 2


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other's", "open folder", "foreign"])
def test_what_cannot_be_trusted_is_parsed_again(
    toy: Toy, kept: Path, parser: Parser, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(toy, kept, 1)
    path = only_file(kept)
    content = path.read_bytes()
    match damage:
        case "cut":
            path.write_bytes(content[:-1])
        case "flipped":
            path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        case "empty":
            path.write_bytes(b"")
        case "other's":
            path.chmod(0o666)
        case "open folder":
            kept.chmod(0o777)
        case "foreign":
            monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert run(toy, kept, 2) == 2
    assert len(parser.parsed) == 2


def test_a_folder_that_cannot_be_written_to_costs_time_only(
    toy: Toy, kept: Path, parser: Parser
) -> None:
    kept.parent.mkdir()
    kept.write_text("a file")
    assert [run(toy, kept, value) for value in (1, 2)] == [1, 2]
    assert len(parser.parsed) == 2


def test_what_cannot_be_kept_is_run_all_the_same(
    toy: Toy, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> bytes:
        raise TypeError("cannot pickle a lock")

    monkeypatch.setattr(pickle, "dumps", refuse)
    assert run(toy, kept, 1) == 1
    assert not kept.exists()


def test_few_are_kept(kept: Path, parser: Parser) -> None:
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

    with remembered(kept):
        for number in range(20):
            AmazonStateLanguageParser.parse(
                f'{{"StartAt": "S{number}", "States": {{"S{number}": {{"Type": "Succeed"}}}}}}'
            )
    assert len(list(kept.iterdir())) == 16


# --- imports --------------------------------------------------------------------------------------


RUN_IN_A_PROCESS = """
import json, sys
from pathlib import Path

from ionbox.cli import main
from ionbox.cli.dataset_commands import annotate
from ionbox.datasets.annotate import annotate
from ionbox.local.progress import run_progress
from tests.local.toys import Toy, distributed_map

toy = Toy(Path(sys.argv[1]))
key = toy.items("Echo", [1, 2])
result = toy.run({"Work": distributed_map()}, {"key": key}, parsed=toy.root / "parsed")
assert result.output == [1, 2], result
print(json.dumps(sorted(sys.modules)))

from moto import mock_aws
import boto3

with mock_aws():
    boto3.client("stepfunctions", "us-east-1").list_state_machines()
    boto3.client("batch", "us-east-1").describe_job_queues()
"""


def test_what_the_process_of_a_run_imports(tmp_path: Path) -> None:
    """Some 600 modules; with what is left out here they would be 1,300, and take as long again."""
    done = patience.run([sys.executable, "-c", RUN_IN_A_PROCESS, tmp_path])
    assert done.returncode == 0, done.stderr  # and what was left out can be had afterwards
    imported = json.loads(done.stdout)
    packages = {name.partition(".")[0] for name in imported}
    left_out = {"numpy", "obstore", "aws_lambda_powertools", "boto3", "urllib3", "yaml", "asyncio"}
    assert not packages & left_out
    assert [name for name in imported if name.startswith("botocore.")] == [
        name for name in imported if name.startswith(("botocore.exceptions", "botocore.vendored"))
    ]
    assert not {"moto.ec2", "moto.batch", "moto.s3", "werkzeug.serving"} & set(imported)
    assert len(imported) < 750


def test_another_moto_is_imported_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a later version may want of Batch is not in the enumeration that stands in for it."""
    before = dict(sys.modules)
    for name in list(sys.modules):
        if name == "moto" or name.startswith("moto."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(lean_moto, "STAND_INS", {**lean_moto.STAND_INS, "moto.batch.utils": {}})
    lean_moto.import_interpreter()
    assert "moto.stepfunctions.parser.models" not in sys.modules
    assert "moto.batch" not in sys.modules
    for name in set(sys.modules) - set(before):
        del sys.modules[name]
    sys.modules |= before


# --- workers --------------------------------------------------------------------------------------


def pid(toy: Toy, reserve: Reserve) -> int:
    """Call a function in a pool of its own; returns which process was called."""
    with toy.pool(n_workers=1, reserve=reserve) as pool:
        answer = pool.invoke("echo", "{}")
    assert answer.error is None, answer
    called: int = json.loads(answer.payload)["pid"]
    return called


def test_a_worker_that_was_started_before_takes_the_first_call(toy: Toy) -> None:
    with Reserve() as reserve:
        reserve.start([next(iter(toy.functions(Echo={}).values())).handler])
        worker = reserve.take()
        assert worker is not None
        reserve.keep(worker)
        assert pid(toy, reserve) == worker.pid
        assert pid(toy, reserve) == worker.pid  # and is there for the next run
    assert not worker.alive


def test_a_dead_one_is_replaced(toy: Toy) -> None:
    with Reserve() as reserve:
        reserve.start([])
        worker = reserve.take()
        assert worker is not None
        worker.kill()
        patience.wait_until(lambda: not worker.alive)
        reserve.keep(worker)
        assert pid(toy, reserve) != worker.pid


def test_what_it_prints_goes_to_the_log_of_the_run(tmp_path: Path) -> None:
    toys = [Toy(tmp_path / name) for name in ("first", "second")]
    with Reserve() as reserve:
        reserve.start([])
        for toy in toys:
            with toy.pool(n_workers=1, reserve=reserve) as pool:
                assert pool.invoke("echo", json.dumps({"print": toy.root.name})).error is None
    assert [toy.log.read_text() for toy in toys] == ["first\n", "second\n"]


def test_nothing_is_printed_to_the_log_of_another_run(tmp_path: Path) -> None:
    first, second = (Toy(tmp_path / name) for name in ("first", "second"))
    second.log.mkdir(parents=True)
    with Reserve() as reserve:
        reserve.start([])
        for toy in (first, second):
            with toy.pool(n_workers=1, reserve=reserve) as pool:
                assert pool.invoke("echo", json.dumps({"print": toy.root.name})).error is None
    assert first.log.read_text() == "first\n"
