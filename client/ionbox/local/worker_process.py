"""Worker processes, seen from the process that runs the state machine.

`Worker` is one of them; what it does inside is `ionbox.local.worker`. `Reserve` has those that
belong to no pool at the moment.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO

from ionbox.local.progress.pipe import Gauge
from ionbox.local.runtime import LASTING_ENVIRONMENT, MEMORY_TUNING, Answer, Call, error_answer

_EXIT_S = 5.0  # for a process to be gone after its pipe has closed


class Worker:
    """One worker process. Used by one thread at a time, except for `kill`.

    Parameters
    ----------
    environment
        All environment variables of the process.
    log
        File that receives what handlers print until a call names another; it is appended to.
    handlers
        Files of handlers to import before the first call comes.

    Attributes
    ----------
    gauge : Gauge
        Says how far its call is.
    """

    def __init__(
        self, environment: Mapping[str, str], log: Path, handlers: Sequence[Path] = ()
    ) -> None:
        self.gauge = Gauge()
        with log.open("ab") as log_file, self.gauge.passed_on() as (told, descriptors):
            self._process = subprocess.Popen(
                # -P: a file in the user's folder must not shadow a module
                [sys.executable, "-P", "-m", "ionbox.local.worker", *handlers],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log_file,
                env={**MEMORY_TUNING, **environment, **told},
                pass_fds=descriptors,
                # Ctrl-C is for the runner, which then stops the workers in order; and a session
                # of its own makes what a handler started killable with it.
                start_new_session=True,
            )
        self._timed_out = False
        self._stale = False

    @property
    def pid(self) -> int:
        """Id of the process, and of its process group."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    @property
    def reusable(self) -> bool:
        """Whether it can take another call, unburdened by the calls it had."""
        return self.alive and not self._stale

    def call(self, call: Call) -> Answer:
        """Run one call and wait for its answer.

        A worker that dies or is too slow is answered for, with the error name and text of Lambda.
        """
        killer = threading.Timer(call.timeout_s, self._kill_late)
        killer.daemon = True
        killer.start()
        try:
            line = self._exchange(json.dumps(asdict(call)).encode() + b"\n")
        finally:
            killer.cancel()
            killer.join()  # from here on it cannot hit the worker's next call
        if not line.endswith(b"\n"):  # the pipe closed before or within the answer
            return self._death(call)
        report = json.loads(line)
        self._stale = report["stale"]
        return Answer(**report["answer"])

    def _exchange(self, line: bytes) -> bytes:
        calls, answers = self._pipes()
        with contextlib.suppress(BrokenPipeError):  # then there is no answer either
            calls.write(line)
            calls.flush()
        return answers.readline()

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout

    def _kill_late(self) -> None:
        self._timed_out = True
        self.kill()

    def _death(self, call: Call) -> Answer:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_S)  # the pipe closes a moment before the process is gone
        self.kill()
        status = self._process.wait()
        if self._timed_out:
            text = f"Task timed out after {call.timeout_s:.2f} seconds"
            return platform_error("Sandbox.Timedout", text, call)
        reason = exit_reason(status)
        answer = platform_error("Runtime.ExitError", f"Runtime exited {reason}", call)
        return replace(answer, death=reason)

    def kill(self) -> None:
        """Kill the process and what it started; harmless when they are dead already."""
        self._stale = True  # for the moment in which it still looks alive
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def dispose(self) -> None:
        """Kill the process, wait for its end and close the pipes."""
        self.kill()
        self._process.wait()
        calls, answers = self._pipes()
        with contextlib.suppress(BrokenPipeError):
            calls.close()
        answers.close()
        self.gauge.close()


def platform_error(error: str, text: str, call: Call) -> Answer:
    return error_answer(error, f"RequestId: {call.request_id} Error: {text}", call.request_id)


KILLED = (signal.strsignal(signal.SIGKILL) or "").lower()


def exit_reason(status: int) -> str:
    if status == 0:
        return "without providing a reason"
    if status > 0:
        return f"with error: exit status {status}"
    name = signal.strsignal(-status) or f"signal {-status}"
    return f"with error: signal: {name.lower()}"


class Reserve:
    """Worker processes that belong to no pool: started ahead of it, or left by the one before.

    A worker takes half a second to import what handlers need. One that is started as soon as a
    command knows that there will be a run does so while the command imports what it needs itself.
    """

    def __init__(self) -> None:
        self._workers: list[Worker] = []

    def __enter__(self) -> Reserve:
        return self

    def __exit__(self, *_: object) -> None:
        while worker := self.take():
            worker.dispose()

    def start(self, handlers: Sequence[Path]) -> None:
        """Start a worker, which imports the files of handlers at once.

        It prints nothing until it is called: where it fails, the worker that takes its place says
        why.
        """
        environment = {**os.environ, **LASTING_ENVIRONMENT}
        with contextlib.suppress(OSError):  # then the pool fails to start one, and says so
            self.keep(Worker(environment, Path(os.devnull), handlers))

    def keep(self, worker: Worker) -> None:
        """Take over a worker that runs no call."""
        self._workers.append(worker)

    def take(self) -> Worker | None:
        """Hand over the worker that was kept last; None if there is none."""
        return self._workers.pop() if self._workers else None
