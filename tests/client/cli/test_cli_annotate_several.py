"""``ionbox annotate`` with several datasets: what goes where, and what one failure does."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from ionbox.datasets import annotate as annotate_module
from ionbox.datasets import outcome
from ionbox.datasets.batch import Member, find_members
from ionbox.local import machine, worker_process
from ionbox.local.progress.tally import Tally
from ionbox.local.worker_process import Reserve
from ionbox_cloud.records.run_record import RunRecord, RunStatus
from ionbox_science.errors import InvalidConfig, InvalidDataset

from tests.client.cli.typing_commands import write_database, write_dataset
from tests.client.operating import Command, Ended
from tests.local.test_progress import Terminal

FLAGS = ("--polarity", "positive", "--analyzer", "orbitrap", "--decoys", "1", "--adduct=+H")


@pytest.fixture
def datasets(tmp_path: Path) -> Path:
    """A folder with two datasets, one of them in a folder of its own, and one that is cut off."""
    folder = tmp_path / "data"
    (folder / "slide").mkdir(parents=True)
    write_dataset(folder)
    for name in ("brain", "slide/liver"):
        for suffix in (".imzML", ".ibd"):
            shutil.copy(folder / f"small{suffix}", folder / f"{name}{suffix}")
    (folder / "small.imzML").write_text("<mzML")
    return folder


def annotate(ionbox: Command, folder: Path, *datasets: object) -> Ended:
    database = write_database(folder.parent)
    resolving_power = ("--resolving-power", "140000")
    return ionbox(
        *("annotate", *datasets, "--database", database, "--out", "out"), *FLAGS, *resolving_power
    )


def rows(ended: Ended) -> dict[str, list[str]]:
    """The lines of the table below its head, by dataset."""
    lines = [line.split() for line in ended.out.splitlines() if line and not line.startswith(" ")]
    return {words[0]: words[1:] for words in lines[1:]}


# --- what it does ---------------------------------------------------------------------------------


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[worker_process.Worker]:
    """Every worker process that is started, none of them for another command."""
    monkeypatch.setattr(worker_process, "Reserve", Reserve)
    started: list[worker_process.Worker] = []
    start = worker_process.Worker.__init__

    def remember(worker: worker_process.Worker, *arguments: Any) -> None:
        start(worker, *arguments)
        started.append(worker)

    monkeypatch.setattr(worker_process.Worker, "__init__", remember)
    return started


@pytest.fixture
def units_said(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What the calls of each state counted, as it was shown."""
    said: dict[str, list[str]] = {}
    work = Tally.work

    def remember(tally: Tally) -> str:
        units = said.setdefault(tally.state, [])
        units += [*(reading.unit for reading in tally.readings), *tally.n_units]
        return work(tally)

    monkeypatch.setattr(Tally, "work", remember)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    return said


UNITS = {
    "PlanRun": "bytes",  # of the second: its beginning is as that of the first
    "SegmentSpectra": "segments",
    "BuildIons": "formulas",
    "GenerateIsotopePatterns": "ions",
    "MeasureMzErrors": "ions",
    "AnnotateSegments": "ions",
    "EstimateFdr": "databases",
}


def test_each_gets_a_folder_and_one_that_cannot_be_read_is_named(
    ionbox: Command,
    datasets: Path,
    workers: list[worker_process.Worker],
    units_said: dict[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = Terminal()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", screen)
        patched.setattr(annotate_module, "COPYING_SHOWN_AFTER_S", 0.0)
        ended = annotate(ionbox, datasets, datasets, "--workers", 1)
    assert ended.code == 1
    said = screen.getvalue()
    assert "copying results" in said
    assert [said.count(f"✓ {n}/9 ") for n in range(1, 10) if n != 5] == [2] * 8
    assert said.count("✓ 5/9 ") >= 4  # two states, or three
    assert {state: units[-1] for state, units in units_said.items() if units} == UNITS
    shown = rows(ended)
    assert list(shown) == ["brain", "liver", "small"]
    assert shown["brain"][-1] == "out/brain"
    assert shown["liver"][-1] == "out/liver"
    assert shown["small"][:2] == ["none:", "small.imzML:"]
    assert "dataset 3 of 3" in said
    assert "1 of 3 datasets have no results" in said
    assert "does what is missing once they are corrected" in said
    out = datasets.parent / "out"
    assert sorted(path.name for path in out.iterdir()) == ["brain", "liver", "small"]
    assert not (out / "small" / "run.json").exists()
    assert len(workers) == 1  # one pool for all of them, which nothing made start another
    again = annotate(ionbox, datasets, datasets)
    assert again.code == 1
    assert "earlier run)" in " ".join(rows(again)["brain"])


def copied(results: Path, name: str, out: Path) -> bool:
    """Deliver results once more, and say whether that told of all bytes, copied and compared."""
    record = RunRecord.from_json(json.loads((results / name / "run.json").read_text("utf-8")))
    done = outcome.Outcome(RunStatus("succeeded", "once more", results=name), record, Path())
    told: list[tuple[int, int]] = []
    outcome.deliver(done, results, out, lambda *each: told.append(each))
    n_files, n_bytes = len(record.files), sum(file.n_bytes for file in record.files.values())
    return told == sorted(told) and len(told) > n_files and told[-1] == (2 * n_bytes,) * 2


def test_all_done_is_success(ionbox: Command, datasets: Path) -> None:
    given = [datasets / "brain.imzML", datasets / "slide"]
    ended = annotate(ionbox, datasets, *given)
    assert ended.code == 0, ended.err
    assert list(rows(ended)) == ["brain", "liver"]
    assert (ended.out + ended.err).replace("\n", "").isprintable()  # no colours, no moves
    steps = [line.partition(" ")[0] for line in ended.err.splitlines() if "/9 " in line]
    of_one = {f"{n}/9" for n in range(1, 10)}
    first, second = (index for index, step in enumerate(steps) if step == "1/9")
    assert first == 0
    assert [set(steps[:second]), set(steps[second:])] == [of_one, of_one]
    for kept in (datasets.parent / "cache" / "ionbox" / "results" / "results").glob("*/*"):
        for name in ("annotations.csv#1", "ion_images.zarr/zarr.json#12"):
            (kept / name).touch()  # as a store leaves it that is killed while it writes
    single = ionbox(
        *("annotate", given[0], "--database", datasets.parent / "sugars.tsv", "--out", "single"),
        *FLAGS,
        *("--resolving-power", "140000"),
    )
    assert single.code == 0
    assert not list((datasets.parent / "single").rglob("*#*"))
    assert copied(datasets.parent / "out", "brain", datasets.parent / "copied")
    for name in ("annotations.csv", "report.html"):
        several = (datasets.parent / "out" / "brain" / name).read_bytes()
        assert (datasets.parent / "single" / name).read_bytes() == several


def test_a_cancel_ends_all_of_them(
    ionbox: Command, datasets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(machine, "check", interrupt)
    ended = annotate(ionbox, datasets, datasets)
    assert ended.code == 130
    assert "the same command resumes" in ended.err
    assert "dataset 2" not in ended.err


@pytest.mark.usefixtures("ctrl_c")
def test_a_signal_that_is_too_late_for_one_ends_the_rest(
    ionbox: Command, datasets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, calls = outcome.write_status, []

    def interrupted(*arguments: Any) -> None:
        whole(*arguments)
        calls.append(arguments)
        if len(calls) == 2:  # half copied, and then succeeded: nothing looks for signals after that
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(outcome, "write_status", interrupted)
    ended = annotate(ionbox, datasets, datasets)
    assert ended.code == 130
    assert "dataset 1 of 3" in ended.err
    assert "dataset 2 of 3" not in ended.err
    assert (datasets.parent / "out" / "brain" / "run.json").exists()


# --- which they are -------------------------------------------------------------------------------


def test_results_are_named_as_the_imzml(tmp_path: Path) -> None:
    (tmp_path / "a.IMZML").touch()
    members = find_members([tmp_path, tmp_path / "b.imzML"], tmp_path / "out")
    assert members == [
        Member(tmp_path / "a.IMZML", tmp_path / "out" / "a"),
        Member(tmp_path / "b.imzML", tmp_path / "out" / "b"),  # whoever annotates it, misses it
    ]


def test_results_and_hidden_folders_are_no_datasets(tmp_path: Path) -> None:
    for folder in ("out/a", ".trash", "data"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / f"{folder[-1]}.imzML").touch()
    (found,) = find_members([tmp_path], tmp_path / "out")
    assert found.imzml == tmp_path / "data" / "a.imzML"


@pytest.mark.parametrize("out", [".", "data"])
def test_results_may_go_beside_the_data(tmp_path: Path, out: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.imzML").touch()
    (found,) = find_members([tmp_path / out], tmp_path / out)
    assert found.imzml == tmp_path / "data" / "a.imzML"


def test_all_files_of_a_folder_may_be_named(tmp_path: Path) -> None:
    names = ("a.imzML", "a.ibd", "a.json", "b.IBD")
    members = find_members([tmp_path / name for name in names], tmp_path / "out")
    assert [member.imzml.name for member in members] == ["a.imzML", "b.IBD"]  # b's is asked for


def test_a_dataset_that_is_given_twice_is_one(tmp_path: Path) -> None:
    (tmp_path / "a.imzML").touch()
    given = [tmp_path / "a.imzML", tmp_path, tmp_path / ".." / tmp_path.name / "a.imzML"]
    assert len(find_members(given, tmp_path / "out")) == 1


@pytest.mark.parametrize("name", ["a.imzML", "A.imzML"])
def test_two_of_one_name_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "day2").mkdir()
    given = [tmp_path / "a.imzML", tmp_path / "day2" / name]
    for path in given:
        path.touch()
    with pytest.raises(InvalidDataset, match=rf"a.imzML and .*day2/{name}: both results"):
        find_members(given, tmp_path / "out")


def test_a_folder_without_any_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset, match="has no imzML in it"):
        find_members([tmp_path], tmp_path / "out")


def test_results_of_one_dataset_are_no_place_for_many(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"run_id": "r1"}')
    with pytest.raises(InvalidConfig, match="has the results of one dataset"):
        find_members([tmp_path / "a.imzML", tmp_path / "b.imzML"], tmp_path)
