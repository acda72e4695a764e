"""Tries inputs in a process with bounds, so that a crash, a hang or a flood is an outcome too."""

from __future__ import annotations

import multiprocessing
import resource
import signal
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from types import FrameType

from tests.fuzz.inputs import CASES, KINDS, Wrong

MOST_CPU_S = 10.0
MOST_BYTES = 2 * 1024**3
HANGS_S = 300.0
"""After this without an answer a process is ended: what it is in cannot be interrupted."""

FAILURES = ("WRONG", "UNCAUGHT", "OVER 10 S", "OVER 2 GB", "CRASHED", "HANGS")


@dataclass(frozen=True)
class Tried:
    """One input and how it was answered, or how it failed."""

    seed: int
    kind: str
    answer: str
    detail: str = ""

    @property
    def failed(self) -> bool:
        return self.answer in FAILURES


class TooLong(BaseException):
    """Raised in what takes too long; no ``except Exception`` on the way may catch it."""


def stop(number: int, frame: FrameType | None) -> None:
    """End an input that takes too long: a handler of signals."""
    raise TooLong


def kind_of(seed: int) -> str:
    """Return what kind of input a seed makes."""
    return KINDS[seed % len(KINDS)]


def try_input(seed: int) -> Tried:
    """Make one input and try it in this process."""
    kind, detail = kind_of(seed), ""
    began = time.process_time()
    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, MOST_CPU_S)
    try:
        with tempfile.TemporaryDirectory(prefix="ionbox-fuzz-") as folder:
            answer = CASES[kind](Random(seed), Path(folder))
    except TooLong:
        answer, detail = "OVER 10 S", traceback.format_exc()
    except Wrong as wrong:
        answer, detail = "WRONG", str(wrong)
    except MemoryError:
        answer, detail = "OVER 2 GB", traceback.format_exc()
    except Exception:  # noqa: BLE001 (which is what is looked for)
        answer, detail = "UNCAUGHT", traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    if time.process_time() - began > MOST_CPU_S and answer not in FAILURES:
        answer = "OVER 10 S"
    return Tried(seed, kind, answer, detail)


def try_block(seeds: range, answers: Connection) -> None:
    """Try inputs one after another within the bounds; send the outcome of each."""
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))
    for seed in seeds:
        answers.send(try_input(seed))


def try_all(seeds: range) -> Iterator[Tried]:
    """Try inputs in a process of their own; another one goes on behind what ends it."""
    context = multiprocessing.get_context("spawn")
    at = seeds.start
    while at < seeds.stop:
        answers, theirs = context.Pipe(duplex=False)
        process = context.Process(target=try_block, args=(range(at, seeds.stop), theirs))
        process.start()
        theirs.close()
        try:
            while at < seeds.stop:
                if not answers.poll(HANGS_S):
                    yield Tried(at, kind_of(at), "HANGS", f"no answer for {HANGS_S:.0f} s")
                    break
                yield answers.recv()
                at += 1
        except EOFError:
            process.join(HANGS_S)
            yield Tried(at, kind_of(at), "CRASHED", f"exit code {process.exitcode}")
        finally:
            process.kill()
            process.join(HANGS_S)
            answers.close()
        at += 1
