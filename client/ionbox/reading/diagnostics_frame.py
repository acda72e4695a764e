"""``diagnostics/<database>.npz`` as a pandas frame: scores of targets and decoys.

The file keeps each ion once, with a table of which formula and modifier make which ion; the frame
has a row per formula and modifier, as people look at scores. For `Run.diagnostics`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from ionbox_science.annotation.explanations import ScoredDatabase
from ionbox_science.annotation.table import format_ion
from ionbox_science.scoring.scores import mass_error_ppm
from ionbox_science.theory.formulas import join_modifier
from ionbox_science.theory.ions import NO_ION, IonTable


def diagnostics_frame(scored: ScoredDatabase, sign: str) -> pd.DataFrame:
    """Lay out the scores of a database: a row per formula and modifier with a scored ion.

    Parameters
    ----------
    scored : ScoredDatabase
        What the file holds.
    sign : {"+", "-"}
        Sign of the charge of the run's ions.

    Returns
    -------
    pandas.DataFrame
        Columns as in ``annotations.csv``, besides ``decoy`` (bool) and ``mzErrorRel`` (Da).
        ``mz`` is theoretical, ``massError`` in ppm, intensities are counts of the first isotope
        image; ``fdr`` is no number for decoys.
    """
    table, scores = scored.table, scored.scores
    place = np.full(table.n_ions + 1, NO_ION, np.int64)  # the last entry is that of NO_ION
    place[scores.ion] = np.arange(len(scores.ion))
    formula, modifier, ion, fdr = _pairs(table, scored.fdr)
    found = place[ion] != NO_ION  # an ion without any peak was not scored
    formula, modifier, ion, fdr = formula[found], modifier[found], ion[found], fdr[found]
    row = place[ion]
    parts = np.array(_modifier_parts(table), dtype=object).reshape(-1, 3)
    formulas = table.formulas.astype(object)[formula]
    mods, losses, adducts = parts[modifier].T
    names = [
        format_ion(*of_ion, sign) for of_ion in zip(formulas, mods, losses, adducts, strict=True)
    ]
    chosen = scores.take(row)
    mz = chosen.mz_mean[:, 0] - chosen.mz_error_abs  # theoretical: what was measured less its error
    return pd.DataFrame(
        {
            "database": np.full(len(row), scored.name, dtype=object),
            "formula": formulas,
            "adduct": adducts,
            "chemMod": mods,
            "neutralLoss": losses,
            "ion": names,
            "decoy": modifier >= len(table.target_parts),
            "mz": mz,
            "massError": mass_error_ppm(chosen.mz_error_abs, mz),
            "msm": chosen.msm,
            "fdr": fdr,
            "rhoSpatial": chosen.spatial,
            "rhoSpectral": chosen.spectral,
            "rhoChaos": chosen.chaos,
            "mzErrorRel": chosen.mz_error_rel,
            "minIntensity": chosen.min_intensity[:, 0],
            "maxIntensity": chosen.max_intensity[:, 0],
            "totalIntensity": chosen.total_intensity[:, 0],
        }
    )


def _pairs(table: IonTable, fdr: npt.NDArray[np.float64]) -> tuple[npt.NDArray[Any], ...]:
    """Return formula, modifier, ion and FDR of all targets, then of all decoys, each once."""
    n_formulas, n_targets = table.target_ion.shape
    formula = np.repeat(np.arange(n_formulas), n_targets)
    modifier = np.tile(np.arange(n_targets), n_formulas)
    drawn_for = np.broadcast_to(np.arange(n_formulas)[:, None, None], table.decoy_modifier.shape)
    n_modifiers = len(table.modifiers)
    draw = drawn_for.ravel().astype(np.int64) * n_modifiers + table.decoy_modifier.ravel()
    # targets of a formula may have drawn the same decoy, which is one row
    draw, first = np.unique(draw, return_index=True)
    return (
        np.concatenate([formula, draw // n_modifiers]),
        np.concatenate([modifier, draw % n_modifiers]),
        np.concatenate([table.target_ion.ravel(), table.decoy_ion.ravel()[first]]),
        np.concatenate([fdr.ravel(), np.full(len(draw), np.nan)]),
    )


def _modifier_parts(table: IonTable) -> list[tuple[str, str, str]]:
    """Return chemical modification, neutral loss and adduct of each modifier.

    Those of targets are known. A decoy's modifier is one text: a target's modification and loss,
    then an adduct, of two parts where decoys are matched.
    """
    targets = [(mod, loss, adduct) for mod, loss, adduct in table.target_parts.tolist()]
    prefixes = {join_modifier(mod, loss, ""): (mod, loss) for mod, loss, _ in targets}
    parts = list(targets)
    for modifier in table.modifiers[len(targets) :].tolist():
        prefix = max(filter(modifier.startswith, prefixes), key=len)
        parts.append((*prefixes[prefix], modifier.removeprefix(prefix)))
    return parts
