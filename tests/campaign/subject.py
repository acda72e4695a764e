"""What the campaign runs: one command on a tiny dataset, and what it gives undisturbed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.cloud_builders import database_table, lipid_like_formulas, simulate
from tests.end_to_end.laptop import SETTINGS

FORMULAS = lipid_like_formulas(14, 16)
STUCK_S = 900.0
"""A command that takes 3 to 6 CPU seconds and has not ended after this never will."""

PLAIN = "from ionbox.cli.main import main; main()"

LIMITED = (
    "import resource, sys; limit = int(sys.argv.pop(1));"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit));" + PLAIN
)
"""No file may grow beyond a limit: a full disk, as far as a program can tell."""

OBEDIENT = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(24, 1, 0, 0, 0);"  # PR_CAPBSET_DROP
    f"os.execv(sys.executable, [sys.executable, '-c', {PLAIN!r}, *sys.argv[1:]])"
)
"""Gives up CAP_DAC_OVERRIDE first: a read-only folder is read-only for root, too."""

APART = {"run.json", "report.html", "status.json", "sources.json"}
"""Files that tell the time and the place; run.json's checksums are compared by `annotate`."""


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

    def objects(self) -> list[Path]:
        """Everything kept or published, in an order that does not depend on the disk or clock."""
        roots = (self.work / "work", self.work / "results", self.out)
        found = [path for root in roots for path in root.rglob("*") if path.is_file()]
        return sorted(found, key=lambda path: (path.name, path.stat().st_size, str(path)))


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, negative for a signal, what it said, its results."""

    code: int
    said: str
    files: dict[str, bytes]


class Stuck(Exception):  # noqa: N818 (an outcome)
    """A command that did not end."""


@dataclass(frozen=True)
class Subject:
    """The dataset, its molecule table, and a place where nothing disturbed the command."""

    root: Path

    @classmethod
    def make(cls, root: Path) -> Subject:
        """Simulate the dataset and annotate it once."""
        simulate(root / "tissue.imzML", FORMULAS, width=14, height=11, n_ions=20, n_noise_peaks=30)
        (root / "lipids.tsv").write_bytes(database_table(FORMULAS))
        subject = cls(root)
        ended = subject.run(subject.sound)
        assert ended.code == 0, ended.said
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

    def start(
        self, place: Place, code: str = PLAIN, *before: str, out: Path | None = None
    ) -> subprocess.Popen[str]:
        """Start the command; ``before`` are arguments of ``code`` itself."""
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()]
        files = [f"--database={self.root / 'lipids.tsv'}", f"--out={out or place.out}"]
        arguments = [
            *(sys.executable, "-c", code, *before),
            *("annotate", str(self.root / "tissue.imzML"), *files, f"--work={place.work}"),
            *(*flags, "--adduct=+H", "--workers=2"),
        ]
        place.root.mkdir(parents=True, exist_ok=True)
        return subprocess.Popen(
            arguments, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def run(self, place: Place, code: str = PLAIN, *before: str) -> Ended:
        """Run the command to its end."""
        return finish(self.start(place, code, *before), place.out)


def results_in(out: Path) -> dict[str, bytes]:
    """Read the results that people get."""
    names = (path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    return {name: (out / name).read_bytes() for name in names if name not in APART}


def finish(process: subprocess.Popen[str], out: Path) -> Ended:
    """Wait for a command's end, and read its results then.

    Raises
    ------
    Stuck
        If it does not come; the command is killed.
    """
    try:
        _, said = process.communicate(timeout=STUCK_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate(timeout=STUCK_S)
        raise Stuck(f"no end after {STUCK_S:.0f} s") from None
    return Ended(process.returncode, said, results_in(out))


def count_files(folder: Path) -> int:
    """Count the files below a folder, which may be changing."""
    return sum(1 for _ in folder.rglob("*.*")) if folder.exists() else 0
