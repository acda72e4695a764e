"""What EstimateFdr found of a database: as PublishResults reads it, and as it is published.

EstimateFdr writes ``runs/<run>/annotations-<n>.npz``. Molecules, with their names and ids, come
from the table that PlanRun kept, because the search itself knows only formulas.

EstimateFdr publishes ``diagnostics/<database>.npz`` itself: ions, scores and FDR, of targets and of
decoys. Its arrays are those of the ion table, those of the scores, and the FDR of every target.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from ionbox_science.annotation.annotations import Annotations
from ionbox_science.annotation.explanations import ScoredDatabase
from ionbox_science.annotation.quality import ScoreTally
from ionbox_science.annotation.table import AnnotatedDatabase
from ionbox_science.scoring.scores import IonScores
from ionbox_science.theory.databases import find_molecules
from ionbox_science.theory.ions import IonTable

from ionbox_cloud import keys
from ionbox_cloud.errors import DamagedObject
from ionbox_cloud.identity import hash_content
from ionbox_cloud.published import FDR, IONS_PREFIX, SCORES_PREFIX
from ionbox_cloud.run_plan import PlannedDatabase, RunPlan
from ionbox_cloud.storage.array_bytes import Arrays
from ionbox_cloud.store import Store


@dataclass(frozen=True)
class FoundDatabase:
    """A database of a run and what was found of it.

    Attributes
    ----------
    annotated : AnnotatedDatabase
        Its annotations, and the molecules they may be.
    n_dropped : int
        Targets that were found but whose FDR reached 1.
    msm_histogram : (2, n_bins) float64
        Targets and decoys by MSM, as `ionbox_science.annotation.quality.histogram_msm` counts them.
    tally : ScoreTally
        What became of its ions, annotated or not.
    """

    annotated: AnnotatedDatabase
    n_dropped: int
    msm_histogram: npt.NDArray[np.float64]
    tally: ScoreTally

    @property
    def name(self) -> str:
        """What users call the database."""
        return self.annotated.molecules.name

    @property
    def n_annotations(self) -> int:
        """Annotations of the database: its rows of ``annotations.csv``."""
        return len(self.annotated.annotations.fdr)


def read_found_databases(work: Store, plan: RunPlan) -> list[FoundDatabase]:
    """Read the databases of a run and their annotations, in the order of the plan.

    Raises
    ------
    MissingObject
        If EstimateFdr has not written one of them.
    """
    return [_read(work, plan, index) for index in range(len(plan.databases))]


def read_table(work: Store, planned: PlannedDatabase) -> bytes:
    """Read the molecule table of a planned database, as the user gave it.

    Raises
    ------
    MissingObject
        If PlanRun has not written it.
    DamagedObject
        If its bytes are not those that its name is made from.
    """
    key = keys.database(planned.content_id)
    data = work.read(key)
    if hash_content(data) != planned.content_id:
        raise DamagedObject.of(key, "its content is not what its name says")
    return data


def _read(work: Store, plan: RunPlan, index: int) -> FoundDatabase:
    planned = plan.databases[index]
    arrays = work.read_arrays(keys.run_annotations(plan.run_id, index))
    annotations = Annotations.from_arrays(arrays)
    formulas = set(annotations.formula.tolist())
    molecules = find_molecules(read_table(work, planned), planned.name, formulas)
    return FoundDatabase(
        AnnotatedDatabase(molecules, annotations),
        int(arrays["n_dropped"]),
        arrays["msm_histogram"],
        ScoreTally.from_arrays(arrays),
    )


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
