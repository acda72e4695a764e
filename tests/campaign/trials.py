"""A trial: a fault, then the same command again; and what is to be said of it."""

from __future__ import annotations

import json
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.campaign.command import Ended, Stuck
from tests.campaign.faults import FAULTS
from tests.campaign.subject import Place, Subject
from tests.patience import wait_until

GOOD = ("identical", "refused")
BAD = ("WRONG", "UNNAMED", "STUCK", "LEFTOVERS")
REFUSED = (1, 3)
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CANCELLED = {128 + number for number in ENDING}
KILLED = {-number for number in (signal.SIGKILL, *ENDING)}


@dataclass(frozen=True)
class Trial:
    """What came of one fault.

    Attributes
    ----------
    seed, index : int
        They make it again, up to the moment at which a process is hit.
    fault : str
        Its name in `FAULTS`.
    outcome : str
        One of `GOOD` or `BAD`.
    detail : str
        What was done, how that ended, and what went wrong.
    """

    seed: int
    index: int
    fault: str
    outcome: str
    detail: str


def run_trial(subject: Subject, folder: Path, seed: int, index: int) -> Trial:
    """Carry out one trial; its folder stays only if it fails."""
    fault = list(FAULTS)[index % len(FAULTS)]
    random = Random(f"{seed} {index}")
    place = Place(folder / str(index))
    said = ""
    try:
        said, disturbed = FAULTS[fault](subject, place, random)
        codes = " and ".join(str(ended.code) for ended in disturbed)
        said += f" (exit code {codes})" if codes else ""
        again = subject.start(place).end()
        outcome, why = judge(subject, place, disturbed, again)
    except Stuck as stuck:
        outcome, why = "STUCK", str(stuck)
    trial = Trial(seed, index, fault, outcome, f"{said}: {why}" if why else said)
    if outcome in GOOD:
        shutil.rmtree(place.root)
    return trial


def judge(subject: Subject, place: Place, disturbed: list[Ended], again: Ended) -> tuple[str, str]:
    """Return a trial's outcome, and the reason if it is not the expected one."""
    for ended in [*disturbed, again]:
        if ended.code == 0 and ended.files != subject.expected:
            return "WRONG", f"after exit code 0 {differences(ended.files, subject.expected)}"
        if not is_named(ended, cancelled=ended is not again):
            return "UNNAMED", f"exit code {ended.code}: {ended.said[-2000:]}"
    if left := leftovers(place):
        return "LEFTOVERS", left
    if again.code in REFUSED:
        return "refused", again.said.strip().splitlines()[-1]
    status = json.loads((place.out / "status.json").read_bytes())
    return ("identical", "") if status["status"] == "succeeded" else ("WRONG", str(status))


def differences(found: dict[str, bytes], expected: dict[str, bytes]) -> str:
    """Name the files that are not as expected."""
    names = sorted(found.keys() | expected.keys())
    return ", ".join(name for name in names if found.get(name) != expected.get(name)) + " differ"


def is_named(ended: Ended, *, cancelled: bool) -> bool:
    """Tell whether a command ended well, or said in a sentence why not.

    One that was disturbed may also have been cancelled, or killed with no time to say anything.
    """
    if "Traceback" in ended.said:
        return False
    if ended.code == 0 or (cancelled and ended.code in KILLED):
        return True
    codes = {*REFUSED, *CANCELLED} if cancelled else set(REFUSED)
    return ended.code in codes and bool(ended.said.strip())


def leftovers(place: Place) -> str:
    """Name what is left of the runs: processes, links in the inbox, half-written files."""
    try:
        wait_until(lambda: not place.processes())
    except AssertionError:
        return f"processes {place.processes()}"
    inbox = place.work / "inbox"
    left = [*inbox.iterdir()] if inbox.exists() else []
    left += place.out.rglob(".*")
    left += place.work.rglob("*#*")  # the store writes under such a name first
    return ", ".join(path.name for path in left)
