"""Worker processes that run handlers side by side, within the machine's cores and memory.

Stands for Lambda: its client hands in a function's name and an event, and gets the answer that
Lambda would give, also when the worker dies, is too slow or takes too much memory. Every call has
its own thread, in which it waits for room, for a worker and for the answer.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from ionbox.local.call_events import CallEnd, CallFinished, CallStarted, Listener, ignore
from ionbox.local.functions import Function, find_function
from ionbox.local.memory import MemoryWatch
from ionbox.local.progress.pipe import Gauge
from ionbox.local.runtime import Answer, Call, error_answer
from ionbox.local.worker_process import KILLED, Reserve, Worker, exit_reason, platform_error

_MEMORY_SHARE = 0.8  # of what is available: the rest is for the page cache and this process


def default_workers() -> int:
    """Return the number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_memory_mb() -> int:
    """Return how much of the memory that is free now the workers may take together, in MB."""
    return int(_MEMORY_SHARE * _available_memory_mb())


def _available_memory_mb() -> float:
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) / 1024
    # Elsewhere only the total is cheap to know; about half of it is usually in use.
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**20 / 2


class WorkerPool:
    """Runs calls first come, first served, as many at once as cores and memory allow.

    A call whose worker dies, other than by what is enforced here, is run once more: on AWS nobody
    kills a single process, on one's own machine the system does when memory runs short.

    A call whose function wants more memory than the whole budget runs alone, and one that takes
    more than its function's is killed, as on Lambda. Workers are started when first needed, and
    replaced when they die or keep memory that the next call would be charged for. A large call at
    the head of the line holds up small ones behind it, or it would never find room.

    Parameters
    ----------
    functions
        What `read_functions` returned.
    environment
        Variables the handlers need, on top of this process's own.
    log
        File that receives what handlers print.
    n_workers
        Calls at once; None for the number of cores.
    memory_mb
        Memory in MB that the functions of running calls may have together; None for a share of what
        is free.
    listener
        Is told when calls start and finish.
    reserve
        Workers to begin with; those that are still good are left there in the end.
    """

    def __init__(
        self,
        functions: Mapping[str, Function],
        *,
        environment: Mapping[str, str],
        log: Path,
        n_workers: int | None = None,
        memory_mb: int | None = None,
        listener: Listener = ignore,
        reserve: Reserve | None = None,
    ) -> None:
        self.n_workers = n_workers or default_workers()
        self.memory_mb = memory_mb or default_memory_mb()
        self._functions = functions
        self._environment = environment
        self._whole_environment = {**os.environ, **environment}
        self._log = log
        self._reserve = reserve or Reserve()
        self._keeps_workers = reserve is not None
        self._listener = listener
        self.memory_watch = MemoryWatch()
        self._changed = threading.Condition()
        # all below is guarded by _changed
        self._waiting: deque[object] = deque()
        self._n_running = 0
        self._running_mb = 0
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._calls: list[CallEnd] = []
        self._closed = False

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def calls(self) -> tuple[CallEnd, ...]:
        """Finished calls, in the order in which they finished."""
        with self._changed:
            return tuple(self._calls)

    @property
    def n_waiting(self) -> int:
        """How many calls wait for a core and memory."""
        with self._changed:
            return len(self._waiting)

    def invoke(self, reference: str, payload: str) -> Answer:
        """Call a function and wait for its answer; may be used from many threads.

        Parameters
        ----------
        reference
            The function's name or ARN.
        payload
            The event as JSON text.

        Raises
        ------
        UnknownFunction
            When the table has no such function.
        """
        function = find_function(self._functions, reference)
        call = Call.of(function, str(uuid.uuid4()), payload, self._environment, self._log)
        queued = time.monotonic()
        with self.admitted(function.memory_mb):
            queued_s = time.monotonic() - queued
            answer = self._attempt(function, call, queued_s)
            if not answer.death or self._is_closed():
                return answer
            again = self._attempt(function, call, 0.0)
            return self._explain(answer, again, function, call) if again.death else again

    def _attempt(self, function: Function, call: Call, queued_s: float) -> Answer:
        try:
            with self._worker() as worker:
                if worker is None:
                    return platform_error("Runtime.ExitError", "The run was stopped", call)
                return self._run(worker, function, call, queued_s)
        except OSError as error:  # the log's disk is full, say, or there are too many processes
            text = f"no worker could be started for {function.state}: {error}"
            return error_answer("CannotStart", text, call.request_id)

    def _explain(self, first: Answer, second: Answer, function: Function, call: Call) -> Answer:
        """Say which worker died twice, and of what."""
        taken_mb = max(first.peak_memory_mb, second.peak_memory_mb)
        text = (
            f"the worker of {function.state} ({function.name}) died twice, first {first.death}, "
            f"holding {taken_mb:,.0f} of the {function.memory_mb:,} MB it may have"
        )
        if KILLED in second.death:
            text += "; the system may have run out of memory: fewer --workers need less"
        said = json.loads(second.payload)["errorMessage"]
        answer = error_answer("Runtime.ExitError", f"{text}: {said}", call.request_id)
        return replace(answer, peak_memory_mb=taken_mb, death=second.death)

    def _is_closed(self) -> bool:
        with self._changed:
            return self._closed

    def _run(self, worker: Worker, function: Function, call: Call, queued_s: float) -> Answer:
        worker.gauge.reset()
        self._listener(CallStarted(function.state, worker.gauge))
        started, clock = time.time(), time.monotonic()
        answer = self._call(worker, call)
        record = CallEnd(
            state=function.state,
            function=function.name,
            queued_s=queued_s,
            started=started,
            duration_s=time.monotonic() - clock,
            error=answer.error,
            worker_pid=worker.pid,
            peak_memory_mb=answer.peak_memory_mb,
        )
        self.keep(record, worker.gauge)
        return answer

    def keep(self, record: CallEnd, gauge: Gauge) -> None:
        """Keep the record of a call and tell the listener.

        Not once the pool is closed: then it was the pool that ended the call.
        """
        with self._changed:
            if self._closed:
                return
            self._calls.append(record)
        self._listener(CallFinished(record, gauge))

    def _call(self, worker: Worker, call: Call) -> Answer:
        with self.memory_watch.limit(worker.pid, call.memory_mb, worker.kill) as watched:
            answer = worker.call(call)
        peak_mb = max(answer.peak_memory_mb, watched.peak_mb)
        if peak_mb > call.memory_mb:
            # A short peak may have passed between two samples: the same end, every time.
            worker.kill()
            killed = f"Runtime exited {exit_reason(-signal.SIGKILL)}"
            answer = platform_error("Runtime.ExitError", killed, call)
        return replace(answer, peak_memory_mb=peak_mb)

    @contextlib.contextmanager
    def admitted(self, memory_mb: int) -> Iterator[None]:
        """Wait in line for a core and ``memory_mb`` MB, and hold them while the context lasts.

        Does not wait once the pool is closed: a call is then answered that the run was stopped.
        """
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            self._changed.wait_for(
                lambda: self._closed or (self._waiting[0] is ticket and self._fits(memory_mb))
            )
            self._waiting.remove(ticket)
            self._n_running += 1
            self._running_mb += memory_mb
            self._changed.notify_all()  # the next in line may fit beside this one
        try:
            yield
        finally:
            with self._changed:
                self._n_running -= 1
                self._running_mb -= memory_mb
                self._changed.notify_all()

    def _fits(self, memory_mb: int) -> bool:
        if self._n_running == 0:  # whatever it wants: it would never get more
            return True
        return self._n_running < self.n_workers and self._running_mb + memory_mb <= self.memory_mb

    @contextlib.contextmanager
    def _worker(self) -> Iterator[Worker | None]:
        worker = self._take_worker()
        try:
            yield worker
        finally:
            if worker is not None:
                self._give_back(worker)

    def _take_worker(self) -> Worker | None:
        with self._changed:
            if self._closed:
                return None
            while worker := self._idle.pop() if self._idle else self._reserve.take():
                if worker.alive:
                    break
                worker.dispose()
            else:
                worker = Worker(self._whole_environment, self._log)
            self._busy.add(worker)
            return worker

    def _give_back(self, worker: Worker) -> None:
        with self._changed:
            self._busy.remove(worker)
            if worker.reusable and not self._closed:
                self._idle.append(worker)
                return
        worker.dispose()  # not under the lock: it waits for the process to end

    def close(self) -> None:
        """End all workers but those for the reserve, once every call has been answered."""
        with self._changed:
            self._closed = True
            for worker in self._busy:
                worker.kill()
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._n_running == 0 and not self._waiting)
            idle, self._idle = self._idle, []
        self.memory_watch.close()
        for worker in idle:
            if self._keeps_workers and worker.reusable:
                self._reserve.keep(worker)
            else:
                worker.dispose()
