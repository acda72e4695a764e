"""What every handler does around its one step: parse the message, log, measure, answer.

`state_handler` makes the Lambda handler of a state, `event_handler` that of an event AWS sends
outside the state machine; the Fargate task (`ionbox_cloud.fargate_task`) uses `run_step`, too.
What a step raises goes on to Lambda, which reports the name of its class: the state machine's Retry
and Catch go by that.
"""

from __future__ import annotations

import contextlib
import functools
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from ionbox_science.errors import InvalidInput

from ionbox_cloud import keys
from ionbox_cloud.call_records import CallRecord
from ionbox_cloud.environment import StoresEnvironment, read_architecture, read_fan_out
from ionbox_cloud.error_words import without_words, words_kept_in
from ionbox_cloud.errors import InvalidMessage, UnusableObject
from ionbox_cloud.init_time import INIT
from ionbox_cloud.logs import logger, refer_to
from ionbox_cloud.messages import Message
from ionbox_cloud.repair import note_unusable
from ionbox_cloud.storage.storage_errors import lasting_errors
from ionbox_cloud.store import Stores, open_stores

if TYPE_CHECKING:  # those that handle events import it, no state needs to
    from aws_lambda_powertools.utilities.data_classes.common import DictWrapper

In = TypeVar("In", bound=Message)

_CLEAR_REFS = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")

Step = Callable[[In, Stores], Message]

Event = TypeVar("Event", bound="DictWrapper")


class FromEnvironment(Protocol):
    """What a function reads from its environment (`ionbox_cloud.environment`)."""

    @classmethod
    def from_environment(cls) -> Self:
        """Read it from the environment of this process."""
        ...


HandlerEnvironment = TypeVar("HandlerEnvironment", bound=FromEnvironment)

EventStep = Callable[[Event, HandlerEnvironment], None]


def state_handler(
    state: str, message_type: type[In]
) -> Callable[[Step[In]], Callable[[dict[str, Any], Any], dict[str, Any]]]:
    """Make a Lambda handler from a step that takes a message and the stores.

    Parameters
    ----------
    state : str
        Name of the state in the state machine.
    message_type : type
        What the state receives.

    Returns
    -------
    callable
        A decorator: a step becomes ``lambda_handler(event, context)``.
    """

    def decorate(step: Step[In]) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
        INIT.end()  # a handler's module has nothing below its handler

        @functools.wraps(step)
        def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
            stores = open_stores(StoresEnvironment.from_environment())
            with words_kept_in(stores.work, str(event.get("execution_id", "unknown"))):
                message = message_type.from_json(event)
            return run_step(state, step, message, rung_mb=int(context.memory_limit_in_mb))

        return lambda_handler

    return decorate


def run_step(state: str, step: Step[In], message: In, *, rung_mb: int) -> dict[str, Any]:
    """Run a step with the stores; log, measure and record it.

    Parameters
    ----------
    state : str
        Name of the state in the state machine.
    step : callable
        What the state does.
    message : Message
        What the state received, parsed.
    rung_mb : int
        Memory of the function or task it runs in, MB.

    Returns
    -------
    dict
        The step's answer as JSON.

    Raises
    ------
    Exception
        Whatever the step raises: as it is, or, on AWS, without its words under its class name
        (`ionbox_cloud.error_words`). A call that failed leaves no record.
    """
    # A process serves many calls: keys of the last one would stay, so all are set, even to None.
    execution_id = getattr(message, "execution_id", "")
    logger.append_keys(
        state=state,
        execution_id=execution_id,
        run_id=getattr(message, "run_id", None),
        item=getattr(message, "item", None),
    )
    stores = open_stores(StoresEnvironment.from_environment())
    with words_kept_in(stores.work, execution_id):
        return _run_measured(state, step, message, stores, rung_mb)


def _run_measured(
    state: str, step: Step[In], message: In, stores: Stores, rung_mb: int
) -> dict[str, Any]:
    execution_id = getattr(message, "execution_id", "")
    _forget_peak_memory()
    started, cpu_started = time.perf_counter(), time.process_time()
    try:
        with lasting_errors():
            answer = step(message, stores)
    except InvalidInput:
        raise  # the user's to mend, and ReportFailure tells them: no error in our log
    except UnusableObject as error:
        unusable = {"error": type(error).__name__, **refer_to(error.key)}
        logger.warning("an object cannot be used; it will be computed again", extra=unusable)
        note_unusable(stores.work, execution_id, error)
        raise
    except MemoryError:
        logger.warning("out of memory", exc_info=True)  # a larger function is called
        raise
    except Exception:
        logger.exception("failed")
        raise
    fan_out = read_fan_out()
    record = CallRecord(
        state=state,
        item=getattr(message, "item", 0),
        duration_s=round(time.perf_counter() - started, 4),
        cpu_s=round(time.process_time() - cpu_started, 4),
        peak_memory_mb=round(peak_memory_mb(), 1),
        planned_mb=getattr(message, "memory_mb", 0),
        rung_mb=rung_mb,
        init_s=round(INIT.take(), 4),
        architecture=read_architecture(),
        is_express=fan_out is not None and state in fan_out.express,
    )
    stores.work.write_json(keys.record(execution_id, state, record.item), record.to_json())
    logger.info("done", extra={"record": record.to_json()})
    return answer.to_json()


def event_handler(
    name: str,
    event_type: type[Event],
    environment_type: type[HandlerEnvironment],
    detail_type: str = "",
) -> Callable[
    [EventStep[Event, HandlerEnvironment]], Callable[[dict[str, Any], Any], dict[str, Any]]
]:
    """Make a Lambda handler of an event that AWS sends, outside the state machine.

    Parameters
    ----------
    name : str
        Name of the function.
    event_type : type
        Powertools' class of the event.
    environment_type : type
        What the function needs to know from its environment.
    detail_type : str
        What an event of EventBridge says it is; empty for messages of a queue.

    Returns
    -------
    callable
        A decorator: a step becomes ``lambda_handler(event, context)``, which raises
        `InvalidMessage` if the event is of another kind.
    """

    def decorate(
        step: EventStep[Event, HandlerEnvironment],
    ) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
        @functools.wraps(step)
        def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
            logger.append_keys(state=name, execution_id=None, run_id=None, item=None)
            expected = (
                event.get("detail-type") == detail_type if detail_type else "Records" in event
            )
            if not expected:
                wanted = detail_type or "messages of a queue"
                raise InvalidMessage(f"{name}: no {wanted}, but {describe_event(event)}")
            environment = environment_type.from_environment()
            with without_words():
                try:
                    step(event_type(event), environment)
                except Exception:
                    # nobody waits for an answer; the event itself goes to the dead letters
                    logger.exception("failed", extra={"event": describe_event(event)})
                    raise
            return {}

        return lambda_handler

    return decorate


def describe_event(event: dict[str, Any]) -> str:
    """Return what kind an event is and its ids, nothing of what it is about."""
    kind = event.get("detail-type")
    if kind:
        return f"{kind} {event.get('id', '')}".rstrip()
    records = event.get("Records")
    ids = [str(each.get("messageId")) for each in records or () if isinstance(each, dict)]
    return f"messages {', '.join(ids)}" if ids else f"an event with {', '.join(sorted(event))}"


def _forget_peak_memory() -> None:
    """Let the peak start again from what is resident now; Linux only.

    Lambda uses a process again, and its peak would be that of the largest call so far.
    """
    with contextlib.suppress(OSError):  # 5 resets VmHWM: see proc(5)
        _CLEAR_REFS.write_text("5")


def peak_memory_mb() -> float:
    """Return the highest resident memory of this process since it was last forgotten, in MB."""
    if _STATUS.exists():
        # not getrusage: that also remembers the process this one was started from
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / (1 << 10)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)  # macOS counts in bytes
