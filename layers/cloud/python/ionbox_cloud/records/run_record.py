"""What is written down about a run: `RunRecord` is ``run.json``, `RunStatus` ``status.json``.

``run.json`` lies in the results and says what a run was and found; PublishResults writes it last.
``status.json`` lies under the execution and says how one attempt ended: PublishResults,
ReportFailure or, where neither could, AnnounceEnd writes it.

Other versions of ionbox read both, so fields keep their names and meaning, new ones have a default,
and what a reader does not know it passes over.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from typing import Any

from ionbox_science import SCIENCE_VERSION, __version__
from ionbox_science.config import RunConfig

from ionbox_cloud.json_record import PublishedRecord
from ionbox_cloud.run_plan import Forecast, SortPlan
from ionbox_cloud.stored.file_records import IbdChecksum, PublishedFile


@dataclass(frozen=True)
class Versions(PublishedRecord):
    """Versions of what decides a result: ionbox, its science ring, Python and numpy."""

    ionbox: str
    science: str
    python: str = ""
    numpy: str = ""

    @classmethod
    def here(cls) -> Versions:
        """Return those of this process."""
        import importlib.metadata  # 0.05 s, and only who writes a record needs it

        return cls(
            __version__,
            SCIENCE_VERSION,
            platform.python_version(),
            importlib.metadata.version("numpy"),
        )


@dataclass(frozen=True)
class PickingRecord(PublishedRecord):
    """Peaks picked by ionbox from profile spectra.

    Attributes
    ----------
    n_spectra : int
        Spectra that were picked; others of the dataset declare that they are centroided.
    n_points : int
        Points of these spectra, those of zero intensity included.
    n_peaks : int
        Peaks the dataset has after that.
    """

    n_spectra: int
    n_points: int
    n_peaks: int


@dataclass(frozen=True)
class DatasetRecord(PublishedRecord):
    """The dataset of a run.

    Attributes
    ----------
    id, name : str
        Its identity, and what people call it.
    n_spectra, n_peaks : int
        As declared in the imzML.
    width, height : int
        Size of the image, pixels.
    mz_min, mz_max : float or None
        Lowest and highest m/z of a peak; None in results of early versions.
    pixel_size_um : list of float or None
        Width and height of a pixel in micrometres, where the imzML says.
    imzml_sha256 : str
        Checksum of the imzML.
    ibd_bytes : int
        Size of the ibd, bytes.
    ibd_checksum : IbdChecksum or None
        Its checksum, and whether the imzML declares the same.
    picked : PickingRecord or None
        What ionbox picked from profile spectra; None if they were centroided, or taken as they are.
    """

    id: str
    name: str
    n_spectra: int = 0
    n_peaks: int = 0
    width: int = 0
    height: int = 0
    mz_min: float | None = None
    mz_max: float | None = None
    pixel_size_um: tuple[float, ...] | None = None
    imzml_sha256: str = ""
    ibd_bytes: int = 0
    ibd_checksum: IbdChecksum | None = None
    picked: PickingRecord | None = None

    @property
    def mz_range(self) -> tuple[float, float] | None:
        """Lowest and highest m/z of a peak; None in results of early versions."""
        if self.mz_min is None or self.mz_max is None:
            return None
        return self.mz_min, self.mz_max


@dataclass(frozen=True)
class SourceRecord(PublishedRecord):
    """Where the data of a run lie: folder of segments in the results bucket, key of the ibd."""

    segments: str = ""
    ibd: str = ""
    ibd_etag: str = ""


@dataclass(frozen=True)
class DatabaseRecord(PublishedRecord):
    """A database of a run, and what came out.

    Attributes
    ----------
    name, content_id : str
        That of its file without extension, and the checksum of its content.
    patterns_id, scores_id : str
        Identities of what is computed from it.
    n_molecules, n_skipped : int
        Rows that were read, and bad ones that were left out.
    n_annotations, n_dropped : int
        Annotations, and targets that were found but whose FDR reached 1.
    version : str or None
        Version of the database; tables of molecules say none.
    n_targets, n_measured, best_msm, best_decoy_msm : int, int, float, float
        As of `ionbox_science.annotation.quality.ScoreTally`.
    """

    name: str
    content_id: str
    patterns_id: str = ""
    scores_id: str = ""
    n_molecules: int = 0
    n_skipped: int = 0
    n_annotations: int = 0
    n_dropped: int = 0
    n_targets: int = 0
    n_measured: int = 0
    best_msm: float = 0.0
    best_decoy_msm: float = 0.0
    version: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Write the record as JSON values, without a version if there is none."""
        return {name: value for name, value in super().to_json().items() if value is not None}


@dataclass(frozen=True)
class ScoreRecord(PublishedRecord):
    """What ions were ranked by.

    Attributes
    ----------
    name : str
        As in the config.
    citation : str
        The paper to cite, by DOI.
    model_sha256, mz_errors : str
        Of a learned score: checksum of the published model, and how it was handed m/z errors.
    """

    name: str
    citation: str
    model_sha256: str = ""
    mz_errors: str = ""


@dataclass(frozen=True)
class RecalibrationRecord(PublishedRecord):
    """Where the peaks of the dataset lie, and what that was told from.

    Attributes
    ----------
    offset_ppm, slope_ppm : float
        The m/z error to expect is ``offset_ppm + slope_ppm * mz / 1000``, ppm; both 0 if the
        calibrants did not suffice.
    mz_min, mz_max : float
        Range of the calibrants, Da; beyond it the error at its end is expected.
    n_calibrants : int
        Ions that were sure enough.
    before_ppm, after_ppm : float
        Median of the calibrants' absolute m/z errors, ppm.
    calibrants : tuple of (float, float)
        m/z of each, Da, and its error before recalibration, ppm.
    """

    offset_ppm: float
    slope_ppm: float
    mz_min: float
    mz_max: float
    n_calibrants: int
    before_ppm: float = 0.0
    after_ppm: float = 0.0
    calibrants: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class SummaryRow(PublishedRecord):
    """Annotations of one kind of ion in one database.

    ``counts`` has how many are within each FDR level, such as ``0.1``, and all of them as ``all``.
    """

    database: str
    ion: str
    counts: dict[str, int]


@dataclass(frozen=True)
class StateTotals(PublishedRecord):
    """What the calls of one state took together.

    Attributes
    ----------
    items : int
        Calls that succeeded.
    duration_s, cpu_s : float
        Sums over the calls, seconds.
    peak_memory_mb, planned_memory_mb : float, int
        The most that one call took, and that the plan expected of one, MB.
    climbs : int
        Rungs of the memory ladder that calls went up: each is a call that was killed.
    gb_s : float
        Memory of the function or task times duration, gigabyte seconds.
    dollars, workflow_dollars : float
        Their price on AWS, by `ionbox_cloud.planning.prices`, and that of what the state machine
        does around them.
    """

    items: int
    duration_s: float
    cpu_s: float
    peak_memory_mb: float
    planned_memory_mb: int
    climbs: int
    gb_s: float
    dollars: float
    workflow_dollars: float = 0.0


@dataclass(frozen=True)
class StateBill(PublishedRecord):
    """What one state cost: gigabyte seconds, calls, US dollars."""

    gb_s: float
    requests: int
    dollars: float


@dataclass(frozen=True)
class Bill(PublishedRecord):
    """What a run cost, or would have cost on AWS.

    Calls that were killed, storage and its requests are not in it.

    Attributes
    ----------
    dollars : float
        US dollars in all; ``workflow_dollars`` of them for the state machine's transitions.
    gb_s : float
        Memory of functions and tasks times duration, gigabyte seconds.
    requests : int
        Calls of functions and tasks that succeeded.
    states : dict of str to StateBill
        The same by state.
    on_aws : bool
        Whether the run was on AWS; if not, this is what it would have cost there.
    prices : str
        Whose prices, and their date.
    """

    dollars: float
    gb_s: float = 0.0
    requests: int = 0
    workflow_dollars: float = 0.0
    states: dict[str, StateBill] = field(default_factory=dict)
    on_aws: bool = False
    prices: str = ""


@dataclass(frozen=True)
class RunRecord(PublishedRecord):
    """``run.json``: what a run was, what it found, and what it took.

    Attributes
    ----------
    run_id : str
        Identity of the run.
    dataset : DatasetRecord
        The dataset that was annotated.
    config : RunConfig
        The resolved config, defaults included.
    databases : tuple of DatabaseRecord
        In the order of the request.
    versions : Versions
        What made these results.
    n_annotations : int
        Rows of ``annotations.csv``.
    summary : tuple of SummaryRow
        Counts of annotations per database and kind of ion.
    warnings : tuple of str
        What the user should know.
    segments_id : str
        Identity of the sorted peaks; empty in results of early versions.
    sources : SourceRecord
        Where the data lie.
    sort : SortPlan or None
        How the peaks were sorted.
    states : dict of str to StateTotals
        What the calls of each state took together.
    cost : Bill or None
        What these calls cost.
    files : dict of str to PublishedFile
        All other files of the results, by name; none in results of early versions.
    score : ScoreRecord or None
        What ions were ranked by; None in results of early versions, which ranked by MSM.
    recalibration : RecalibrationRecord or None
        The line by which windows were moved; None if it was not asked for.
    forecast : Forecast or None
        What PlanRun expected the states to take, if nothing of it was there; None in results of
        early versions.
    """

    run_id: str
    dataset: DatasetRecord
    config: RunConfig
    databases: tuple[DatabaseRecord, ...]
    versions: Versions
    n_annotations: int = 0
    summary: tuple[SummaryRow, ...] = ()
    warnings: tuple[str, ...] = ()
    segments_id: str = ""
    sources: SourceRecord = SourceRecord()
    sort: SortPlan | None = None
    states: dict[str, StateTotals] = field(default_factory=dict)
    cost: Bill | None = None
    files: dict[str, PublishedFile] = field(default_factory=dict)
    score: ScoreRecord | None = None
    recalibration: RecalibrationRecord | None = None
    forecast: Forecast | None = None


@dataclass(frozen=True)
class RunHeadline(PublishedRecord):
    """What lists of runs show of ``run.json``, whichever version wrote it."""

    run_id: str
    dataset: DatasetRecord
    n_annotations: int = 0


@dataclass(frozen=True)
class RunStatus(PublishedRecord):
    """``status.json``: how an attempt ended; what does not apply is left out of it.

    Attributes
    ----------
    status : str
        ``succeeded``, ``invalid_input`` (the user must act), ``failed``, ``timed_out`` or
        ``cancelled``.
    execution_id : str
        Name of the attempt's execution.
    ended : str or None
        When, in UTC, as ISO 8601.
    dataset, run_id : str or None
        Which run; ``run_id`` is empty if it was never planned.
    results, reused, n_annotations : str, bool, int, or None
        Of a success: folder of the results, whether they were there before, and rows of
        ``annotations.csv``.
    error, message, advice : str or None
        Of anything else: error class, what was wrong, what to do.
    cost : Bill or None
        What this attempt cost.
    older_results, replaced_results : str or None
        On one machine: the run whose results are still in the user's folder, and the one whose
        results were there before.
    """

    status: str
    execution_id: str = ""
    ended: str | None = None
    dataset: str | None = None
    run_id: str | None = None
    results: str | None = None
    reused: bool | None = None
    n_annotations: int | None = None
    error: str | None = None
    message: str | None = None
    advice: str | None = None
    cost: Bill | None = None
    older_results: str | None = None
    replaced_results: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the attempt ended with results."""
        return self.status == "succeeded"

    def to_json(self) -> dict[str, Any]:
        """Write the record as JSON values, without fields that do not apply (None)."""
        return {name: value for name, value in super().to_json().items() if value is not None}
