"""What a run is: decided by PlanRun, read by every later state.

PlanRun writes a `RunPlan` as ``executions/<execution>/plan.json``; no state changes it, and none
asks anything of the inbox again but the ibd's bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ionbox_science.config import RunConfig

from ionbox_cloud import keys
from ionbox_cloud.identity import identify_recalibrated, identify_sort
from ionbox_cloud.json_record import JsonRecord, PublishedRecord
from ionbox_cloud.messages import DatasetFiles

if TYPE_CHECKING:
    import numpy as np
    from ionbox_science.scoring.recalibration import Recalibration

    from ionbox_cloud.store import Store


@dataclass(frozen=True)
class PlannedDatabase(JsonRecord):
    """A database of the run: its name, and the identities of what is computed from it.

    Attributes
    ----------
    name : str
        That of its file without extension.
    content_id, patterns_id, scores_id : str
        Identities of its bytes, of its isotope patterns, and of their scores on this dataset, at
        theoretical m/z.
    n_molecules, n_skipped : int
        Rows that were read, and bad ones that were left out.
    """

    name: str
    content_id: str
    patterns_id: str
    scores_id: str
    n_molecules: int
    n_skipped: int

    def recalibrated_id(self, recalibration: Recalibration) -> str:
        """Return the identity of its scores where windows are moved by this line."""
        return identify_recalibrated(self.scores_id, recalibration)


@dataclass(frozen=True)
class RunPlan(JsonRecord):
    """Everything later states need to know.

    Attempts with the same ``run_id`` make the same results; what does not change these may differ
    between them: keys in the inbox, the way of sorting, cuts, ``force``, warnings.

    Attributes
    ----------
    run_id, dataset_id, segments_id : str
        Identities, see `ionbox_cloud.identity`.
    dataset : DatasetFiles
        Names and keys in the inbox.
    imzml_sha256 : str
        Checksum of the imzML.
    ibd_bytes, ibd_etag : int, str
        The ibd as it was when the run was planned; states refuse to read another.
    n_spectra, n_peaks, width, height : int
        From the imzML: peaks as declared, and the size of the image in pixels.
    mz_type : str
        Type of m/z in the ibd and in segments, as numpy writes it: ``<f4`` or ``<f8``.
    checksum_algorithm : str
        Of the ibd: as the imzML declares, else SHA-256; as ``hashlib`` names it.
    declared_checksum : str
        The ibd's, as the imzML declares it, lower-case hex digits; empty if it does not.
    segment_bounds : tuple of float
        Ascending m/z at which the dataset is cut; one more segment than bounds.
    sort : SortPlan
        How the segments are made.
    span_cuts : tuple of int
        Spectra at which the dataset is cut into spans, 0 and the number of spectra included, if
        many calls sort it; else empty.
    config : RunConfig
        The resolved config: nothing in it is left open.
    databases : tuple of PlannedDatabase
        In the order of the request.
    dollars_per_minute : float
        What a minute that is saved may cost; what is cut depends on it, results do not.
    force : bool
        Publish anew what is published already.
    n_formulas : int
        Different formulas of the database that has most of them.
    planning_mb : int
        Memory that planning was expected to need, MB.
    warnings : tuple of str
        What the user should know but need not act on.
    forecast : Forecast or None
        How long the run should take and what it should cost, if nothing of it is there yet.
    """

    run_id: str
    dataset_id: str
    segments_id: str
    dataset: DatasetFiles
    imzml_sha256: str
    ibd_bytes: int
    ibd_etag: str
    n_spectra: int
    n_peaks: int
    width: int
    height: int
    mz_type: str
    checksum_algorithm: str
    declared_checksum: str
    segment_bounds: tuple[float, ...]
    sort: SortPlan
    span_cuts: tuple[int, ...]
    config: RunConfig
    databases: tuple[PlannedDatabase, ...]
    dollars_per_minute: float
    force: bool
    n_formulas: int
    planning_mb: int
    warnings: tuple[str, ...]
    forecast: Forecast | None = None

    @property
    def mz_dtype(self) -> np.dtype[np.floating[Any]]:
        """Type of m/z, float32 or float64."""
        import numpy as np  # here: the command line reads records of runs, and does without

        return np.dtype(self.mz_type)

    @property
    def n_segments(self) -> int:
        """Number of segments that the bounds make."""
        return len(self.segment_bounds) + 1

    @property
    def sort_id(self) -> str:
        """Identity of what many calls leave while they sort the dataset."""
        return identify_sort(self.segments_id, self.span_cuts)


def read_plan(work: Store, execution_id: str) -> RunPlan:
    """Read the plan of an execution.

    Raises
    ------
    MissingObject
        If PlanRun has not written it.
    InvalidMessage
        If another version of ionbox wrote it.
    """
    return RunPlan.from_json(work.read_json(keys.run_plan(execution_id)))


@dataclass(frozen=True)
class SortPlan(PublishedRecord):
    """How a dataset's peaks are sorted, as planned; the run record says it, too.

    Attributes
    ----------
    way : str
        ``lambda``, ``map`` or ``fargate``, see `ionbox_cloud.planning.sort_plan`.
    memory_mb : int
        Memory in MB that one call is expected to need, or that the Fargate task has.
    disk_gb, vcpu : int
        Disk in GiB and processors of the Fargate task; 0 for the other ways.
    predicted_seconds, predicted_dollars : float
        Wall clock and price of sorting, by rates that were not measured on AWS.
    """

    way: str
    memory_mb: int
    disk_gb: int
    vcpu: int
    predicted_seconds: float
    predicted_dollars: float


@dataclass(frozen=True)
class StateForecast(PublishedRecord):
    """What one state of a run should take.

    Attributes
    ----------
    calls : int
        Calls; of a Map its items.
    seconds : float
        Wall-clock seconds from its begin to its end.
    duration_s : float
        Sum over the calls, seconds, as in the totals of a run that was.
    dollars : float
        Price of the calls on AWS.
    start_s, wait_s, move_s, compute_s : float
        What ``seconds`` are made of: starting, requests that wait for one another, bytes to and
        from storage, computing.
    """

    calls: int
    seconds: float
    duration_s: float
    dollars: float
    start_s: float = 0.0
    wait_s: float = 0.0
    move_s: float = 0.0
    compute_s: float = 0.0


@dataclass(frozen=True)
class Forecast(PublishedRecord):
    """What a run should take, told from its counts before anything is computed.

    Attributes
    ----------
    seconds, dollars : float
        Wall clock from its first state to the end of its last, and price on AWS.
    n_workers : int
        Calls of a Map at once: of the account, or worker processes of one machine.
    on_aws : bool
        Where it runs; if not, the dollars are what it would cost there.
    states : dict of str to StateForecast
        The same by state, in their order.
    path : tuple of str
        States that wait for one another; the others run beside them.
    floor : str
        The state of these that takes longest, and what of it.
    rates : str
        Date of the rates.
    """

    seconds: float
    dollars: float
    n_workers: int
    on_aws: bool
    states: dict[str, StateForecast]
    path: tuple[str, ...] = ()
    floor: str = ""
    rates: str = ""
