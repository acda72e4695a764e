"""The published metrics of ions of ten real FTICR datasets, by the authors of METASPACE-ML."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ionbox_science.scoring.fdr import estimate_fdr
from ionbox_science.scoring.scores import IonScores

_FILE = "published/metaspace-ml-fticr/CoreMetabolome-v3_metrics_df_w_pred_score.csv.gz"

Row = dict[str, str]


def read_published_ions(reference: Path) -> list[Row]:
    """Targets, and twenty decoys for each; those that were not found are not in the table."""
    with gzip.open(reference / _FILE, "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def make_scores(**columns: Any) -> IonScores:
    """Make scores of which a test names the metrics it is about."""
    rows = {name: np.atleast_1d(np.asarray(value, float)) for name, value in columns.items()}
    n = max(map(len, rows.values()))
    names = ("chaos", "spatial", "spectral", "mz_error_abs", "mz_error_rel")
    metrics = {name: np.broadcast_to(rows.get(name, np.zeros(1)), n) for name in names}
    msm = metrics["chaos"] * metrics["spatial"] * metrics["spectral"]
    nothing = np.zeros((n, 4), np.float32)
    return IonScores(
        ion=np.arange(n, dtype=np.int32),
        **metrics,
        msm=msm,
        total_intensity=nothing,
        min_intensity=nothing,
        max_intensity=nothing,
        mz_mean=np.zeros((n, 4)),
        mz_stddev=np.zeros((n, 4)),
    )


def scores_of(rows: list[dict[str, str]]) -> IonScores:
    names = ("chaos", "spatial", "spectral")
    metrics = {name: [float(row[name] or "nan") for row in rows] for name in names}
    errors = {
        f"mz_error_{kind}": [float(row[f"mz_err_{kind}"] or "nan") for row in rows]
        for kind in ("abs", "rel")
    }
    return make_scores(**metrics, **errors)


def count_annotations(
    rows: list[Row], is_found: npt.NDArray[np.bool_], ranked_by: npt.NDArray[np.float64]
) -> list[int]:
    """Annotations at 5, 10 and 20 %, each kind of ion of each dataset ranked by itself."""
    found = np.where(is_found, ranked_by, -1.0)
    group = np.array([row["group_name"] for row in rows])
    is_target = np.array([row["target"] == "1.0" for row in rows])
    fdrs = []
    for name in np.unique(group):
        of_targets, of_decoys = (found[(group == name) & kind] for kind in (is_target, ~is_target))
        n = max(len(of_targets), -(-len(of_decoys) // 20))
        targets, decoys = np.full((n, 1), -1.0), np.full((n, 1, 20), -1.0)
        targets[: len(of_targets), 0] = of_targets
        decoys.reshape(-1)[: len(of_decoys)] = of_decoys
        fdr = estimate_fdr(targets, decoys, "metaspace-v3", absent=-1.0)
        fdrs.append(fdr[targets > 0])
    return [int((np.concatenate(fdrs) <= level).sum()) for level in (0.05, 0.1, 0.2)]
