"""What a run is: resolved by PlanRun, read by every later state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ionbox_science.config import RunConfig

from ionbox_cloud import keys
from ionbox_cloud.json_record import JsonRecord
from ionbox_cloud.messages import DatasetFiles
from ionbox_cloud.store import Store


@dataclass(frozen=True)
class PlannedDatabase(JsonRecord):
    """A database of the run: its name, and the identities of what is computed from it."""

    name: str
    content_id: str
    patterns_id: str
    scores_id: str
    n_molecules: int
    n_skipped: int


@dataclass(frozen=True)
class RunPlan(JsonRecord):
    """Everything later states need to know; nothing in it depends on the attempt.

    Attributes
    ----------
    run_id, dataset_id, segments_id : str
        Identities.
    dataset : DatasetFiles
        Names and keys in the inbox.
    ibd_bytes, ibd_etag
        The ibd as it was when the run was planned.
    n_spectra, n_peaks, width, height : int
        From the imzML; peaks as declared.
    segment_bounds : tuple of float
        m/z at which the dataset is cut.
    sort : str
        How the segments are made; ``lambda`` is the only way so far.
    config : dict
        The resolved `RunConfig`.
    databases : tuple of PlannedDatabase
        In the order of the request.
    warnings : tuple of str
        What the user should know but need not act on.
    """

    run_id: str
    dataset_id: str
    segments_id: str
    dataset: DatasetFiles
    ibd_bytes: int
    ibd_etag: str
    n_spectra: int
    n_peaks: int
    width: int
    height: int
    segment_bounds: tuple[float, ...]
    sort: str
    config: dict[str, Any]
    databases: tuple[PlannedDatabase, ...]
    warnings: tuple[str, ...]

    @property
    def run_config(self) -> RunConfig:
        """The resolved config."""
        return RunConfig.from_json(self.config)


def read_plan(work: Store, run_id: str) -> RunPlan:
    """Read the plan of a run."""
    return RunPlan.from_json(work.read_json(keys.run_plan(run_id)))
