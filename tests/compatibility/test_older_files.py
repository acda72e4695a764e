"""What an older ionbox left behind can be looked at and gone on from, or is refused by name.

``tests/golden/written_by_d0a0400.zip`` has a dataset and the work folder in which the version of
that commit annotated it: caches, segments, a sort by many calls, results. Made there by::

    ionbox lipids all.tsv; (head -1 all.tsv; tail -n +2 all.tsv | awk 'NR%60==0') > acids.tsv
    ionbox simulate tissue.imzML --database acids.tsv --width 10 --height 8 --ions 20 --noise 30 \\
        --seed 3
    ionbox annotate tissue.imzML --database acids.tsv --out results --work work --sort map
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ionbox
import numpy as np
import pandas as pd
import pytest
from ionbox.datasets.annotate import annotate
from ionbox.reading.place import folder_place
from ionbox.view.run_reader import RunReader
from ionbox_cloud import keys
from ionbox_cloud.errors import InvalidMessage
from ionbox_cloud.messages import ConfigLayer, DatasetFiles, RunRequest, SortItem, WaitingRun
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.store import Store
from ionbox_cloud.stored.segments import SegmentReader
from ionbox_science.imzml.header import read_header
from ionbox_science.imzml.spectra import read_peaks

from tests.client.table_rows import ion_of
from tests.imzml_builder import range_reader
from tests.shared_workers import WORKERS

ARCHIVE = Path(__file__).parents[1] / "golden" / "written_by_d0a0400.zip"


@dataclass(frozen=True)
class Older:
    """What was unpacked."""

    root: Path

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def results(self) -> Path:
        (record,) = (self.work / "results" / "results").glob("*/*/run.json")
        return record.parent

    @property
    def execution(self) -> Path:
        (plan,) = (self.work / "work" / "executions").glob("*/plan.json")
        return plan.parent


@pytest.fixture
def older(tmp_path: Path) -> Older:
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(tmp_path)
    found = Older(tmp_path)
    sources = {"results": str(found.work / "results"), "ibd": str(tmp_path / "tissue.ibd")}
    (found.results / "sources.json").write_text(json.dumps(sources))
    return found


def test_results_open_in_python(older: Older) -> None:
    run = ionbox.open(older.results)
    table = run.results()
    written = pd.read_csv(older.results / "annotations.csv", comment="#")
    assert len(table) == len(written) == 17
    assert run.config["ppm"] == 3.0
    assert run.mask.shape == (8, 10)
    images = run.isotope_images(*ion_of(table.iloc[0]))
    assert len(images) == 4
    assert images[0].max() == pytest.approx(table.iloc[0]["intensity"], rel=1e-5)
    scores = run.diagnostics()
    assert set(table["ion"]) <= set(scores["ion"])
    assert [each.n_annotations for each in run.database_details] == [17]


def test_sorted_peaks_and_ibd_are_still_found(older: Older) -> None:
    run = ionbox.open(older.results)
    best = run.results().iloc[0]
    assert (run.mz_image(best["mz"]) == run.isotope_images(*ion_of(best))[0]).all()
    mz, intensity = run.spectrum(x=3, y=5)
    assert (np.diff(mz) >= 0).all()
    assert intensity.sum() == pytest.approx(run.tic_image()[5, 3], rel=1e-5)


def test_segments_hold_the_peaks_of_the_dataset(older: Older) -> None:
    record = json.loads((older.results / "run.json").read_text())
    store = Store.open((older.work / "results").as_uri(), create=False)
    found = SegmentReader(store, record["segments_id"]).read(0.0, 1e6)
    header = read_header((older.root / "tissue.imzML").read_bytes(), "tissue.imzML")
    peaks = read_peaks(header, range_reader((older.root / "tissue.ibd").read_bytes()))
    assert len(found) == len(peaks)
    assert np.sort(peaks.mz).tobytes() == found.mz.tobytes()


def test_the_viewer_shows_results(older: Older) -> None:
    reader = RunReader(folder_place(older.results))
    shown = reader.describe()
    assert len(shown["annotations"]) == 17
    assert shown["served"]["anyMz"] == shown["served"]["spectrum"] == ""
    best = ionbox.open(older.results).results().iloc[0]
    (why,) = reader.why(*ion_of(best))
    assert why["annotated"]


AS_THEN = {"decoy_kind": "metals", "recalibrate": False, "competition": False}
"""What there was not, switched off."""


def as_then(table: bytes) -> bytes:
    """The table without the columns of competition."""
    comment, _, rest = table.decode().partition("\n")
    text = io.StringIO()
    rows = csv.reader(io.StringIO(rest, newline=""))
    csv.writer(text, lineterminator="\n").writerows(row[:-2] for row in rows)
    return f"{comment}\n{text.getvalue()}".encode()


def test_an_execution_that_was_left_is_taken_up(older: Older, tmp_path: Path) -> None:
    """Its caches serve, as far as they are laid out as today; the table is the same."""
    before = (older.results / "annotations.csv").read_bytes()
    outcome = annotate(
        older.root / "tissue.imzML",
        [older.root / "acids.tsv"],
        tmp_path / "out",
        [ConfigLayer("the test", {**AS_THEN, "sort": "map", "force": True})],
        work=older.work,
        n_workers=2,
        reserve=WORKERS,
    )
    assert outcome.succeeded
    assert as_then((tmp_path / "out" / "annotations.csv").read_bytes()) == before


def test_a_finished_run_is_used_again_or_made_anew(older: Older, tmp_path: Path) -> None:
    """It is made anew where a version in its identity was raised since: its id is another then."""
    before = (older.results / "annotations.csv").read_bytes()
    work = shutil.copytree(older.work, tmp_path / "other")
    outcome = annotate(
        older.root / "tissue.imzML",
        [older.root / "acids.tsv"],
        tmp_path / "out",
        [ConfigLayer("the test", AS_THEN)],
        work=work,
        n_workers=1,
        reserve=WORKERS,
    )
    assert outcome.record is not None
    assert outcome.status.reused == (outcome.record.run_id == older.results.name)
    assert as_then((tmp_path / "out" / "annotations.csv").read_bytes()) == before


def test_a_plan_in_flight_is_refused_by_name(older: Older) -> None:
    plan: dict[str, Any] = json.loads((older.execution / "plan.json").read_text())
    with pytest.raises(InvalidMessage, match=r"^RunPlan: unknown fields .*'run_cuts'"):
        RunPlan.from_json(plan)


def test_an_item_in_flight_is_read(older: Older) -> None:
    (entry,) = json.loads((older.execution / "items" / "SortRuns.json").read_text())
    assert SortItem.from_json(entry["item"]).stop == 80


def test_a_run_that_waits_in_the_queue_is_started(older: Older) -> None:
    plan = json.loads((older.execution / "plan.json").read_text())
    waiting = {
        "execution_id": older.execution.name,
        "request": {
            "dataset": plan["dataset"],
            "databases": [{"name": "acids", "key": "databases/acids.tsv"}],
            "config": [{"source": "tissue.json", "settings": {"ppm": 3}}],
            "defaults": [],
        },
    }
    read = WaitingRun.from_json(waiting)
    assert read.request.dataset == DatasetFiles.from_json(plan["dataset"])
    assert isinstance(read.request, RunRequest)
    assert keys.run_plan(read.execution_id).endswith(f"{older.execution.name}/plan.json")
