"""What the first pass measured, and the line that came of it, as objects.

MeasureMzErrors writes what it found of a range of ions, PlanAnnotation draws the line
(`ionbox_science.scoring.recalibration`), and whoever looks for peaks at theoretical m/z reads it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ionbox_science.scoring.recalibration import (
    FirstPass,
    FittedLine,
    MzErrors,
    Recalibration,
)

from ionbox_cloud import keys
from ionbox_cloud.planning.fan_out import Range
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.store import Store

_N_TARGETS, _N_DECOYS = "n_targets", "n_decoys"


def write_first_pass(work: Store, key: str, measured: FirstPass) -> None:
    """Write what was found of a range of ions."""
    counts = {
        _N_TARGETS: np.array(measured.n_targets),
        _N_DECOYS: np.array(measured.n_decoys),
    }
    work.write_arrays(key, {**measured.found.to_arrays(), **counts})


def read_first_pass(work: Store, scores_id: str, ranges: Sequence[Range]) -> FirstPass:
    """Read what was found of all ions of a database; at least one range.

    Raises
    ------
    MissingObject
        If a range was not measured.
    """
    names = [keys.mz_error_item(scores_id, start, stop) for start, stop in ranges]
    parts = list(work.read_many_arrays(names))
    return FirstPass(
        MzErrors.concatenate([MzErrors.from_arrays(part) for part in parts]),
        sum(int(part[_N_TARGETS]) for part in parts),
        sum(int(part[_N_DECOYS]) for part in parts),
    )


def write_recalibration(work: Store, run_id: str, fitted: FittedLine) -> None:
    """Write the line of a run, and the calibrants that it was drawn through."""
    work.write_json(keys.run_recalibration(run_id), fitted.to_json())


def read_fitted_line(work: Store, plan: RunPlan) -> FittedLine | None:
    """Read the line and its calibrants; None if the run is not to be recalibrated.

    Raises
    ------
    MissingObject
        If PlanAnnotation has not written it.
    """
    if not plan.config.recalibrate:
        return None
    return FittedLine.from_json(work.read_json(keys.run_recalibration(plan.run_id)))


def read_recalibration(work: Store, plan: RunPlan) -> Recalibration:
    """Read the line of a run: one that changes nothing if it is not to be recalibrated.

    Raises
    ------
    MissingObject
        If PlanAnnotation has not written it.
    """
    fitted = read_fitted_line(work, plan)
    return fitted.recalibration if fitted else Recalibration()
