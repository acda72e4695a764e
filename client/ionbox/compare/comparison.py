"""Two tables of annotations side by side: gained, lost, moved, and by how much scores differ.

Two `Side` go in, a `Comparison` comes out: a row per ion, and a summary per metric. ``ionbox
compare`` prints it, writes it as a table and draws it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from ionbox_science.errors import InvalidConfig
from ionbox_science.scoring.fdr import FDR_LEVELS

from ionbox.compare import TOLERANCE
from ionbox.compare.tables import KEY, METRICS, Side

_ROUNDING = 1e-9  # an FDR of 0.1 that was computed in another way is still within 10 %


@dataclass(frozen=True)
class Difference:
    """How much one metric differs over the ions that both tables have.

    Attributes
    ----------
    metric : str
        Name of the metric, one of `METRICS`.
    largest, median : float
        Absolute differences, over the ions that have the metric in both tables; NaN if none has.
    n_one_sided : int
        Ions that are in both tables but have the metric in one only.
    """

    metric: str
    largest: float
    median: float
    n_one_sided: int


@dataclass(frozen=True)
class Comparison:
    """What differs between two tables.

    Attributes
    ----------
    a, b : str
        Names of the tables, as they were given.
    rows : pandas.DataFrame
        A row per ion, sorted by FDR in ``b``, then ``a``. Columns: the parts of the ion (`KEY`),
        ``database`` if ions are matched by it, ``change`` (``gained``, ``lost``, ``moved`` to
        another FDR level, ``scores`` for other differences, or empty), ``fdr_level_a`` and ``_b``
        (1: above 50 %), and each metric as ``msm_a``, ``msm_b`` and so on.
    differences : tuple of Difference
        One per metric; empty if no ion is in both tables.
    """

    a: str
    b: str
    rows: pd.DataFrame
    differences: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        """Whether no ion differs."""
        return bool((self.rows["change"] == "").all())

    def count(self, change: str) -> int:
        """Return the number of ions with one kind of change, a value of the column ``change``."""
        return int((self.rows["change"] == change).sum())

    @property
    def n_common(self) -> int:
        """Number of ions that both tables have."""
        return len(self.rows) - self.count("gained") - self.count("lost")


def compare(a: Side, b: Side, tolerance: float = TOLERANCE) -> Comparison:
    """Compare two tables.

    Parameters
    ----------
    a, b : Side
        The tables, before and after: what only ``b`` has is gained. Rows are in order of FDR.
    tolerance : float
        Up to this difference a metric counts as the same.

    Raises
    ------
    InvalidConfig
        If the tolerance is NaN or below 0.

    Notes
    -----
    Ions are matched by formula, modification, loss and adduct; also by database if the tables have
    the name of one in common. Of an ion that a table has twice, the row with the better FDR counts.
    A metric that an ion has in only one of the tables counts as different.
    """
    if not tolerance >= 0:  # written so that NaN is refused, too
        raise InvalidConfig(f"tolerance: expected a number of 0 or more, got {tolerance}")
    key = [*KEY, *(["database"] if a.databases & b.databases else [])]
    # rows of a side are in order of FDR, so the first of an ion is its best
    left, right = (
        side.frame.drop_duplicates(key)[[*key, *METRICS]].reset_index(drop=True) for side in (a, b)
    )
    rows = left.merge(right, how="outer", on=key, suffixes=("_a", "_b"), indicator="change")
    rows = rows.sort_values(["fdr_b", "fdr_a", *key], kind="stable").reset_index(drop=True)
    for side in ("a", "b"):
        rows[f"fdr_level_{side}"] = fdr_level(rows[f"fdr_{side}"].to_numpy())
    gaps = {name: (rows[f"{name}_b"] - rows[f"{name}_a"]).abs() for name in METRICS}
    both = rows["change"] == "both"
    one_sided = {
        name: both & (rows[f"{name}_a"].isna() != rows[f"{name}_b"].isna()) for name in METRICS
    }
    differs = (pd.DataFrame(gaps) > tolerance) | pd.DataFrame(one_sided)
    rows["change"] = _name_changes(rows, differs.any(axis=1))
    scores = [f"{name}_{side}" for name in METRICS for side in ("a", "b")]
    rows = rows[[*key, "change", "fdr_level_a", "fdr_level_b", *scores]]
    return Comparison(
        a.name,
        b.name,
        rows,
        tuple(
            Difference(name, float(gap.max()), float(gap.median()), int(one_sided[name].sum()))
            for name, gap in gaps.items()
        )
        if both.any()
        else (),
    )


def fdr_level(fdr: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Round FDRs up to METASPACE's levels; 1 above 50 %, NaN stays NaN.

    >>> import numpy as np
    >>> fdr_level(np.array([0.01, 0.05, 0.2, 0.7])).tolist()
    [0.05, 0.05, 0.2, 1.0]
    """
    levels = np.array([*FDR_LEVELS, 1.0])
    place = np.searchsorted(levels + _ROUNDING, np.nan_to_num(fdr, nan=1.0))
    return np.where(np.isnan(fdr), np.nan, levels[np.minimum(place, len(levels) - 1)])


def _name_changes(rows: pd.DataFrame, differs: pd.Series[bool]) -> pd.Series[str]:
    names = rows["change"].map({"left_only": "lost", "right_only": "gained", "both": ""})
    names = names.astype(object)
    both = names == ""
    # "moved" comes last: it is what people look for, whatever scores differ besides
    names[both & differs] = "scores"
    names[both & ((rows["fdr_level_a"] - rows["fdr_level_b"]).abs() > 0)] = "moved"
    return names.astype(str)
