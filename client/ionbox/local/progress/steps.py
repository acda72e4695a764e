"""The steps of a run, as they are numbered for who waits for it."""

from __future__ import annotations

STEPS: tuple[tuple[str, ...], ...] = (
    ("PlanRun",),
    (
        *("SegmentSpectra", "SortSpans", "PlanMerge", "MergeSegments", "ChecksumIbd"),
        *("FinishSegments", "SortSpectra"),
    ),
    ("BuildIons",),
    ("GenerateIsotopePatterns",),
    ("PlanAnnotation",),
    ("AnnotateSegments",),
    ("EstimateFdr",),
    ("RenderImages",),
    ("PublishResults",),
)
"""What a run consists of, and the states that each step may take."""

STEP_OF = {state: number for number, states in enumerate(STEPS, 1) for state in states}
"""Number of the step that a state belongs to, from 1."""

FIRST_AFTER_BRANCHES = STEP_OF["PlanAnnotation"]
"""Steps before it run side by side: one that has not begun may still begin."""


def label(state: str) -> str:
    """Return a state's name after the number of its step."""
    step = STEP_OF.get(state)
    return state if step is None else f"{step}/{len(STEPS)} {state}"
