"""Turn published METASPACE-ML models into the small files that the science ring scores with.

In: CatBoost models (``.cbm``), as METASPACE publishes them. Out: one ``.npz`` each in
``ionbox_science/data``, which `ionbox_science.scoring.learned_score` reads; equal input, equal
bytes. Run by hand when a model changes; it needs catboost, which nothing else does but the tests::

    pip install catboost
    python layers/science/export_learned_scores.py metaspace-ml-animal=animal.cbm
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
DATA = HERE / "python" / "ionbox_science" / "data"

FEATURES = ("chaos", "spatial", "spectral", "mz_err_abs_abserr", "mz_err_rel_abserr")
"""Features of the models, in the order in which METASPACE hands them over."""


def export_model(model: Path) -> dict[str, Any]:
    """Return the arrays of a model.

    Raises
    ------
    ValueError
        If it is not made of oblivious trees of one depth over the five features.
    """
    described = _describe(model)
    features = described["features_info"]["float_features"]
    names = tuple(feature["feature_id"] for feature in features)
    if names != FEATURES or described["features_info"].get("categorical_features"):
        raise ValueError(f"{model}: its features are {names}, not {FEATURES}")
    if any(feature["nan_value_treatment"] != "AsIs" for feature in features):
        raise ValueError(f"{model}: it has an opinion about missing values")
    trees = described["oblivious_trees"]
    depth = len(trees[0]["splits"])
    borders = [np.array(feature["borders"], np.float32) for feature in features]
    feature, rank = (np.zeros((len(trees), depth), dtype) for dtype in (np.uint8, np.uint16))
    for row, tree in enumerate(trees):
        if len(tree["splits"]) != depth:
            raise ValueError(f"{model}: tree {row} has another depth than the first")
        for level, split in enumerate(tree["splits"]):
            feature[row, level] = split["float_feature_index"]
            own = borders[split["float_feature_index"]]
            (rank[row, level],) = np.flatnonzero(own == np.float32(split["border"]))
    scale, (bias,) = described["scale_and_bias"]
    return {
        "border": np.concatenate(borders),
        "n_borders": np.array([len(each) for each in borders], np.int64),
        "feature": feature,
        "rank": rank,
        "leaf": np.array([tree["leaf_values"] for tree in trees], np.float64),
        "scale_and_bias": np.array([scale, bias], np.float64),
        "sha256": np.array(hashlib.sha256(model.read_bytes()).hexdigest()),
    }


def _describe(model: Path) -> dict[str, Any]:
    import catboost

    loaded = catboost.CatBoost()
    loaded.load_model(str(model))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        loaded.save_model(str(path), format="json")
        described: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return described


def main() -> None:
    """Export the models that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="+", metavar="NAME=FILE.cbm")
    parser.add_argument("--out", type=Path, default=DATA)
    options = parser.parse_args()
    for model in options.models:
        name, _, path = model.partition("=")
        target = options.out / f"{name}.npz"
        np.savez_compressed(target, **export_model(Path(path)))
        sys.stdout.write(f"{target}: {target.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
