"""What travels between states: ids, keys and counts, never data.

One frozen type per message; a docstring begins with the state it goes to or comes from. Messages
arrive as JSON and are refused if a field is missing, unknown or of another type, so that a mistake
in the state machine shows where it is made. Step Functions passes on at most 256 kB, and a Map's
items together are more: they lie in an object, and its key travels (`ItemList`).
"""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from typing import Any

from ionbox_cloud.json_record import JsonRecord, PublishedRecord


@dataclass(frozen=True)
class Message(JsonRecord):
    """Base of what one state hands to another."""


@dataclass(frozen=True)
class DatasetFiles(Message):
    """A dataset in the inbox: its name for people and the keys of its files.

    ``sidecar_key`` is the optional config file that was dropped beside it.
    """

    name: str
    imzml_key: str
    ibd_key: str
    sidecar_key: str | None


@dataclass(frozen=True)
class DatabaseFile(Message):
    """A molecule table in the inbox: its name for people and its key."""

    name: str
    key: str


@dataclass(frozen=True)
class ConfigLayer(Message):
    """Settings and where they come from, as messages to the user name it."""

    source: str
    settings: dict[str, Any]


@dataclass(frozen=True)
class RunRequest(Message):
    """Input of an execution: what to annotate, with what.

    ``config`` is strongest first; the sidecar's settings are weaker than all of it, then come the
    imzML's own words, then ``defaults``, strongest first. Without ``databases``, those that the
    settings name are looked up.
    """

    dataset: DatasetFiles
    databases: tuple[DatabaseFile, ...]
    config: tuple[ConfigLayer, ...]
    defaults: tuple[ConfigLayer, ...]


@dataclass(frozen=True)
class WaitingRun(PublishedRecord):
    """In the run queue: a run that waits for its turn, under the name its execution gets.

    It may wait for days, an update of ionbox in between.

    Attributes
    ----------
    execution_id : str
        The name.
    request : RunRequest
        What its execution gets.
    n_bytes : int
        Size of imzML and ibd together, bytes; 0 if not known.
    """

    execution_id: str
    request: RunRequest
    n_bytes: int = 0


@dataclass(frozen=True)
class PlanRequest(Message):
    """To PlanRun: the name of the attempt, and what it is asked for.

    ``rung`` is where on the memory ladder this call is, from 0.
    """

    execution_id: str
    request: RunRequest
    rung: int


@dataclass(frozen=True)
class RunRef(Message):
    """To every state that works on the whole run: the attempt and what it computes.

    The rest is in the plan, which lies under ``execution_id``. ``run_id`` is the same for attempts
    at the same results; here it is for logs and items.
    """

    execution_id: str
    run_id: str


@dataclass(frozen=True)
class RunCall(RunRef):
    """To states that work on the whole run in one call: with the memory it should need, MB."""

    memory_mb: int


@dataclass(frozen=True)
class PlannedCall(Message):
    """How much memory a call on the whole run should need, MB, and on which rung it starts."""

    memory_mb: int
    rung: int


@dataclass(frozen=True)
class SortChoice(Message):
    """How the segments are made, as the state machine needs to know it.

    Attributes
    ----------
    way : str
        ``lambda``, ``map`` or ``fargate``; ``reuse`` if the segments exist.
    rung : int
        Where SegmentSpectra starts on the memory ladder, from 0.
    n_items, items_key : int, str
        The list of SortSpans: how many, and its key; 0 and empty if that is not the way.
    task_cpu, task_memory : str
        Size of the Fargate task, in 1/1024 of a processor and in MB; text, as ECS wants them.
    task_disk_gb : int
        Disk of the Fargate task, GiB.
    """

    way: str
    rung: int
    n_items: int
    items_key: str
    task_cpu: str
    task_memory: str
    task_disk_gb: int


@dataclass(frozen=True)
class PlannedRun(Message):
    """From PlanRun: the run, and what the state machine needs to know to choose its way.

    ``published`` says that the results are there: nothing is left to do but to say so.
    ``recalibrate`` asks for a first pass that measures m/z errors. ``checksum_apart`` says that the
    ibd is to be compared with what its imzML declares by a call of its own. ``calls`` are those on
    the whole run, by state.
    """

    execution_id: str
    run_id: str
    published: bool
    recalibrate: bool
    checksum_apart: bool
    sort: SortChoice
    calls: dict[str, PlannedCall]


@dataclass(frozen=True)
class ItemList(Message):
    """From a state that plans a Map: how many items, and the key of the list."""

    n_items: int
    items_key: str


@dataclass(frozen=True)
class ImageItems(ItemList):
    """From EstimateFdr: the items of images, those that compare them, and the call that publishes.

    Where ``comparison`` has no items, the call that publishes compares the images.
    """

    comparison: ItemList
    publication: PlannedCall


@dataclass(frozen=True)
class MapItem(Message, abc.ABC):
    """Base of the items of Maps: what one call is to do, and what shows that it was done.

    Ranges of items are from ``start`` to ``stop``, without ``stop``.

    Attributes
    ----------
    execution_id, run_id : str
        The attempt, and what it computes.
    item : int
        Place in the Map's list, from 0. Finished work is not on the list, so this is not the number
        of the chunk or span.
    output_key : str
        Key of the object that the call writes last.
    memory_mb : int
        What the plan expects the call to need, MB.
    """

    execution_id: str
    run_id: str
    item: int
    output_key: str
    memory_mb: int = field(kw_only=True)

    @abc.abstractmethod
    def describe(self) -> str:
        """Say in words what the item is, for messages about its failure."""


@dataclass(frozen=True)
class SortItem(MapItem):
    """To SortSpans: sort spectra ``start`` to ``stop``, span ``index`` of the dataset."""

    index: int
    start: int
    stop: int

    def describe(self) -> str:
        """Say in words what the item is."""
        return f"sort of spectra {self.start}-{self.stop}"


@dataclass(frozen=True)
class MergeItem(MapItem):
    """To MergeSegments: merge the sorted spans into segments ``start`` to ``stop``."""

    start: int
    stop: int

    def describe(self) -> str:
        """Say in words what the item is."""
        return f"segments {self.start}-{self.stop}"


@dataclass(frozen=True)
class PatternItem(MapItem):
    """To GenerateIsotopePatterns: ions ``start`` to ``stop``, chunk ``chunk``, of one database."""

    patterns_id: str
    chunk: int
    start: int
    stop: int

    def describe(self) -> str:
        """Say in words what the item is."""
        return f"isotope patterns of ions {self.start}-{self.stop}"


@dataclass(frozen=True)
class MzErrorItem(MapItem):
    """To MeasureMzErrors: some of ions ``start`` to ``stop`` of a database of the run.

    ``database`` is its place in the plan's list, from 0.
    """

    database: int
    start: int
    stop: int

    def describe(self) -> str:
        """Say in words what the item is."""
        return f"m/z errors of ions {self.start}-{self.stop} of database {self.database}"


@dataclass(frozen=True)
class ScoreItem(MapItem):
    """To AnnotateSegments: score ions ``start`` to ``stop`` of a database of the run.

    ``database`` is its place in the plan's list, from 0.
    """

    database: int
    start: int
    stop: int

    def describe(self) -> str:
        """Say in words what the item is."""
        return f"scores of ions {self.start}-{self.stop} of database {self.database}"


@dataclass(frozen=True)
class ImageItem(MapItem):
    """To RenderImages: draw ions ``start`` to ``stop`` of the run's image list."""

    start: int
    stop: int

    def describe(self) -> str:
        """Say in words what the item is."""
        return f"images of ions {self.start}-{self.stop}"


@dataclass(frozen=True)
class CompareItem(MapItem):
    """To CompareImages: find partners of images ``start`` to ``stop`` among all ``n_images``."""

    start: int
    stop: int
    n_images: int

    def describe(self) -> str:
        """Say in words what the item is."""
        return f"partners of images {self.start}-{self.stop}"


@dataclass(frozen=True)
class SortedDataset(Message):
    """From the state that closed the segments: how many peaks and segments there are."""

    n_peaks: int
    n_segments: int


@dataclass(frozen=True)
class PublishedRun(Message):
    """From PublishResults: the folder in the results bucket, and rows of ``annotations.csv``."""

    results_key: str
    n_annotations: int


@dataclass(frozen=True)
class ErrorOutput(Message):
    """An error as the state machine reports it: class name, and cause as text or JSON.

    The fields have capitals because Step Functions names them so.
    """

    Error: str
    Cause: str


@dataclass(frozen=True)
class ItemFailureReport(Message):
    """To RecordFailure: which item of which Map failed, and how."""

    execution_id: str
    state: str
    item: int
    error: ErrorOutput


@dataclass(frozen=True)
class RunFailureReport(Message):
    """To ReportFailure: which attempt at what failed, and how.

    ``kind`` is ``invalid_input`` (the user must act) or ``failed``; ``run_id`` is empty if the run
    failed before it was planned.
    """

    execution_id: str
    run_id: str
    kind: str
    request: RunRequest
    error: ErrorOutput


@dataclass(frozen=True)
class Done(Message):
    """From a state that has nothing to pass on."""
