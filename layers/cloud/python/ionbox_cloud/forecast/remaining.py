"""How long a run that has begun may still take: its forecast, scaled by how it went so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ionbox_cloud.run_plan import Forecast

_LEAST_S = 0.5
"""Seconds that finished states must have been expected to take for their pace to say anything."""

_SLOWEST, _FASTEST = 20.0, 0.05


def remaining_s(
    forecast: Forecast, spent_s: Mapping[str, float], fractions: Mapping[str, float]
) -> float:
    """Return how many seconds are left of a run.

    Parameters
    ----------
    forecast : Forecast
        What it was expected to take.
    spent_s : mapping of str to float
        By state that has finished: sum of the durations of its calls, seconds.
    fractions : mapping of str to float
        How much is done of each state that has begun, 0 to 1; 1 of those passed over.
    """
    left_s = sum(
        forecast.states[state].seconds * (1 - fractions.get(state, 0.0))
        for state in forecast.path
        if state in forecast.states
    )
    return left_s * pace(forecast, spent_s)


def pace(forecast: Forecast, spent_s: Mapping[str, float]) -> float:
    """Return how many times as long as expected the finished states took, together."""
    known = [state for state in spent_s if state in forecast.states]
    expected_s = sum(forecast.states[state].duration_s for state in known)
    if expected_s < _LEAST_S:
        return 1.0
    ratio = sum(spent_s[state] for state in known) / expected_s
    return min(_SLOWEST, max(_FASTEST, ratio))


def passed_over(forecast: Forecast, begun: Iterable[str]) -> set[str]:
    """Return the states on the path before the last one that has begun: what they make is there."""
    indices = [forecast.path.index(state) for state in begun if state in forecast.path]
    return set(forecast.path[: max(indices)]) if indices else set()
