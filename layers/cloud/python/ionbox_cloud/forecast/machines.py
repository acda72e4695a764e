"""How long the calls of a state take: on AWS, and on one machine."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

from ionbox_cloud.forecast.calls import StateWork
from ionbox_cloud.ladder import Ladder
from ionbox_cloud.planning.fan_out import FanOut
from ionbox_cloud.planning.prices import Prices, gigabyte_seconds, read_prices
from ionbox_cloud.planning.rate_table import Rates
from ionbox_cloud.run_plan import Forecast, StateForecast


class Machine(Protocol):
    """Where a run runs."""

    @property
    def n_workers(self) -> int:
        """Calls of a Map at once."""
        ...

    @property
    def on_aws(self) -> bool:
        """Whether it is AWS."""
        ...

    @property
    def fan(self) -> FanOut | None:
        """What cuts of Maps go by; None for items of the base size."""
        ...

    @property
    def prices(self) -> Prices:
        """What AWS charges for its functions."""
        ...

    def forecast(self, work: StateWork) -> StateForecast:
        """Return what a state takes."""
        ...

    def side_by_side(self, branches: list[list[StateForecast]]) -> float:
        """Return the seconds of branches that run beside one another."""
        ...

    def around(self, n_transitions: int) -> float:
        """Return the seconds of so many transitions of the state machine."""
        ...


@dataclass(frozen=True)
class Aws:
    """An account with room for so many calls of a Map at once.

    Attributes
    ----------
    rates : Rates
        How fast things go.
    ladder : Ladder
        Sizes of its functions.
    fan : FanOut
        Calls of a Map at once, and which Maps' items are EXPRESS executions.
    is_warm : bool
        Whether functions have been called just before.
    prices : Prices
        What it charges: those of its processors.
    """

    rates: Rates
    ladder: Ladder
    fan: FanOut
    is_warm: bool = False
    on_aws: bool = True
    prices: Prices = field(default_factory=read_prices)

    @property
    def n_workers(self) -> int:
        """Calls of a Map at once."""
        return self.fan.n_workers

    def _children_per_s(self, state: str) -> float:
        is_express = state in self.fan.express
        return self.rates.express_per_s if is_express else self.rates.standard_per_s

    def forecast(self, work: StateWork) -> StateForecast:
        """Return what a state takes: the first calls start cold, those after them do not."""
        if not work.n_calls:
            return StateForecast(0, 0.0, 0.0, 0.0)
        rates, rung_mb = self.rates, self._rung_mb(work)
        wait_s = work.n_requests * rates.request_s
        move_s = work.n_bytes / rates.call_bytes_per_s
        compute_s = rates.lambda_seconds(work.cpu_s, rung_mb)
        if work.overlaps:  # what is shorter hides behind what is longer
            move_s, compute_s = (move_s, 0.0) if move_s > compute_s else (0.0, compute_s)
        call_s = wait_s + move_s + compute_s
        turns = math.ceil(work.n_calls / self.n_workers) if work.is_map else work.n_calls
        at_once = min(work.n_calls, self.n_workers)
        init_s = 0.0 if self.is_warm else rates.init_s
        start_s = rates.warm_start_s if self.is_warm else rates.cold_start_s + init_s
        start_s += (turns - 1) * rates.warm_start_s
        if work.is_map:
            start_s += rates.map_start_s + at_once / self._children_per_s(work.state)
        # all calls together can be held up by how many reads a prefix answers, while they wait and
        # read; what they merge, they write afterwards, and it is as many bytes
        held_s = max(0.0, work.n_reads / rates.reads_per_s - turns * (wait_s + move_s / 2))
        gb_s = gigabyte_seconds(work.n_calls * call_s + at_once * init_s, rung_mb)
        return StateForecast(
            calls=work.n_calls,
            seconds=start_s + turns * call_s + held_s,
            duration_s=work.n_calls * call_s,
            dollars=self.prices.lambda_calls(gb_s, work.n_calls),
            start_s=start_s,
            wait_s=turns * wait_s + held_s,
            move_s=turns * move_s,
            compute_s=turns * compute_s,
        )

    def _rung_mb(self, work: StateWork) -> int:
        rungs = self.ladder.rungs_mb[work.state]
        return rungs[self.ladder.start_rung(work.state, work.memory_mb)]

    def side_by_side(self, branches: list[list[StateForecast]]) -> float:
        """Return the seconds of the longest branch: there are workers for all."""
        return max(sum(state.seconds for state in branch) for branch in branches)

    def around(self, n_transitions: int) -> float:
        """Return what the state machine takes from state to state."""
        return n_transitions * self.rates.transition_s


@dataclass(frozen=True)
class OneMachine:
    """A machine with ``n_workers`` worker processes, a core each; its files are its storage.

    Attributes
    ----------
    n_workers : int
        Worker processes.
    rates : Rates
        How fast things go.
    ladder : Ladder
        Sizes of the functions that the calls would have on AWS, for their price.
    factor : float
        How many times as long it computes as the machine of the rates.
    prices : Prices
        What AWS would charge.
    """

    n_workers: int
    rates: Rates
    ladder: Ladder
    factor: float = 1.0
    on_aws: bool = False
    fan: FanOut | None = None
    prices: Prices = field(default_factory=read_prices)

    def forecast(self, work: StateWork) -> StateForecast:
        """Return what a state takes; what it would cost if AWS were as fast."""
        call_s = work.cpu_s * self.factor
        turns = math.ceil(work.n_calls / self.n_workers)
        total_s = work.n_calls * call_s
        dollars = 0.0
        if work.n_calls and work.state in self.ladder.rungs_mb:
            rungs = self.ladder.rungs_mb[work.state]
            rung_mb = rungs[self.ladder.start_rung(work.state, work.memory_mb)]
            dollars = self.prices.lambda_calls(gigabyte_seconds(total_s, rung_mb), work.n_calls)
        seconds = turns * call_s
        return StateForecast(work.n_calls, seconds, total_s, dollars, compute_s=seconds)

    def side_by_side(self, branches: list[list[StateForecast]]) -> float:
        """Return the seconds of the longest branch, or of all if there are too few cores."""
        longest = max(sum(state.seconds for state in branch) for branch in branches)
        total = sum(state.duration_s for branch in branches for state in branch)
        return max(longest, total / self.n_workers)

    def around(self, n_transitions: int) -> float:
        """Return what command and state machine take, before and after all calls."""
        return self.rates.command_wall_s * self.factor

    def cpu_s(self, forecast: Forecast, n_cells: int) -> float:
        """Return the CPU seconds of the whole command, with what is outside its calls.

        Parameters
        ----------
        forecast : Forecast
            Of this machine.
        n_cells : int
            Pixels of all isotope images, which are copied with the results.
        """
        states = forecast.states.values()
        n_calls = sum(state.calls for state in states)
        copied_s = n_cells * self.rates.command_us_per_cell * 1e-6
        outside_s = self.rates.command_s + n_calls * self.rates.item_s + copied_s
        return outside_s * self.factor + sum(state.duration_s for state in states)
