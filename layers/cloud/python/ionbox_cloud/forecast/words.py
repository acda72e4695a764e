"""Seconds and dollars in words, as exactly as a forecast knows them."""

from __future__ import annotations

import math

from ionbox_cloud.run_plan import Forecast

_MINUTE, _HOUR = 60, 3600


def seconds_in_words(seconds: float) -> str:
    """Return a time, rounded to what can be known.

    >>> seconds_in_words(7.2), seconds_in_words(83), seconds_in_words(1000), seconds_in_words(9000)
    ('8 s', '85 s', '17 min', '2.5 h')
    """
    if seconds < 10:
        return f"{max(1, math.ceil(seconds))} s"
    if seconds < 100:
        return f"{round(seconds / 5) * 5} s"
    if seconds < 100 * _MINUTE:
        return f"{round(seconds / _MINUTE)} min"
    return f"{seconds / _HOUR:.1f} h"


def dollars_in_words(dollars: float) -> str:
    """Return a price with two digits that count.

    >>> dollars_in_words(0.00123), dollars_in_words(0.156), dollars_in_words(12.345)
    ('$0.0012', '$0.16', '$12')
    """
    if dollars <= 0:
        return "$0"
    digits = max(0, 1 - math.floor(math.log10(dollars)))
    return f"${dollars:,.{digits}f}"


def forecast_in_words(forecast: Forecast) -> str:
    """Return a forecast in a line: where, how long, how many dollars, and what takes longest."""
    where = (
        f"on AWS with {forecast.n_workers:,} calls at once"
        if forecast.on_aws
        else f"here with {forecast.n_workers:,} worker{'s' if forecast.n_workers > 1 else ''}"
    )
    price = f" and {dollars_in_words(forecast.dollars)}" if forecast.on_aws else ""
    return f"{where}: about {seconds_in_words(forecast.seconds)}{price}"
