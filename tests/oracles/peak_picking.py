"""The obvious version of ``kernels/picking/pick_peaks.c``: one spectrum, point by point.

In: a profile spectrum as it is stored. Out: the m/z and heights of its peaks, to the last bit what
the kernel finds. It is written as the method is told (`ionbox_science.imzml.peak_picking`), with
numpy where that is shorter.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

WIDEST_STEP = 1.5
LEAST_VALLEYS = 16
DEVIATIONS = 8.0
LEAST_RATIO = 1e-300
ROUNDING = {4: 2.0**-22, 8: 0.0}
SERIES = [1 / n for n in (15, 13, 11, 9, 7, 5, 3, 1)]

Array = npt.NDArray[Any]


def pick_spectrum(mz: Array, intensity: Array) -> tuple[Array, Array]:
    """Return m/z, in the type of the spectrum's, and float64 heights of its peaks."""
    if not (mz[1:] >= mz[:-1]).all():
        order = np.argsort(mz, kind="stable")
        mz, intensity = mz[order], intensity[order]
    x, y = mz.astype(np.float64), intensity.astype(np.float64)
    found: list[tuple[float, tuple[float, float]]] = []
    valleys: list[np.float32] = []
    for first, stop in split_regions(x, y, ROUNDING[mz.itemsize]):
        tops = list(find_tops(y, first, stop))
        found += [(y[top], fit_top(x, y, top, last, first, stop)) for top, last in tops]
        between = [(before[1], after[0]) for before, after in itertools.pairwise(tops)]
        valleys += [np.float32(y[last : top + 1].min()) for last, top in between]
    threshold = find_threshold(valleys, max(len(found) - 1, 0))
    kept = [peak for height, peak in found if not height < threshold]
    columns = np.array(kept, np.float64).reshape(-1, 2)
    return columns[:, 0].astype(mz.dtype), columns[:, 1]


def split_regions(x: Array, y: Array, rounding: float) -> Iterator[tuple[int, int]]:
    """Yield first and one past the last point of all runs above zero without a gap."""
    with np.errstate(invalid="ignore"):
        step = np.diff(x)
        beside = np.full(len(x), np.inf)  # the shorter of the steps before and after each step
        beside[1 : len(step)] = np.fmin(beside[1 : len(step)], step[:-1])
        beside[: len(step) - 1] = np.fmin(beside[: len(step) - 1], step[1:])
        beside = beside[: len(step)]
        near = step <= WIDEST_STEP * beside + rounding * x[1:]
        is_joined = (step > 0) & (beside < np.inf) & near
        above = y > 0
    first = None
    for i in range(len(x) + 1):
        inside = i < len(x) and bool(above[i])
        if first is not None and not (inside and is_joined[i - 1]):
            yield first, i
            first = None
        if first is None and inside:
            first = i


def find_tops(y: Array, first: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yield the first and last point of each stretch of equal height above both its neighbours."""
    padded = np.concatenate(([0.0], y[first:stop], [0.0]))
    (changes,) = np.nonzero(padded[1:] != padded[:-1])
    for begin, end in itertools.pairwise(changes.tolist()):
        height = padded[begin + 1]
        if height > padded[begin] and height > padded[end + 1]:
            yield first + begin, first + end - 1


def fit_top(x: Array, y: Array, top: int, last: int, first: int, stop: int) -> tuple[float, float]:
    """Return position and height of a peak, given its top and the region it lies in."""
    at, height = float(x[top]), float(y[top])
    if last > top:
        return at + (float(x[last]) - at) / 2, height
    with np.errstate(all="ignore"):
        if top > first and top + 1 < stop:
            left, right = x[top] - x[top - 1], x[top + 1] - x[top]
            fall = natural_log(y[top - 1] / y[top]), natural_log(y[top + 1] / y[top])
            slope, curve = parabola(left, right, *fall)
            shift = -slope / (2 * curve)
            slope, curve = parabola(left, right, y[top - 1] - y[top], y[top + 1] - y[top])
            rise = -slope * slope / (4 * curve)
        elif stop - first > 1:
            other = top - 1 if top > first else top + 1
            shift, rise = (x[other] - x[top]) * (y[other] / (y[top] + y[other])), 0.0
        else:
            return at, height
        position, peak = at + float(shift), height + float(rise)
    return (position, peak) if math.isfinite(position) and math.isfinite(peak) else (at, height)


def parabola(left: float, right: float, at_left: float, at_right: float) -> tuple[float, float]:
    """Return b and c of b x + c x² through (-left, at_left) and (right, at_right)."""
    curve = (at_right / right + at_left / left) / (left + right)
    return at_right / right - curve * right, curve


def natural_log(ratio: float) -> float:
    """Return the logarithm by a series, whose bits are the same on every machine."""
    mantissa, exponent = math.frexp(ratio if ratio > LEAST_RATIO else LEAST_RATIO)
    if mantissa < math.sqrt(0.5):
        mantissa, exponent = 2 * mantissa, exponent - 1
    s = (mantissa - 1) / (mantissa + 1)
    total = 0.0
    for factor in SERIES:
        total = total * (s * s) + factor
    return exponent * math.log(2) + 2 * s * total


def find_threshold(valleys: list[np.float32], n_valleys: int) -> float:
    """Return the height that tells peaks from noise; 0 where at least half the valleys reach 0."""
    if n_valleys < LEAST_VALLEYS:
        return 0.0
    depth = np.zeros(n_valleys, np.float32)
    depth[: len(valleys)] = valleys
    rank = (n_valleys - 1) // 2
    median = np.sort(depth)[rank]
    with np.errstate(invalid="ignore"):
        deviation = np.sort(np.abs(depth - median))[rank]
    return float(median) + DEVIATIONS * float(deviation)
