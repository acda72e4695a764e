"""Which objects each handler reads and writes, by the folders of ``ionbox_cloud/keys.py``.

A table, so that a role allows what its handler does and no more; a handler that touches another
folder needs a line here. `cdk.storage.Storage.allow` makes policies of it. Only PlanRun deletes,
and only what is damaged; what is old expires by lifecycle rules. Every state reads and writes
``executions/``: the record of its call, and of objects that it could not use.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Folders = tuple[str, ...]

EVERYTHING = ("",)
"""The inbox has no folders of its own: users drop things where they like."""


@dataclass(frozen=True)
class Objects:
    """What one handler touches: folders of each bucket, with their closing slash.

    A folder may have ``*`` in it, which stands for anything, slashes included.
    """

    inbox_reads: Folders = ()
    work_reads: Folders = ()
    work_writes: Folders = ()
    results_reads: Folders = ()
    results_writes: Folders = ()
    work_deletes: Folders = ()
    results_deletes: Folders = ()

    def by_bucket(self) -> Iterator[tuple[str, Folders, Folders, Folders]]:
        """Yield each bucket it touches, with the folders read, written and deleted from there."""
        everywhere: list[tuple[str, Folders, Folders, Folders]] = [
            ("Inbox", self.inbox_reads, (), ()),
            ("Work", self.work_reads, self.work_writes, self.work_deletes),
            ("Results", self.results_reads, self.results_writes, self.results_deletes),
        ]
        return (each for each in everywhere if any(each[1:]))


_DATASET: Folders = ("executions/", "datasets/")  # the plan, and the header

_COMPUTED: Folders = (
    "databases/",
    "datasets/",
    "executions/",
    "mz-errors/",
    "patterns/",
    "runs/",
    "scores/",
    "sort/",
)

OBJECTS: dict[str, Objects] = {
    "PlanRun": Objects(
        inbox_reads=EVERYTHING,
        # which parts of an earlier attempt are there, and which objects could not be used
        work_reads=("sort/", "executions/"),
        work_writes=("databases/", "datasets/", "executions/"),
        results_reads=("segments/", "results/", "contents/"),
        results_writes=("contents/",),
        work_deletes=_COMPUTED,
        results_deletes=("segments/", "results/", "contents/"),
    ),
    "SegmentSpectra": Objects(
        inbox_reads=EVERYTHING,
        work_reads=_DATASET,
        work_writes=("executions/",),
        results_writes=("segments/", "contents/"),
    ),
    "SortSpans": Objects(
        inbox_reads=EVERYTHING,
        work_reads=(*_DATASET, "sort/"),
        work_writes=("executions/", "sort/"),
    ),
    "PlanMerge": Objects(
        work_reads=("executions/", "sort/"),
        work_writes=("executions/", "sort/"),
        results_reads=("segments/",),
    ),
    "MergeSegments": Objects(
        work_reads=("executions/", "sort/"),
        work_writes=("executions/", "sort/"),
        results_reads=("segments/",),
        results_writes=("segments/",),
    ),
    "ChecksumIbd": Objects(
        inbox_reads=EVERYTHING,
        work_reads=("executions/",),
        work_writes=("executions/",),
        results_reads=("segments/", "contents/"),
        results_writes=("contents/",),
    ),
    "FinishSegments": Objects(
        work_reads=(*_DATASET, "sort/"),
        work_writes=("executions/",),
        results_reads=("segments/", "contents/"),
        results_writes=("segments/",),
    ),
    "SortSpectra": Objects(
        inbox_reads=EVERYTHING,
        work_reads=_DATASET,
        work_writes=("executions/",),
        results_reads=("segments/",),
        results_writes=("segments/", "contents/"),
    ),
    "BuildIons": Objects(
        work_reads=("executions/", "databases/", "patterns/"),
        work_writes=("executions/", "patterns/"),
    ),
    "GenerateIsotopePatterns": Objects(
        work_reads=("executions/", "patterns/"),
        work_writes=("executions/", "patterns/"),
    ),
    "PlanRecalibration": Objects(
        work_reads=("executions/", "patterns/", "mz-errors/"),
        work_writes=("executions/",),
        results_reads=("segments/",),
    ),
    "MeasureMzErrors": Objects(
        work_reads=(*_DATASET, "patterns/"),
        work_writes=("executions/", "mz-errors/"),
        results_reads=("segments/",),
    ),
    "PlanAnnotation": Objects(
        work_reads=("executions/", "patterns/", "mz-errors/", "scores/"),
        work_writes=("executions/", "runs/"),
        results_reads=("segments/",),
    ),
    "AnnotateSegments": Objects(
        work_reads=(*_DATASET, "patterns/", "runs/"),
        work_writes=("executions/", "scores/"),
        results_reads=("segments/",),
    ),
    "EstimateFdr": Objects(
        work_reads=(*_DATASET, "patterns/", "scores/", "runs/"),
        work_writes=("executions/", "runs/"),
        results_reads=("segments/", "results/"),
        results_writes=("results/",),
    ),
    "RenderImages": Objects(
        work_reads=(*_DATASET, "runs/"),
        work_writes=("executions/", "runs/"),
        results_reads=("segments/",),
        results_writes=("results/",),
    ),
    "CompareImages": Objects(
        work_reads=("executions/", "runs/"),
        work_writes=("executions/", "runs/"),
    ),
    "PublishResults": Objects(
        work_reads=(*_DATASET, "databases/", "runs/"),
        work_writes=("executions/",),
        results_reads=("segments/", "results/", "contents/"),
        results_writes=("results/", "executions/"),
    ),
    "ReportFailure": Objects(
        work_reads=("executions/",),
        work_writes=("executions/",),
        results_reads=("segments/",),
        results_writes=("executions/",),
    ),
    "RecordFailure": Objects(work_writes=("executions/",)),
    "Intake": Objects(
        inbox_reads=EVERYTHING,
        work_reads=("claims/",),
        work_writes=("claims/",),
        results_reads=("databases/",),
        results_writes=("databases/",),
    ),
    "StartRuns": Objects(),
    "AnnounceEnd": Objects(
        work_reads=("claims/", "executions/"),
        work_writes=("executions/",),
        results_reads=("executions/", "results/"),
        results_writes=("executions/",),
    ),
}
