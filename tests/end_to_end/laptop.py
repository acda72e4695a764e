"""Runs as a user starts them, with a look at which functions were really called."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from ionbox.datasets.annotate import annotate
from ionbox.datasets.outcome import Outcome
from ionbox.local import machine
from ionbox.local.functions import IONBOX, Project
from ionbox.local.machine import ExecutionResult
from ionbox_cloud.messages import ConfigLayer

from tests.cloud_builders import database_table, lipid_like_formulas
from tests.shared_workers import WORKERS

SETTINGS = {
    "polarity": "positive",
    "analyzer": "Orbitrap",
    "resolving_power": 140_000,
    "decoys": 4,  # a fifth of the time
}
LIKE_METASPACE = {"decoy_kind": "metals", "recalibrate": False, "competition": False}
"""What METASPACE does not do, switched off."""

ACIDS = lipid_like_formulas(8, 22)
WAXES = lipid_like_formulas(18, 36)  # shares formulas with the acids
BITTERS = lipid_like_formulas(5, 9)


def processes_told(variable: str, value: str) -> list[int]:
    """Processes that were started with an environment variable."""
    told = f"{variable}={value}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if told in entry.read_bytes().split(b"\0"):
                found.append(int(entry.parent.name))
        except OSError:
            pass  # it has just ended
    return found


@dataclass(frozen=True)
class LaptopRun:
    """A run that ended, however it did."""

    outcome: Outcome
    result: ExecutionResult
    out: Path

    @property
    def n_calls(self) -> dict[str, int]:
        """How often each function was called."""
        return dict(Counter(call.state for call in self.result.calls))

    @property
    def table(self) -> bytes:
        """``annotations.csv``."""
        return (self.out / "annotations.csv").read_bytes()

    @property
    def rows(self) -> list[dict[str, str]]:
        """The annotations."""
        _, *lines = self.table.decode().splitlines()
        return list(csv.DictReader(lines))

    @property
    def record(self) -> dict[str, Any]:
        """What ``run.json`` holds."""
        assert self.outcome.record is not None, self.outcome.status
        return self.outcome.record.to_json()

    @property
    def message(self) -> str:
        """What ``status.json`` says went wrong."""
        assert self.outcome.status.message is not None
        return self.outcome.status.message

    @property
    def advice(self) -> str:
        """What ``status.json`` says is to be done about it."""
        assert self.outcome.status.advice is not None
        return self.outcome.status.advice

    def succeeded(self) -> LaptopRun:
        """This run, which must have succeeded."""
        assert self.outcome.succeeded, self.outcome.status
        return self


@dataclass(frozen=True)
class Laptop:
    """A folder with databases, a work folder that runs share, and one result folder per run."""

    root: Path

    def database(self, name: str, formulas: Sequence[str], *, shuffled: bool = False) -> Path:
        """Write a molecule table."""
        path = self.root / "databases" / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(database_table(formulas, shuffled=shuffled))
        return path

    @property
    def work(self) -> Path:
        return self.root / "work"

    def command_line(
        self, code: str, imzml: Path, *first: str, work: Path | None = None, n_workers: int
    ) -> list[str | Path]:
        """Return a command that annotates in a process of its own, whose Python runs ``code``.

        ``first`` are arguments of the code, before those of ``ionbox annotate``.
        """
        table = self.database("acids", ACIDS[:40])
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()]
        annotate: list[str | Path] = ["annotate", imzml, *flags, "--workers", str(n_workers)]
        annotate += ["--database", table, "--out", self.root / "out", "--work", work or self.work]
        return [sys.executable, "-c", code, *first, *annotate]

    def _handlers(self, *, many_images: bool) -> Path:
        """Return the folder of functions, of which EstimateFdr may take any images for many."""
        if not many_images:
            return IONBOX.handlers
        folder = self.root / "functions"
        shutil.copytree(IONBOX.handlers, folder, dirs_exist_ok=True)
        handler = folder / "estimate_fdr" / "handler.py"
        bound = "import ionbox_cloud.planning.comparison as c\nc.PRODUCTS_OF_ONE_CALL = 0\n"
        handler.write_text(handler.read_text("utf-8") + bound, "utf-8")
        return folder

    def _project(self, rungs_mb: Mapping[str, Sequence[int]], handlers: Path) -> Project:
        table = json.loads(IONBOX.table.read_text("utf-8"))
        for state, rungs in rungs_mb.items():
            table["functions"][state]["rungs_mb"] = list(rungs)
        path = self.root / "functions.json"
        path.write_text(json.dumps(table), "utf-8")
        return replace(IONBOX, table=path, handlers=handlers)

    def annotate(
        self,
        imzml: Path,
        databases: Sequence[Path],
        settings: Mapping[str, Any] | None = None,
        *,
        n_workers: int = 1,
        out: Path | None = None,
        rungs_mb: Mapping[str, Sequence[int]] | None = None,
        new_workers: bool = False,
        many_images: bool = False,
    ) -> LaptopRun:
        """Annotate; ``settings`` come on top of `SETTINGS`, results go to a new folder.

        ``rungs_mb`` are other sizes of some functions than those of the table. ``new_workers`` are
        for this run alone and know its environment; else it shares those of other tests. With
        ``many_images`` they are new, too, and CompareImages compares the images.
        """
        out = out or self.root / f"out-{len(list(self.root.glob('out-*')))}"
        config = [ConfigLayer("the test", {**SETTINGS, **(settings or {})})]
        results = []

        def run_and_keep(*args: Any, **options: Any) -> ExecutionResult:
            handlers = self._handlers(many_images=many_images)
            project = self._project(rungs_mb or {}, handlers)
            results.append(run_execution(*args, **options, project=project))
            return results[-1]

        run_execution = machine.run_execution
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(machine, "run_execution", run_and_keep)
            outcome = annotate(
                imzml,
                databases,
                out,
                config,
                work=self.work,
                n_workers=n_workers,
                reserve=None if new_workers or many_images else WORKERS,
            )
        return LaptopRun(outcome, results[0], out)
