"""``diagnostics/<database>.npz``: ions, scores and FDR of a database, targets and decoys.

Its arrays are those of the ion table, those of the scores, and the FDR of every target.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
from ionbox_science.annotation.explanations import ScoredDatabase
from ionbox_science.scoring.scores import IonScores
from ionbox_science.theory.ions import IonTable

from ionbox_cloud.published import FDR, IONS_PREFIX, SCORES_PREFIX
from ionbox_cloud.storage.array_bytes import Arrays


def pack_diagnostics(scored: ScoredDatabase) -> Arrays:
    """Return the arrays of what a run found out about a database."""
    return {
        **{f"{IONS_PREFIX}{name}": array for name, array in scored.table.to_arrays().items()},
        **{f"{SCORES_PREFIX}{name}": array for name, array in scored.scores.to_arrays().items()},
        FDR: scored.fdr,
    }


def unpack_diagnostics(name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> ScoredDatabase:
    """Return what a run found out about the database of a name."""
    return ScoredDatabase(
        name,
        IonTable.from_arrays(_beginning(IONS_PREFIX, arrays)),
        IonScores.from_arrays(_beginning(SCORES_PREFIX, arrays)),
        arrays[FDR],
    )


def _beginning(prefix: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
