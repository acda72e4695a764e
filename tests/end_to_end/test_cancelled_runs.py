"""A run that is told to end, at any moment: it says so, and nothing of it is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.laptop import Laptop, processes_told
from tests.patience import PATIENCE_S, RUN_S, started, wait_until

MOMENTS = {
    "while it starts": "logs/*.log",
    "with its files linked": "inbox/*/tissue.imzML",
    "once it is planned": "work/executions/*/plan.json",
    "while it sorts": "work/datasets/*",
    "while it publishes": "results/results/*/*/*",
}


RUN = "IONBOX_TEST_RUN"
"""A variable that whatever a run starts inherits, also before the run knows its folders."""


def environment(laptop: Laptop) -> dict[str, str]:
    return os.environ | {RUN: str(laptop.work)}


def processes_of(laptop: Laptop, but: int = 0) -> list[int]:
    """The processes of a run; ``but`` is left out."""
    return [pid for pid in processes_told(RUN, str(laptop.work)) if pid != but]


def command(laptop: Laptop, tissue: Path) -> list[str | Path]:
    code = "from ionbox.cli.main import main; main()"
    return laptop.command_line(code, tissue, n_workers=2)


@pytest.fixture
def started_run(laptop: Laptop, tissue: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Start a run and wait until it has left a trace."""
    processes = []

    def start(trace: str) -> subprocess.Popen[str]:
        options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        options["env"] = environment(laptop)
        process = subprocess.Popen(command(laptop, tissue), text=True, **options)
        processes.append(process)
        wait_until(lambda: list(laptop.work.glob(trace)) or process.poll() is not None, RUN_S)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate(timeout=PATIENCE_S)


@pytest.mark.parametrize("moment", MOMENTS)
def test_sigterm_is_a_cancel(
    laptop: Laptop, started_run: Callable[[str], subprocess.Popen[str]], moment: str
) -> None:
    process = started_run(MOMENTS[moment])
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=RUN_S)[1]
    status = json.loads((laptop.root / "out" / "status.json").read_text("utf-8"))
    ended = {143: "cancelled", 0: "succeeded"}  # it may have been through
    assert status["status"] == ended[process.returncode]
    assert moment != "once it is planned" or process.returncode == 143
    assert "Traceback" not in said
    assert list((laptop.work / "inbox").iterdir()) == []
    assert processes_of(laptop) == []
    assert list((laptop.root / "out").glob(".*")) == []


def test_a_signal_to_every_process_of_the_job_is_a_cancel_too(
    laptop: Laptop, started_run: Callable[[str], subprocess.Popen[str]]
) -> None:
    process = started_run("work/executions/*/plan.json")
    for pid in processes_of(laptop, process.pid):  # as Slurm and systemd do it, workers first
        os.kill(pid, signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    assert "cancelled: the same command resumes" in process.communicate(timeout=RUN_S)[1]
    assert process.returncode == 143
    assert processes_of(laptop) == []


@pytest.mark.usefixtures("hangup")
def test_a_closed_terminal_is_a_cancel(laptop: Laptop, tissue: Path) -> None:
    ours, theirs = os.openpty()
    terminal: dict[str, Any] = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    terminal |= {"start_new_session": True, "env": environment(laptop)}
    with started(command(laptop, tissue), **terminal) as process:
        os.close(theirs)
        wait_until(lambda: list(laptop.work.glob("work/executions/*/plan.json")), RUN_S)
        process.send_signal(signal.SIGHUP)
        os.close(ours)  # from here on whatever is written there fails
        assert process.wait(RUN_S) == 129
    status = json.loads((laptop.root / "out" / "status.json").read_text("utf-8"))
    assert status["status"] == "cancelled"
    assert list((laptop.work / "inbox").iterdir()) == []
    assert processes_of(laptop) == []


def test_what_a_killed_run_left_in_the_inbox_the_next_one_removes(
    laptop: Laptop, tissue: Path, started_run: Callable[[str], subprocess.Popen[str]]
) -> None:
    process = started_run("work/executions/*/plan.json")
    process.kill()
    process.wait(PATIENCE_S)
    assert len(list((laptop.work / "inbox").iterdir())) == 2  # its links, and its lock
    wait_until(lambda: processes_of(laptop) == [], RUN_S)
    half_written = laptop.work / "work" / "segment-00001.bin#1"
    half_written.touch()
    again = started_run("results/results/*/*/run.json")
    _, said = again.communicate(timeout=RUN_S)
    assert again.returncode == 0, said
    assert list((laptop.work / "inbox").iterdir()) == []
    assert not half_written.exists()
