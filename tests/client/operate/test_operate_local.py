"""list, status, logs and fetch of runs of this machine: the same commands, another back end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ionbox_cloud import keys

from tests.client.operating import Command, record, traces_in_results, traces_in_work, write_files

RUN = "20261120-095900-0a1b2c3d"


@pytest.fixture
def work(tmp_path: Path, own_environment: None) -> Path:
    """A work folder with one run that succeeded."""
    folder = tmp_path / "cache" / "ionbox"
    write_files(folder / "work", *traces_in_work(RUN))
    plan = {"dataset": {"name": "brain", "imzml_key": f"{RUN}/brain.imzML"}}
    write_files(folder / "work", (keys.run_plan(RUN), plan))
    write_files(folder / "results", *traces_in_results(RUN, "brain"))
    line = (
        '{"level":"INFO","message":"planned","timestamp":"2026-11-20 09:59:01,000+0000",'
        '"state":"PlanRun","execution_id":"x"}\nplain words\n'
    )
    write_files(folder, (f"logs/{RUN}.log", line.encode()))
    return folder


def test_runs_are_listed_without_an_aws_account(work: Path, operate: Command) -> None:
    ended = operate("list", "--local")
    assert ended.code == 0
    row = ended.out.splitlines()[1].split()
    assert row[:3] == [RUN, "brain", "succeeded"]
    assert row[-1] == "1,234"
    assert ended.out.splitlines()[0].split()[-4:] == ["dollars", "on", "AWS", "annotations"]
    assert row[-2] == "0.0017"  # nothing was paid


def test_another_work_folder_may_be_named(work: Path, operate: Command, tmp_path: Path) -> None:
    work.rename(tmp_path / "elsewhere")
    assert RUN in operate("list", "--work", "elsewhere").out


def test_a_folder_that_is_not_there_is_named(own_environment: None, operate: Command) -> None:
    ended = operate("list", "--work", "nowhere")
    assert ended.code == 1
    assert "nowhere: no such work folder" in ended.err


def test_status_is_that_of_the_dataset_s_newest_run(work: Path, operate: Command) -> None:
    ended = operate("status", "brain", "--local")
    assert ended.code == 0
    assert "AnnotateSegments  2 of 3" in ended.out
    assert "cost         nothing; on AWS about 0.0017 dollars\n" in ended.out
    assert "peak MB  dollars on AWS\n" in ended.out
    assert f"ionbox fetch {RUN} --local --out brain" in ended.out


@pytest.mark.parametrize(("linked", "status"), [(True, "running"), (False, "interrupted")])
def test_a_run_without_an_end_runs_while_its_files_are_linked(
    work: Path, operate: Command, linked: bool, status: str
) -> None:
    name = "20261121-100000-00000000"
    write_files(work / "work", (keys.record(name, "PlanRun", 0), record("PlanRun", 0)))
    if linked:
        (work / "inbox" / name).mkdir(parents=True)
    assert operate("list", "--local").out.splitlines()[1].split()[2] == status


def test_a_failure_says_why(work: Path, operate: Command) -> None:
    name = "20261121-100000-00000000"
    status = {"status": "invalid_input", "message": "no ibd", "advice": "Copy it.", "dataset": "x"}
    write_files(work / "results", (keys.status(name), status))
    out = operate("status", name, "--local").out
    assert "invalid input" in out
    assert "why: no ibd\nCopy it." in out


def test_logs_are_those_of_the_log_file(work: Path, operate: Command) -> None:
    ended = operate("logs", RUN, "--local")
    assert ended.code == 0
    assert "PlanRun" in ended.out
    assert "plain words" in ended.out
    assert "plain words" not in operate("logs", RUN, "--local", "--state", "PlanRun").out
    (work / "logs" / f"{RUN}.log").write_bytes(b"")
    assert "logged nothing" in operate("logs", RUN, "--local").out


def test_results_are_copied_and_checked(work: Path, operate: Command, tmp_path: Path) -> None:
    ended = operate("fetch", "brain", "--out", "out", "--local")
    assert ended.code == 0
    assert (tmp_path / "out" / "run.json").is_file()
    again = operate("fetch", "brain", "--out", "out", "--local")
    assert "0 files, 0.0 MB; 3 were there already" in again.out


def test_a_real_run_is_found_with_its_states(
    own_environment: None, operate: Command, tmp_path: Path
) -> None:
    operate("lipids", "lipids.tsv")
    lines = Path("lipids.tsv").read_text().splitlines(keepends=True)
    Path("lipids.tsv").write_text("".join(lines[:1] + lines[1::40]))
    operate(
        *("simulate", "section.imzML", "--database", "lipids.tsv", "--width", "8"),
        *("--height", "6", "--ions", "20", "--noise", "10"),
    )
    annotated = operate(
        *("annotate", "section.imzML", "--database", "lipids.tsv", "--out", "out"),
        *("--adduct=+H", "--decoys", "4"),
    )
    assert annotated.code == 0
    out = operate("status", "section", "--local").out
    assert "status       succeeded" in out
    states = [line.split()[0] for line in out.splitlines() if " of " in line]
    assert {"GenerateIsotopePatterns", "AnnotateSegments"} <= set(states)
    assert operate("fetch", "section", "--local", "--out", "copy").code == 0
    for name in ("annotations.csv", "run.json"):
        assert Path("copy", name).read_bytes() == Path("out", name).read_bytes()
    assert "done in" in operate("logs", "section", "--local").out
    assert not [name for name in os.environ if name == "AWS_ENDPOINT_URL_LAMBDA"]
