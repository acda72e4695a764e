"""A Fargate task that does what its event says, by the toy handler's acts."""

import os
import sys
from dataclasses import dataclass
from typing import Any

sys.path.insert(0, os.environ["TOYS"])

from ionbox_cloud.fargate_task import state_task
from ionbox_cloud.messages import Message
from ionbox_cloud.store import Stores

from tests.local.toy_handler import do


@dataclass(frozen=True)
class Event(Message):
    """What to do."""

    execution_id: str
    do: dict[str, Any]


@dataclass(frozen=True)
class Made(Message):
    """What came of it."""

    made: dict[str, Any]


@state_task("SortSpectra", Event)
def main(message: Event, stores: Stores, memory_mb: int) -> Made:
    event = do(message.do)
    names = event.get("environment", [])
    return Made(
        {
            "value": event.get("value"),
            "memory_mb": memory_mb,
            "pid": os.getpid(),
            "stdin": sys.stdin.read(),
            "environment": {name: os.environ.get(name) for name in names},
        }
    )


if __name__ == "__main__":
    main()
