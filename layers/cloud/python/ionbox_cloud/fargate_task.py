"""Runs a step as a Fargate task that the state machine waits for (`ionbox_cloud.task_token`).

`state_task` is to a task what `ionbox_cloud.handlers.state_handler` is to a Lambda function;
SortSpectra (``functions/sort_spectra/task.py``) is the only one.
"""

from __future__ import annotations

import functools
import json
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import NoReturn, TypeVar

from ionbox_cloud.environment import TaskEnvironment
from ionbox_cloud.errors import TaskStopped
from ionbox_cloud.handlers import run_step
from ionbox_cloud.messages import Message
from ionbox_cloud.store import Stores
from ionbox_cloud.task_token import TaskToken, end_process

# Exit codes, for whoever looks at a stopped task; the state machine goes by the token alone.
EXIT_FAILED = 1
EXIT_STOPPED = 128 + signal.SIGTERM

In = TypeVar("In", bound=Message)

TaskStep = Callable[[In, Stores, int], Message]


def state_task(
    state: str, message_type: type[In]
) -> Callable[[TaskStep[In]], Callable[[], NoReturn]]:
    """Make a task's main function from a step that takes a message, the stores and its memory.

    The main function reports what the step answers or raises, and ends the process: with 0 if it
    succeeded, `EXIT_FAILED` if it failed, `EXIT_STOPPED` if it was stopped, and `EXIT_ABANDONED`
    of `ionbox_cloud.task_token` if nobody waits for it.

    Parameters
    ----------
    state : str
        Name of the state in the state machine.
    message_type : type
        What the state receives.

    Returns
    -------
    callable
        A decorator: a step becomes a ``main()`` that never returns.
    """

    def decorate(step: TaskStep[In]) -> Callable[[], NoReturn]:
        @functools.wraps(step)
        def main() -> NoReturn:
            environment = TaskEnvironment.from_environment()
            token = TaskToken(environment.task_token)
            token.heartbeat()  # at once: starting took part of the time until one is due
            _report_stop(token)
            _keep_alive(token, environment.heartbeat_s)

            def with_memory(message: In, stores: Stores) -> Message:
                return step(message, stores, environment.memory_mb)

            try:
                message = message_type.from_json(json.loads(environment.message))
                answer = run_step(state, with_memory, message, rung_mb=environment.memory_mb)
            except Exception as error:  # noqa: BLE001 (whatever it is, the state machine is told)
                token.fail(error)
                sys.exit(EXIT_FAILED)
            token.succeed(answer)
            sys.exit(0)

        return main

    return decorate


def _keep_alive(token: TaskToken, interval_s: float) -> None:
    """Send heartbeats from a thread until the process ends, ``interval_s`` seconds apart."""

    def beat() -> None:
        while not ended.wait(interval_s):
            token.heartbeat()

    ended = threading.Event()
    threading.Thread(target=beat, name="heartbeat", daemon=True).start()


def _report_stop(token: TaskToken) -> None:
    """Report SIGTERM, which a task gets some time before it is killed, and end."""

    def watch() -> None:
        while receiver.recv(1)[0] != signal.SIGTERM:
            pass
        try:
            token.fail(TaskStopped("the task was told to stop"))
        finally:
            end_process(EXIT_STOPPED)

    # Python runs its signal handlers only between two steps of the main thread, which may be
    # minutes away inside a kernel; this file descriptor is written to at once.
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    signal.set_wakeup_fd(sender.detach())
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    threading.Thread(target=watch, name="stop", daemon=True).start()
