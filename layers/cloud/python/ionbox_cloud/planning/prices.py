"""What AWS charges, from a dated file (``data/prices.json``).

The plan chooses the way of sorting by these prices, and run records say what calls cost.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from importlib import resources

from ionbox_cloud.call_records import TASK, CallRecord
from ionbox_cloud.environment import ARM, USUAL_ARCHITECTURE
from ionbox_cloud.json_record import JsonRecord
from ionbox_cloud.run_plan import SortPlan

TRANSITIONS_PER_CALL = 3
"""What Step Functions bills: transitions to a call, from it, and a choice or an item's start."""

_SECONDS_PER_HOUR = 3600
_SHORTEST_TASK_S = 60  # Fargate bills a minute at least
_MB_PER_GB = 1024
_EXPRESS_MB = 64  # the least that is billed of an execution, and enough for the list of an item


@dataclass(frozen=True)
class Prices(JsonRecord):
    """Prices in US dollars; the file says where and when they were read.

    Attributes
    ----------
    source, date, currency : str
        Where they are from, when they were read, and in what they are.
    lambda_gb_s, lambda_request : float
        A gigabyte of a function's memory for a second; one call.
    step_functions_transition : float
        One transition from one state to the next.
    step_functions_express, step_functions_express_gb_s : float
        One EXPRESS execution; a gigabyte of its memory for a second.
    fargate_vcpu_h, fargate_gb_h, fargate_disk_gb_h : float
        A processor, a gigabyte of memory and a gigabyte of disk of a task for an hour.
    fargate_free_disk_gb : int
        Disk in GB that every task has for nothing.
    public_address_h : float
        A public address of a task for an hour.
    s3_write, s3_read : float
        One request that writes or lists, and one that reads.
    logs_gb : float
        A gigabyte of lines that are taken into a log.
    """

    source: str
    date: str
    currency: str
    lambda_gb_s: float
    lambda_request: float
    step_functions_transition: float
    step_functions_express: float
    step_functions_express_gb_s: float
    fargate_vcpu_h: float
    fargate_gb_h: float
    fargate_disk_gb_h: float
    fargate_free_disk_gb: int
    public_address_h: float
    s3_write: float
    s3_read: float
    logs_gb: float

    def lambda_calls(self, gb_s: float, n_calls: int) -> float:
        """Return the price in dollars of ``n_calls`` calls that took ``gb_s`` together."""
        return gb_s * self.lambda_gb_s + n_calls * self.lambda_request

    def transitions(self, n_calls: int) -> float:
        """Return the price in dollars of what the state machine does around ``n_calls`` calls."""
        return n_calls * TRANSITIONS_PER_CALL * self.step_functions_transition

    def express_child(self, seconds: float) -> float:
        """Return the price in dollars of an item that is an EXPRESS execution, without its call."""
        gb_s = gigabyte_seconds(seconds, _EXPRESS_MB)
        return self.step_functions_express + gb_s * self.step_functions_express_gb_s

    def fargate_task(self, seconds: float, vcpu: float, memory_mb: int, disk_gb: int) -> float:
        """Return the price in dollars of a task of this size that ran for ``seconds``."""
        per_hour = (
            vcpu * self.fargate_vcpu_h
            + memory_mb / _MB_PER_GB * self.fargate_gb_h
            + max(0, disk_gb - self.fargate_free_disk_gb) * self.fargate_disk_gb_h
            + self.public_address_h  # it has one, unless its network is the user's own
        )
        return max(seconds, _SHORTEST_TASK_S) / _SECONDS_PER_HOUR * per_hour


@functools.cache
def read_prices(architecture: str = USUAL_ARCHITECTURE) -> Prices:
    """Read the price file that ships with this ring.

    Parameters
    ----------
    architecture : str
        Of the processors, by Lambda's name. What AWS does not have is priced as the usual one.
    """
    text = resources.files("ionbox_cloud").joinpath("data", "prices.json").read_text("utf-8")
    usual = json.loads(text)
    others = {ARM: usual.pop(ARM)}
    return Prices.from_json(usual | others.get(architecture, {}))


def gigabyte_seconds(duration_s: float, memory_mb: int) -> float:
    """Return memory times time, in gigabyte seconds: what Lambda bills."""
    return duration_s * memory_mb / _MB_PER_GB


def price_workflow(call: CallRecord) -> float:
    """Return the price in dollars of what the state machine does around a call on AWS."""
    prices = read_prices(call.architecture)
    return prices.express_child(call.billed_s) if call.is_express else prices.transitions(1)


def price_call(call: CallRecord, sort: SortPlan | None) -> float:
    """Return the price in dollars of a call on AWS, without what the state machine does around it.

    Parameters
    ----------
    call : CallRecord
        What the call took.
    sort : SortPlan or None
        How the run's dataset was sorted: the size of its task, if it had one.
    """
    prices = read_prices(call.architecture)
    if call.state == TASK and sort:
        return prices.fargate_task(call.duration_s, sort.vcpu, call.rung_mb, sort.disk_gb)
    return prices.lambda_calls(gigabyte_seconds(call.billed_s, call.rung_mb), 1)
