"""Runs as people see them: an attempt with its status, its progress, its price.

`Runs` puts together what `AttemptList` says and what handlers left in the buckets (status, plan,
items, call records, failures), so AWS and a work folder answer alike. `ionbox.operate.open_runs`
makes one; the commands and the Python client's `Inbox` ask it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from ionbox_cloud import keys
from ionbox_cloud.call_records import TASK, CallRecord
from ionbox_cloud.error_words import read_words
from ionbox_cloud.errors import InvalidMessage
from ionbox_cloud.forecast.remaining import passed_over, remaining_s
from ionbox_cloud.json_record import JsonRecord
from ionbox_cloud.ladder import Ladder
from ionbox_cloud.planning.prices import price_call, price_workflow
from ionbox_cloud.published import RECORD
from ionbox_cloud.records.run_record import RunHeadline, RunStatus
from ionbox_cloud.run_plan import Forecast, SortPlan
from ionbox_cloud.store import Store

from ionbox import terminal
from ionbox.errors import NoSuchRun, UserMustAct
from ionbox.json_objects import as_object
from ionbox.local.progress.steps import describe_step
from ionbox.operate.attempts import WORDS, AttemptList, Execution, MapCounts

Record = TypeVar("Record", bound=JsonRecord)

_SEARCHED = 200
"""How many of the newest attempts are looked at for the name of a dataset."""

_LOOKED_AT = 20  # of these at a time: each takes a call to find out its dataset


@dataclass(frozen=True)
class RunState:
    """One attempt, with what its objects say.

    Attributes
    ----------
    execution : Execution
        The attempt.
    status : str
        The execution's state, or ``invalid input`` if that is why it failed.
    dataset, run_id : str
        Empty if not known; signs that move a terminal's cursor are replaced.
    results : str
        Folder of the results; empty unless succeeded.
    reused : bool
        Whether the results were there before, so that nothing was computed.
    n_annotations : int or None
        Number of annotations, at any FDR; None unless succeeded.
    dollars : float or None
        Price of the recorded calls in US dollars; of a local run, what they would have cost on AWS.
        None if no call is recorded.
    message, advice : str
        Why it failed and what to do; empty if it did not.
    """

    execution: Execution
    status: str
    dataset: str
    run_id: str = ""
    results: str = ""
    reused: bool = False
    n_annotations: int | None = None
    dollars: float | None = None
    message: str = ""
    advice: str = ""

    @property
    def name(self) -> str:
        """Name of the attempt, by which commands find it."""
        return self.execution.name

    @property
    def duration_s(self) -> float | None:
        """Seconds from start to end, or until now if it runs."""
        end = self.execution.ended or (datetime.now(UTC) if self.status == "running" else None)
        if end is None or self.execution.started is None:
            return None
        return max(0.0, (end - self.execution.started).total_seconds())


@dataclass(frozen=True)
class StateProgress:
    """How far one state of a run is.

    Attributes
    ----------
    state : str
        Name of the state, such as ``AnnotateSegments``.
    n_items : int or None
        Items of a Map; None for a state that is one call.
    n_done, n_running, n_failed : int
        Items or calls that finished, are in progress (0 if not known), or failed for good.
    n_climbed : int
        Items that ended on a higher memory rung than they were planned on.
    seconds : float
        Duration of the calls, summed.
    peak_mb : float
        Most memory that any of the calls took, MB.
    dollars : float
        What the calls cost on AWS, or would have cost there, US dollars.
    """

    state: str
    n_items: int | None
    n_done: int
    n_running: int
    n_failed: int
    n_climbed: int
    seconds: float
    peak_mb: float
    dollars: float

    @property
    def fraction(self) -> float:
        """How much of it is done, 0 to 1, by its calls."""
        return min(1.0, self.n_done / (self.n_items or 1))


@dataclass(frozen=True)
class Runs:
    """All attempts of one installation or work folder.

    Attributes
    ----------
    executions : AttemptList
        Where attempts are listed.
    work, results : Store
        The buckets, or the folders that stand for them.
    rungs_mb : mapping of str to tuple of int
        Memory sizes of each function in MB, lowest first; functions in the order of the workflow.
    billed : bool
        Whether calls cost money: True on AWS, False on this machine.
    """

    executions: AttemptList
    work: Store
    results: Store
    rungs_mb: Mapping[str, tuple[int, ...]]
    billed: bool
    # by key and size: a record that grew since is another one and is read again
    _read: dict[tuple[str, int], CallRecord] = field(default_factory=dict, repr=False)

    def recent(self, n: int) -> list[RunState]:
        """Return the newest ``n`` runs, newest first."""
        return [self._look_at(e) for e in self.executions.complete(self.executions.recent(n))]

    def find(self, wanted: str) -> RunState:
        """Return the run that a name means.

        Tried in this order: an attempt's whole name, the beginning of one attempt's name, and the
        newest run of a dataset (its name, or the key of its imzML with or without extension).

        Raises
        ------
        NoSuchRun
            If none of the newest runs fits.
        UserMustAct
            If the beginnings of several names fit, and no dataset does.
        """
        exact = self.executions.find(wanted)
        exact = exact or self._find_old(wanted)
        if exact is not None:
            return self._look_at(exact)
        recent = self.executions.recent(_SEARCHED)
        begin = [execution for execution in recent if execution.name.startswith(wanted)]
        if len(begin) == 1:
            return self._look_at(self.executions.complete(begin)[0])
        for start in range(0, len(recent), _LOOKED_AT):  # usually it is one of the newest
            for execution in self.executions.complete(recent[start : start + _LOOKED_AT]):
                stem = execution.imzml_key.rpartition(".")[0]
                if wanted in (execution.dataset, execution.imzml_key, stem):
                    return self._look_at(execution)
        if begin:
            names = ", ".join(execution.name for execution in begin[:5])
            raise UserMustAct(f"'{wanted}' fits several runs ({names}); give more of the name")
        shows = "list' shows names and how many datasets still wait"
        raise NoSuchRun(
            f"no run and no dataset named '{wanted}' among the newest {_SEARCHED} runs; 'ionbox "
            + (shows if self.billed else "list --local' shows names")
        )

    def _find_old(self, name: str) -> Execution | None:
        """Return an attempt that Step Functions has forgotten, after 90 days, by its status."""
        if "/" in name or not name:
            return None
        status = self._read_status(name)
        if status is None:
            return None
        return Execution(
            name,
            WORDS.get(status.status, "failed"),
            started=None,
            ended=datetime.fromisoformat(status.ended) if status.ended else None,
        )

    def refresh(self, run: RunState) -> RunState:
        """Return the same attempt as it is now; unchanged if it cannot be found any more."""
        execution = self.executions.find(run.name)
        return self._look_at(execution) if execution else run

    def _look_at(self, execution: Execution) -> RunState:
        """Add to an attempt what its objects say: results and record, or why it failed; price."""
        status = self._read_status(execution.name) or RunStatus("")
        ended_well = status.succeeded and execution.state != "running"
        run = RunState(
            execution,
            _status_word(execution, status),
            terminal.printable(execution.dataset or status.dataset or ""),
            run_id=status.run_id or "",
            results=(status.results or "") if ended_well else "",
            reused=bool(status.reused),
        )
        record = self._read_headline(run.results) if ended_well else None
        if record is not None:
            run = replace(
                run,
                run_id=record.run_id,
                dataset=run.dataset or terminal.printable(record.dataset.name),
                n_annotations=record.n_annotations,
            )
        elif execution.state != "running":
            run = replace(
                run,
                message=status.message
                or read_words(self.work, execution.cause or "")
                or execution.error,
                advice=status.advice or "",
            )
        records = self._records(run)
        return replace(run, dollars=self._price(run, records) if records else None)

    def _read_status(self, name: str) -> RunStatus | None:
        return _parse(RunStatus, self.results.read_json_if_whole(keys.status(name)))

    def _read_headline(self, results: str) -> RunHeadline | None:
        return _parse(RunHeadline, self.results.read_json_if_whole(f"{results}/{RECORD}"))

    def _price(self, run: RunState, records: Sequence[CallRecord]) -> float:
        """Return what recorded calls cost in US dollars, with the state machine's part."""
        sort = None
        # a Fargate task is priced by its planned size, which is in the plan, not in its record
        if any(record.state == TASK for record in records):
            plan = as_object(self.work.read_json_if_whole(keys.run_plan(run.name)))
            sort = _parse(SortPlan, plan.get("sort"))
        return sum(price_call(record, sort) + price_workflow(record) for record in records)

    def _records(self, run: RunState) -> list[CallRecord]:
        """Return the call records of a run; each is read once, however often progress is asked."""
        found = list(self.work.sizes(keys.records(run.name)).items())
        new = [entry for entry in found if entry not in self._read]
        values = self.work.read_many_json([key for key, _ in new])
        for entry, value in zip(new, values, strict=True):
            record = _parse(CallRecord, value)
            if record is not None:
                self._read[entry] = record
        return [self._read[entry] for entry in found if entry in self._read]

    def progress(self, run: RunState) -> list[StateProgress]:
        """Return how far each state is that has begun, in the order of the workflow."""
        by_state: dict[str, list[CallRecord]] = {}
        for record in self._records(run):
            by_state.setdefault(record.state, []).append(record)
        n_items, n_failed = self._planned_items(run), self._failures(run)
        counts = self.executions.map_counts(run.execution)
        under_way = self.executions.under_way(run.execution)
        # what only runs to report a failure is not a step of the workflow to people
        begun = {*by_state, *n_items, *counts, *under_way} - {"RecordFailure", "ReportFailure"}
        order = {state: index for index, state in enumerate(self.rungs_mb)}
        return [
            self._tally(
                run,
                state,
                by_state.get(state, []),
                n_items.get(state),
                n_failed.get(state, 0),
                counts.get(state) or _call_under_way(state in under_way, state in n_items),
            )
            for state in sorted(begun, key=lambda state: (order.get(state, len(order)), state))
        ]

    def describe_rest(self, run: RunState, states: Sequence[StateProgress]) -> str:
        """Return which step a run is at, and how long the rest may take, in words.

        Empty of a run that has ended, or that has not begun to do anything.
        """
        if run.status != "running":
            return ""
        plan = as_object(self.work.read_json_if_whole(keys.run_plan(run.name)))
        forecast = _parse(Forecast, plan.get("forecast"))
        begun = [state.state for state in states]
        if forecast is None:
            return describe_step(begun, None)
        fractions = {state.state: state.fraction for state in states}
        fractions |= dict.fromkeys(passed_over(forecast, begun), 1.0)
        spent_s = {state.state: state.seconds for state in states if state.fraction == 1}
        return describe_step(begun, remaining_s(forecast, spent_s, fractions))

    def _planned_items(self, run: RunState) -> dict[str, int]:
        found = self.work.list(f"executions/{run.name}/items")
        states = [key.rpartition("/")[2].removesuffix(".json") for key in found]
        items = self.work.read_many_json(found)
        return {state: len(of_it or []) for state, of_it in zip(states, items, strict=True)}

    def _failures(self, run: RunState) -> dict[str, int]:
        folder = keys.failures(run.name, "").rstrip("/")
        states = [key.split("/")[-2] for key in self.work.list(folder)]
        return {state: states.count(state) for state in states}

    def _tally(
        self,
        run: RunState,
        state: str,
        records: list[CallRecord],
        n_items: int | None,
        n_failed: int,
        counts: MapCounts | None,
    ) -> StateProgress:
        return StateProgress(
            state=state,
            # Step Functions' counts are newer than the plan; 0 is that of a state that is one call
            n_items=(counts.total or None) if counts else n_items,
            n_done=len(records),
            n_running=counts.running if counts else 0,
            n_failed=max(n_failed, counts.failed if counts else 0),
            n_climbed=sum(self._climbed(record) for record in records),
            seconds=sum(record.duration_s for record in records),
            peak_mb=max((record.peak_memory_mb for record in records), default=0.0),
            dollars=self._price(run, records),
        )

    def _climbed(self, record: CallRecord) -> bool:
        """Say whether a call ended above the rung that it was planned to start on."""
        if not record.planned_mb or record.state not in self.rungs_mb:
            return False
        ladder = Ladder(self.rungs_mb)
        start = ladder.start_rung(record.state, record.planned_mb)
        return ladder.climbs(record.state, start, record.rung_mb) > 0


def _parse(record_type: type[Record], value: Any) -> Record | None:
    """Read a record; None if it is missing, half written, or another version's."""
    try:
        return record_type.from_json(value)
    except InvalidMessage:
        return None


def _call_under_way(under_way: bool, is_map: bool) -> MapCounts | None:
    """Return the counts of a state that is one call, as if it were a Map; None if it is not on."""
    return MapCounts(0, 0, running=1, failed=0) if under_way and not is_map else None


def _status_word(execution: Execution, status: RunStatus) -> str:
    if execution.state == "running":
        return execution.state  # a status may be that of an attempt before a redrive
    if status.succeeded:
        return "succeeded"  # whatever happened after the results were published
    if execution.state == "failed" and status.status == "invalid_input":
        return "invalid input"
    return execution.state
