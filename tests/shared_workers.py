"""Worker processes that the runs of many tests share, as the runs of one command do.

A worker imports what handlers need for a quarter of a CPU second, which is more than most runs of
tiny datasets take. Tests of workers, of what kills them and of commands start their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ionbox.local.worker_process import Reserve, Worker

WORKERS = Reserve()
"""Those of this process that have no call at the moment; ``conftest.py`` ends them at the end."""


class LentWorkers(Reserve):
    """The same for a command that runs in this process, and would end its workers."""

    def __exit__(self, *_: object) -> None:
        """Nothing ends."""

    def start(self, handlers: Sequence[Path]) -> None:
        if (worker := WORKERS.take()) is None:
            WORKERS.start(handlers)
        else:
            WORKERS.keep(worker)

    def keep(self, worker: Worker) -> None:
        WORKERS.keep(worker)

    def take(self) -> Worker | None:
        return WORKERS.take()
