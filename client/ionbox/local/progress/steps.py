"""The steps of a run, as they are numbered for who waits for it."""

from __future__ import annotations

import math
from collections.abc import Iterable

STEPS: tuple[tuple[str, ...], ...] = (
    ("PlanRun",),
    (
        *("SegmentSpectra", "SortSpans", "PlanMerge", "MergeSegments", "ChecksumIbd"),
        *("FinishSegments", "SortSpectra"),
    ),
    ("BuildIons",),
    ("GenerateIsotopePatterns",),
    ("PlanRecalibration", "MeasureMzErrors", "PlanAnnotation"),
    ("AnnotateSegments",),
    ("EstimateFdr",),
    ("RenderImages",),
    ("PublishResults", "CompareImages"),
)
"""What a run consists of, and the states that each step may take."""

STEP_OF = {state: number for number, states in enumerate(STEPS, 1) for state in states}
"""Number of the step that a state belongs to, from 1."""

FIRST_AFTER_BRANCHES = STEP_OF["PlanAnnotation"]
"""Steps before it run side by side: one that has not begun may still begin."""


def describe_step(begun: Iterable[str], left_s: float | None) -> str:
    """Return which step a run is at, and how long the rest may take, in words; empty at first.

    Parameters
    ----------
    begun : iterable of str
        States that have begun.
    left_s : float or None
        Seconds until the end; None if nothing is known of it.
    """
    step = max((STEP_OF.get(state, 0) for state in begun), default=0)
    if not step:
        return ""
    left = "" if left_s is None else f", {foresee(left_s)}"
    return f"step {step} of {len(STEPS)}{left}"


def foresee(left_s: float) -> str:
    """Return how long something may take, as exactly as can be known."""
    if left_s < 10:
        return f"about {math.ceil(left_s)} s left"
    if left_s < 100:
        return f"about {round(left_s / 5) * 5} s left"
    if left_s < 100 * 60:
        return f"about {round(left_s / 60)} min left"
    return f"about {round(left_s / 3600)} h left"


def label(state: str) -> str:
    """Return a state's name after the number of its step."""
    step = STEP_OF.get(state)
    return state if step is None else f"{step}/{len(STEPS)} {state}"
