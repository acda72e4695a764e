"""Make the events in ``tests/events`` again, from the example of ``make run``: ``make golden``.

Plays the workflow on the example with ``make invoke``'s own code, and takes the first item of each
Map. Needed when ids change: another layout version, another cut into items. The events of functions
outside the state machine (intake, start_runs, announce_end) are written by hand after AWS's
documentation of S3's, SQS's and Step Functions' events.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from ionbox.local.functions import IONBOX, read_functions
from ionbox.local.runtime import Call, StoreUrls, answer_call, handler_environment
from ionbox_cloud.planning import comparison

from tests.handlers.in_memory import MAPS

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "tests" / "events"
STATES = [
    *("SortSpans", "PlanMerge", "MergeSegments", "ChecksumIbd", "FinishSegments"),
    *("SegmentSpectra", "BuildIons", "GenerateIsotopePatterns"),
    *("PlanRecalibration", "MeasureMzErrors", "PlanAnnotation"),
    *("AnnotateSegments", "EstimateFdr", "RenderImages", "CompareImages", "PublishResults"),
]


def main() -> None:
    comparison.PRODUCTS_OF_ONE_CALL = 0  # the example has few images: all states are to be called
    request = json.loads((EVENTS / "plan_run.json").read_text("utf-8"))
    functions = {function.state: function for function in read_functions(IONBOX).values()}
    work = Path(tempfile.mkdtemp())
    stores = StoreUrls(ROOT.as_uri(), (work / "work").as_uri(), (work / "results").as_uri())
    os.environ.update(handler_environment(stores))

    def call(state: str, event: Any) -> Any:
        answer = answer_call(Call.of(functions[state], "make-events", json.dumps(event)))
        assert answer.error is None, answer.payload
        return json.loads(answer.payload)

    def keep(state: str, event: Any) -> None:
        path = EVENTS / f"{functions[state].handler.parent.name}.json"
        path.write_text(json.dumps(event, indent=2, ensure_ascii=False) + "\n", "utf-8")

    planned = call("PlanRun", request)
    calls = planned["calls"]
    ref = {name: planned[name] for name in ("execution_id", "run_id")}
    for state in STATES:
        if state in MAPS:
            key = f"executions/{ref['execution_id']}/items/{state}.json"
            listed = json.loads((work / "work" / key).read_text("utf-8"))
            items = [entry["item"] for entry in listed]
            keep(state, items[0])
            for item in items:
                call(state, item)
        else:
            memory = {"memory_mb": calls[state]["memory_mb"]} if state in calls else {}
            keep(state, ref | memory)
            answer = call(state, ref | memory)
            calls["PublishResults"] = answer.get("publication", calls["PublishResults"])
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
