"""Make ``real_ions.json`` again: ``.venv/bin/python -m tests.golden.make_real_ions``.

Needs the reference data: the metrics of 10,014 ions of ten public FTICR datasets of mouse brain,
which Wadie et al. 2024 (doi:10.1038/s41467-024-52213-9) publish. Only summaries are kept here.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tests.golden.make import REFERENCE
from tests.golden.planted import GOLDEN

TABLE = "published/metaspace-ml-fticr/CoreMetabolome-v3_metrics_df_w_pred_score.csv.gz"
LEVEL = 0.1
QUARTILES = (0.25, 0.5, 0.75)
N_DECOYS = 20


def read_ions() -> pd.DataFrame:
    """Read the table, with what it says of isotope peaks and FDR."""
    table = pd.read_csv(REFERENCE / TABLE)
    intensity, abundance = (_read_lists(table[name]) for name in ("total_iso_ints", "theo_ints"))
    mz = _read_lists(table["theo_mz"])[:, 0]
    row, strongest = np.arange(len(table)), 1 + abundance[:, 1:].argmax(axis=1)
    observed = intensity[row, strongest] / intensity[:, 0]
    table["isotope_ratio"] = observed / (abundance[row, strongest] / abundance[:, 0])
    table["missing"] = ((abundance > 0) & (intensity == 0))[:, 1:].sum(axis=1)
    table["mz_error_ppm"] = table["mz_err_abs"] / mz * 1e6
    table["score"] = table["pred_score"].clip(0, 1)
    table["fdr"] = table.groupby("group_name", group_keys=False)[["score", "target"]].apply(_rank)
    return table


def _read_lists(column: pd.Series[Any]) -> npt.NDArray[np.float64]:
    return np.array([np.array(text.strip("[]").split(), float) for text in column])


def _rank(ions: pd.DataFrame) -> pd.Series[Any]:
    """Estimate FDR as metaspace-v3 does."""
    order = np.argsort(-ions["score"].to_numpy(), kind="stable")
    is_target = ions["target"].to_numpy()[order] == 1
    fdr = ((~is_target).cumsum() + 1) / N_DECOYS / (is_target.cumsum() + 1)
    return pd.Series(np.minimum.accumulate(fdr[::-1])[::-1], ions.index[order])


def main() -> None:
    ions = read_ions()
    annotated = ions[(ions["target"] == 1) & (ions["fdr"] <= LEVEL)]
    decoys = ions[ions["target"] == 0]
    low, middle, high = annotated["mz_error_ppm"].quantile(QUARTILES)
    columns = ("msm", "spatial", "spectral", "chaos", "isotope_ratio", "mz_error_ppm")
    value = {
        "origin": "METASPACE-ML's published table of ten FTICR datasets, CoreMetabolome v3, +H +Na "
        "+K (doi:10.1038/s41467-024-52213-9, MIT): targets up to 10 % FDR by pred_score, and all "
        "decoys",
        "command": ".venv/bin/python -m tests.golden.make_real_ions",
        "n_annotated": len(annotated),
        "n_decoys": len(decoys),
        "figures": {
            **{name: round(annotated[name].median(), 4) for name in columns if name != "chaos"},
            "mean_missing": round(annotated["missing"].mean(), 4),
            "mz_error_ppm": round(middle, 4),
            "mz_error_width_ppm": round(high - low, 4),
            "decoy_spatial": round(decoys["spatial"].median(), 4),
        },
        "quartiles": {
            "annotated": {n: annotated[n].quantile(QUARTILES).round(4).tolist() for n in columns},
            "decoys": {n: decoys[n].quantile(QUARTILES).round(4).tolist() for n in columns},
        },
    }
    text = json.dumps(value, indent=1, ensure_ascii=False)
    (GOLDEN / "real_ions.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
