"""What the campaign runs: one command on a tiny dataset, and what it gives undisturbed."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.campaign.command import TRIAL, Command, Ended, Prepare, hasten, run_here, start
from tests.cloud_builders import database_table, lipid_like_formulas, simulate
from tests.end_to_end.laptop import SETTINGS, processes_told

FORMULAS = lipid_like_formulas(14, 15)

APART = {"run.json", "report.html", "status.json", "sources.json"}
"""Files that tell the time and the place: they are to be there. What the first two hold, `annotate`
compares with the seal and the checksums of run.json."""


@dataclass(frozen=True)
class Place:
    """The folders of one trial."""

    root: Path

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def out(self) -> Path:
        return self.root / "out"

    def processes(self) -> list[int]:
        """Workers and tasks of the commands that were started here."""
        return processes_told(TRIAL, str(self.root))

    def kept(self) -> list[list[Path]]:
        """What the next run finds and may use, one list for each kind of object."""
        kinds = [kind for kind in (self.work / "work").iterdir() if kind.name != "executions"]
        return [_files(kind) for kind in (*kinds, self.work / "results" / "segments")]

    def published(self) -> list[list[Path]]:
        """The results, where they are published and where people get them."""
        return [_files(self.work / "results" / "results"), _files(self.out)]


def _files(folder: Path) -> list[Path]:
    """Files below a folder, in an order that depends neither on the disk nor on the clock."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(found, key=lambda path: (path.name, path.stat().st_size, str(path)))


@dataclass(frozen=True)
class Run:
    """A command that was started, and where its results go."""

    command: Command
    out: Path

    def end(self) -> Ended:
        """Wait for its end, and read its results then.

        Raises
        ------
        Stuck
            If it does not come.
        """
        return Ended(*self.command.end(), results_in(self.out))


@dataclass(frozen=True)
class Subject:
    """The dataset, its molecule table, and a place where nothing disturbed the command."""

    root: Path

    @classmethod
    def make(cls, root: Path) -> Subject:
        """Simulate the dataset and annotate it, with each number of workers that trials have."""
        simulate(root / "tissue.imzML", FORMULAS, n_ions=8, n_noise_peaks=20)
        (root / "lipids.tsv").write_bytes(database_table(FORMULAS))
        subject = cls(root)
        os.environ["XDG_CACHE_HOME"] = str(root / "cache")  # for parsed state machines
        hasten(root / "annotate.asl.json")
        for n_workers in (2, 1):
            code = run_here(subject.arguments(subject.sound, n_workers=n_workers))
            assert code == 0, f"exit code {code} of an undisturbed run"
        return subject

    @property
    def sound(self) -> Place:
        return Place(self.root / "sound")

    @cached_property
    def expected(self) -> dict[str, bytes]:
        """The files of an undisturbed run."""
        return results_in(self.sound.out)

    @cached_property
    def n_objects(self) -> int:
        """How many files an undisturbed run leaves in its work folder."""
        return count_files(self.sound.work)

    def copy_sound(self, place: Place) -> None:
        """Make a place what it would be after an undisturbed run."""
        shutil.copytree(self.sound.root, place.root)

    def arguments(
        self, place: Place, *more: str, out: Path | None = None, n_workers: int
    ) -> list[str]:
        """Return what is typed after ``ionbox``."""
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()]
        files = [f"--database={self.root / 'lipids.tsv'}", f"--out={out or place.out}"]
        return [
            *("annotate", str(self.root / "tissue.imzML"), *files, f"--work={place.work}"),
            *(*flags, "--adduct=+H", f"--workers={n_workers}", *more),
        ]

    def start(
        self,
        place: Place,
        *more: str,
        prepare: Prepare | None = None,
        out: Path | None = None,
        n_workers: int = 1,
    ) -> Run:
        """Start the command; ``more`` are flags on top of the usual ones."""
        place.root.mkdir(parents=True, exist_ok=True)
        arguments = self.arguments(place, *more, out=out, n_workers=n_workers)
        return Run(start(arguments, str(place.root), prepare), out or place.out)


def results_in(out: Path) -> dict[str, bytes]:
    """Read the results that people get."""
    names = (path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    return {name: b"" if name in APART else (out / name).read_bytes() for name in names}


def count_files(folder: Path) -> int:
    """Count the files below a folder, which may be changing."""
    return sum(1 for _ in folder.rglob("*.*")) if folder.exists() else 0
