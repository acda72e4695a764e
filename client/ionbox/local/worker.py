"""A worker process: takes one call after the other and answers each as Lambda would.

The pool starts it as ``python -m ionbox.local.worker [HANDLER ...]``; the files of handlers named
there are imported before the first call comes. Calls come in on what was standard input
and answers leave on what was standard output, one JSON line each; handlers see an empty standard
input, and whatever they print goes to the run's log.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import sys
import threading
from dataclasses import asdict, replace
from queue import SimpleQueue
from typing import BinaryIO

from ionbox.local.memory import PeakMeter, give_back_memory, resident_mb
from ionbox.local.progress.pipe import ProgressWriter
from ionbox.local.runtime import Call, answer_call, load_handler
from ionbox.local.uncollected import uncollected

# What libraries load when first used, and a little fragmentation, beyond start-up and handlers.
_MOST_KEPT_MB = 64


def main() -> None:
    """Answer calls until the pool closes the pipe, or until too much memory stays taken."""
    # Slurm and systemd tell all processes of a job to end. A worker leaves that to the runner: on
    # its own it would look as if its call had failed.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    calls, answers = _take_over_pipes()
    progress = ProgressWriter()
    queue: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_read_calls, args=(calls, queue), daemon=True).start()
    fresh_mb = resident_mb()
    with uncollected():
        for handler in sys.argv[1:]:
            fresh_mb += _load(handler)
    log = ""
    stale = False
    while not stale:
        call = Call(**json.loads(queue.get()))
        if call.log and call.log != log:
            log = _print_to(call.log)
        fresh_mb += _load(call.handler)
        meter = PeakMeter()
        with progress.reporting():
            answer = answer_call(call)
        answer = replace(answer, peak_memory_mb=meter.peak_mb())
        stale = _keeps_too_much(fresh_mb)
        with contextlib.suppress(OSError):  # a full disk: the log has an end, the call goes on
            sys.stdout.flush()  # so that the log has what a call printed before the next begins
        answers.write(json.dumps({"answer": asdict(answer), "stale": stale}).encode() + b"\n")
        answers.flush()


def _print_to(log: str) -> str:
    """Append whatever is printed from here on to a file; returns its path.

    If it cannot be opened nothing is kept, rather than in the log of another run; returns "".
    """
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    except OSError:
        descriptor, log = os.open(os.devnull, os.O_WRONLY), ""
    for number in (1, 2):
        os.dup2(descriptor, number)
    os.close(descriptor)
    return log


def _load(handler: str) -> float:
    """Load a handler if it is new; returns how much memory that took."""
    before = resident_mb()
    with contextlib.suppress(Exception):  # it is the call that reports it
        load_handler(handler)
    return resident_mb() - before


def _keeps_too_much(fresh_mb: float) -> bool:
    """Give memory back; tell whether the next call would be charged for what this one left."""
    give_back_memory()
    if resident_mb() <= fresh_mb + _MOST_KEPT_MB:
        return False
    gc.collect()  # takes a while, so only if the cheap way was not enough
    give_back_memory()
    return resident_mb() > fresh_mb + _MOST_KEPT_MB


def _take_over_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return the pipes to the pool, after putting others in place of standard input and output."""
    # Duplicates are not inherited: processes that a handler starts cannot hold the pipes open.
    calls = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # the pool made standard error the log file
    os.close(nothing)
    return calls, answers


def _read_calls(calls: BinaryIO, queue: SimpleQueue[bytes]) -> None:
    """Put calls into the queue until the pool closes the pipe, then end the process."""
    for line in calls:
        queue.put(line)
    # The pool is gone, perhaps killed: nobody wants the call in progress any more. A thread that
    # waits for this works on every system; Linux's parent-death signal is tied to the *thread*
    # that started the worker, and pool threads are short-lived.
    os._exit(1)


if __name__ == "__main__":
    main()
