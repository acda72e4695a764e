"""The faults of the campaign: each disturbs one command, and says what it did."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

from tests.campaign.command import STUCK_S, Command, Ended, limit_files, obey_modes
from tests.campaign.subject import Place, Run, Subject, count_files
from tests.patience import wait_until

Disturbed = tuple[str, list[Ended]]
"""What was done, and how each command that was disturbed ended."""

Fault = Callable[[Subject, Place, Random], Disturbed]


def wait_for(condition: Callable[[], object], run: Run) -> None:
    """Wait until something is so, or a run has ended; one that is stuck is left for `Run.end`."""
    with suppress(AssertionError):
        wait_until(lambda: condition() or not run.command.runs, STUCK_S)


def wait_for_moment(subject: Subject, place: Place, run: Run, share: float) -> None:
    """Wait until a run has written a share of its files; so that moments suit any machine."""
    wait_for(lambda: count_files(place.work) >= share * subject.n_objects, run)


def send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def interrupted(
    subject: Subject, place: Place, random: Random, act: Callable[[Command], str]
) -> Disturbed:
    """Start the command in an empty folder and disturb it at a random moment."""
    share, delay, n_workers = random.random(), random.random() * 0.1, random.choice([1, 2])
    run = subject.start(place, n_workers=n_workers)
    wait_for_moment(subject, place, run, share)
    time.sleep(delay)
    done = act(run.command)
    return f"{done} at {share:.0%} of its files", [run.end()]


def kill_worker(subject: Subject, place: Place, random: Random) -> Disturbed:
    """SIGKILL a worker, or several in a row."""

    def act(command: Command) -> str:
        del command
        n_kills, n_hit = random.choice([1, 1, 2, 5]), 0
        for _ in range(n_kills):
            if workers := place.processes():
                send(random.choice(workers), signal.SIGKILL)
                n_hit += 1
            time.sleep(0.1)
        return f"SIGKILL of {n_hit} workers"

    return interrupted(subject, place, random, act)


def kill_task(subject: Subject, place: Place, random: Random) -> Disturbed:
    """SIGKILL the sort task at a random moment of its life."""
    delay, n_kills, n_hit = random.random() ** 2, random.choice([1, 1, 2, 4]), 0
    run = subject.start(place, "--sort=fargate")
    for _ in range(n_kills):
        wait_for(lambda: tasks_in(place), run)
        time.sleep(delay)
        for pid in tasks_in(place):
            send(pid, signal.SIGKILL)
            n_hit += 1
    return f"SIGKILL of {n_hit} sort tasks after {delay:.1f} s", [run.end()]


def tasks_in(place: Place) -> list[int]:
    """Sort tasks that work in a place."""
    found = []
    for pid in place.processes():
        with suppress(OSError):  # it has just ended
            if b"ionbox.local.task_process" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def kill_main(subject: Subject, place: Place, random: Random) -> Disturbed:
    """SIGKILL the command itself."""

    def act(command: Command) -> str:
        send(command.pid, signal.SIGKILL)
        return "SIGKILL of the command"

    return interrupted(subject, place, random, act)


def terminate(subject: Subject, place: Place, random: Random) -> Disturbed:
    """SIGTERM, SIGINT or SIGHUP for the command, or for all its processes."""

    def act(command: Command) -> str:
        number = random.choice([signal.SIGTERM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
        everybody = random.random() < 0.5
        for pid in place.processes() if everybody else ():
            send(pid, number)
        send(command.pid, number)
        return f"{number.name} of {'all processes' if everybody else 'the command'}"

    return interrupted(subject, place, random, act)


def stop_and_continue(subject: Subject, place: Place, random: Random) -> Disturbed:
    """SIGSTOP the command or a worker for a while."""

    def act(command: Command) -> str:
        pid = random.choice([command.pid, *place.processes()])
        send(pid, signal.SIGSTOP)
        pause = random.uniform(0.1, 4)
        time.sleep(pause)
        send(pid, signal.SIGCONT)
        who = "the command" if pid == command.pid else "a worker"
        return f"SIGSTOP of {who} for {pause:.1f} s"

    return interrupted(subject, place, random, act)


def choose(kinds: list[list[Path]], random: Random) -> list[Path]:
    """Choose some files, each kind of file as often as any other."""
    kinds = sorted(kinds, key=lambda files: [path.name for path in files])
    chosen = (random.choice(random.choice(kinds)) for _ in range(random.choice([1, 2, 3, 6])))
    return list(dict.fromkeys(chosen))


def delete_objects(subject: Subject, place: Place, random: Random) -> Disturbed:
    """Delete objects between two runs."""
    subject.copy_sound(place)
    gone = choose(place.kept() + place.published(), random)
    for path in gone:
        path.unlink()
    return "deleted " + ", ".join(path.name for path in gone), []


def damage(path: Path, random: Random) -> str:
    """Damage a file in one way; return what was done."""
    data = bytearray(path.read_bytes())
    ways = ["a bit", "overwritten", "overwritten", "cut", "emptied", "appended to"]
    way = random.choice(ways) if data else "appended to"
    if way == "overwritten":
        begin = random.randrange(len(data))
        data[begin : begin + 4096] = random.randbytes(len(data[begin : begin + 4096]))
    elif way == "a bit":
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    elif way == "cut":
        del data[random.randrange(len(data)) :]
    elif way == "emptied":
        data.clear()
    else:
        data += random.randbytes(random.choice([1, 8, 5000]))
    path.write_bytes(bytes(data))
    return f"{path.name}: {way}"


def damage_objects(subject: Subject, place: Place, random: Random) -> Disturbed:
    """Damage objects between two runs."""
    subject.copy_sound(place)
    chosen = choose(place.kept() + place.published(), random)
    return "; ".join(damage(path, random) for path in chosen), []


def damage_and_forget(subject: Subject, place: Place, random: Random) -> Disturbed:
    """Damage what is kept where the results, and often what led to them, are gone.

    So the next run must use what was damaged, or find that it cannot.
    """
    subject.copy_sound(place)
    for path in (place.work / "results" / "results").rglob("run.json"):
        path.unlink()
    gone = random.choice([(), ("runs",), ("runs", "scores"), ("runs", "scores", "patterns")])
    for kind in gone:
        shutil.rmtree(place.work / "work" / kind)
    said = [damage(path, random) for path in choose(place.kept(), random)]
    return f"no {', '.join(('run.json', *gone))}; {'; '.join(said)}", []


def fill_disk(subject: Subject, place: Place, random: Random) -> Disturbed:
    """Run with no room for files beyond a random size."""
    limit = int(10 ** random.uniform(1, 5))
    return f"no file beyond {limit} bytes", [subject.start(place, prepare=limit_files(limit)).end()]


def lock_folder(subject: Subject, place: Place, random: Random) -> Disturbed:
    """Run in a work or results folder that is read-only, empty or with everything in it."""
    if random.random() < 0.5:
        subject.copy_sound(place)
    folder = random.choice([place.work, place.out])
    folder.mkdir(parents=True, exist_ok=True)
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for path in folders:
        path.chmod(0o555)
    try:
        ended = subject.start(place, prepare=obey_modes).end()
    finally:
        for path in folders:
            path.chmod(0o755)
    return f"{folder.name} read-only", [ended]


def run_twice_at_once(subject: Subject, place: Place, random: Random) -> Disturbed:
    """Run the command twice at once in one work folder, for two folders of results."""
    other, share = place.root / "other", random.choice([0, random.random()])
    first = subject.start(place)
    wait_for_moment(subject, place, first, share)
    second = subject.start(place, out=other)
    said = f"a second run when the first had written {share:.0%} of its files"
    return said, [second.end(), first.end()]


FAULTS: dict[str, Fault] = {
    "SIGKILL of a worker": kill_worker,
    "SIGKILL of the sort task": kill_task,
    "SIGKILL of the command": kill_main,
    "SIGTERM, SIGINT, SIGHUP": terminate,
    "SIGSTOP, then SIGCONT": stop_and_continue,
    "objects deleted": delete_objects,
    "objects damaged": damage_objects,
    "objects damaged, nothing published": damage_and_forget,
    "disk full": fill_disk,
    "folder read-only": lock_folder,
    "two runs at once": run_twice_at_once,
}
