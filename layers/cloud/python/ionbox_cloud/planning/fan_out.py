"""How many calls a Map is worth: what a cut costs in time and money, by the workers there are.

A worker is a call that may be on while others of its Map are; an installation has so many
(``map_concurrency``). Smaller items let more of them work, and each costs its start. So a cut is
judged by what it costs and by the minutes it takes, at what the user says a minute is worth.
Neither workers nor that worth enter any identity or byte of the results.

On one machine nobody says how many workers there are: items have their base size then, and money
alone decides, as calls of functions cost nothing there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ionbox_cloud.environment import read_fan_out
from ionbox_cloud.planning.prices import gigabyte_seconds, read_prices
from ionbox_cloud.planning.rates import CHILDREN_PER_S, START_S

SHARES = (8, 7, 6, 5, 4, 3, 2, 1)
"""Eighths of the base size of an item, of which one is chosen; the largest comes first."""

SIMPLER_IS_WORTH = 0.05
"""Dollars that a way of fewer calls may be worth less: it has less that can go wrong."""

_RUNG_MB = 1769  # on which nearly all items run

T = TypeVar("T")
Range = tuple[int, int]


@dataclass(frozen=True)
class Cost:
    """What something is expected to take: wall clock in seconds, and dollars."""

    seconds: float
    dollars: float

    def __add__(self, other: Cost) -> Cost:
        """Return the cost of one thing after the other."""
        return Cost(self.seconds + other.seconds, self.dollars + other.dollars)


@dataclass(frozen=True)
class FanOut:
    """What a run may use, and what its user's time is worth.

    Attributes
    ----------
    n_workers : int
        Calls of a Map that may be on at once.
    express : tuple of str
        Maps whose items run as EXPRESS executions; those of others are STANDARD.
    dollars_per_minute : float
        What a minute that is saved may cost.
    """

    n_workers: int
    express: tuple[str, ...]
    dollars_per_minute: float

    @classmethod
    def from_environment(cls, dollars_per_minute: float) -> FanOut | None:
        """Read what this deployment has; None where nothing says how many workers there are.

        Raises
        ------
        InvalidMessage
            If the variable is set to something else.
        """
        found = read_fan_out()
        if found is None:
            return None
        return cls(found.n_workers, found.express, dollars_per_minute)

    def worth(self, cost: Cost) -> float:
        """Return a cost with its minutes as dollars."""
        return cost.dollars + cost.seconds / 60 * self.dollars_per_minute

    def price_map(self, state: str, n_items: int, item_s: float) -> Cost:
        """Predict what a Map takes beside the work of its items, which any cut has to do.

        Parameters
        ----------
        state : str
            The Map's function.
        n_items : int
            Its items.
        item_s : float
            What the longest of them works, seconds.

        Returns
        -------
        Cost
            All of its time; of its dollars, those that grow with the number of items.
        """
        prices = read_prices()
        kind = "EXPRESS" if state in self.express else "STANDARD"
        n_turns = -(-n_items // self.n_workers)
        seconds = n_turns * (START_S + item_s) + n_items / CHILDREN_PER_S[kind]
        start = prices.lambda_calls(gigabyte_seconds(START_S, _RUNG_MB), 1)
        fee = prices.express_child(START_S + item_s) if kind == "EXPRESS" else prices.transitions(1)
        return Cost(seconds, n_items * (start + fee))

    def price_work(self, seconds: float) -> float:
        """Return the dollars of calls that work so long together, their starts left out."""
        return read_prices().lambda_calls(gigabyte_seconds(seconds, _RUNG_MB), 0)

    def choose(self, cuts: Iterable[T], price: Callable[[T], Cost]) -> T:
        """Return the cut that is worth most, the first of equal ones."""
        return min(cuts, key=lambda each: self.worth(price(each)))


def cover(n: int, finished: Iterable[Range], planned: Sequence[Range] = ()) -> list[Range]:
    """Choose neighbouring ranges that cover 0 to ``n`` so that least of them is yet to be done.

    What was finished under another cut counts where its ends meet.

    Parameters
    ----------
    n : int
        Things to cover.
    finished : iterable of (int, int)
        Ranges (start, stop) of what is done; any.
    planned : sequence of (int, int)
        Ranges that would be done now, which cover everything.

    Returns
    -------
    list of (int, int)
        In order; empty if there is nothing to cover, or no way to.
    """
    steps = [(start, stop, 0) for start, stop in finished if start < stop]
    steps += [(start, stop, stop - start) for start, stop in planned]
    # by end: what there is to do up to there, in how many ranges, and the last of them
    best: dict[int, tuple[int, int, Range]] = {0: (0, 0, (0, 0))}
    for start, stop, to_do in sorted(steps):
        if start not in best:
            continue
        done, n_ranges, _ = best[start]
        way = (done + to_do, n_ranges + 1, (start, stop))
        best[stop] = min(best.get(stop, way), way)
    chosen: list[Range] = []
    end = n
    while end and end in best:
        chosen.append(best[end][2])
        end = chosen[-1][0]
    return chosen[::-1]
