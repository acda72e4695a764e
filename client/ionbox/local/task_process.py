"""A process that stands for a Fargate task: runs the task's file and ends with the runner.

The runner starts it as ``python -m ionbox.local.task_process FILE`` and holds the other end of its
standard input open for as long as it lives; the task itself sees an empty standard input. So a task
ends even with a runner that was killed and could tell it nothing.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading

from ionbox.local.progress.pipe import ProgressWriter


def main() -> None:
    """Run the file that the command line names."""
    runner = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=_end_with, args=(runner,), daemon=True).start()
    sys.argv = sys.argv[1:]
    with ProgressWriter().reporting():
        runpy.run_path(sys.argv[0], run_name="__main__")


def _end_with(runner: int) -> None:
    """End this process when the other end of a pipe is closed."""
    os.read(runner, 1)  # nothing ever comes
    os._exit(1)


if __name__ == "__main__":
    main()
