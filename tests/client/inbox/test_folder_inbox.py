"""An inbox on this machine: the same calls as on AWS, and the dataset is annotated here."""

from __future__ import annotations

import itertools
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ionbox
import numpy as np
import pytest
from ionbox.datasets.outcome import Outcome
from ionbox.errors import NotInResults, RunFailed
from ionbox.inbox import folder as folder_inbox
from ionbox.local import machine
from ionbox_cloud.records.run_record import RunStatus
from ionbox_science.errors import InvalidConfig, InvalidDatabase, InvalidDataset

from tests.client.small_run import DATABASES, SETTINGS
from tests.client.table_rows import ion_of
from tests.cloud_builders import database_table, simulate
from tests.shared_workers import WORKERS


@pytest.fixture(autouse=True, scope="module")
def workers() -> Iterator[None]:
    """Runs share those of other tests."""
    run_execution = machine.run_execution

    def run_with_shared(*arguments: Any, **options: Any) -> machine.ExecutionResult:
        return run_execution(*arguments, **{**options, "reserve": WORKERS})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "run_execution", run_with_shared)
        yield


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    simulate(folder / "tissue.imzML", DATABASES["acids"], width=12, height=9, n_ions=40)
    (folder / "tissue.json").unlink(missing_ok=True)
    (folder / "acids.tsv").write_bytes(database_table(DATABASES["acids"]))
    return folder


@pytest.fixture(scope="module")
def inbox(files: Path, tmp_path_factory: pytest.TempPathFactory) -> ionbox.Inbox:
    """An inbox with a dataset in it that has another name than its files."""
    inbox = ionbox.Inbox(work=tmp_path_factory.mktemp("work"))
    databases = [files / "acids.tsv"]
    arguments: dict[str, Any] = {"databases": databases, "ppm": 4, **SETTINGS}
    assert inbox.submit_dataset(files / "tissue.imzML", name="my section", **arguments) == (
        "my section"
    )
    return inbox


def test_a_submitted_dataset_is_annotated_and_listed(inbox: ionbox.Inbox) -> None:
    (found,) = inbox.datasets("section")
    assert (found.name, found.status) == ("my section", "succeeded")
    assert found.n_annotations == len(found.open().results())
    assert inbox.datasets("brain") == []
    assert inbox.datasets(status="failed") == []


def test_its_run_opens_with_all_that_needs_the_data(inbox: ionbox.Inbox, files: Path) -> None:
    run = inbox.dataset("my section")
    assert (run.name, run.databases, run.config["ppm"]) == ("my section", ["acids"], 4)
    best = run.results().iloc[0]
    np.testing.assert_array_equal(run.mz_image(best["mz"]), run.isotope_images(*ion_of(best))[0])
    run.download_to_dir(files / "copy")
    assert (files / "copy" / "tissue.ibd").read_bytes() == (files / "tissue.ibd").read_bytes()


def test_the_same_again_computes_nothing(inbox: ionbox.Inbox, files: Path) -> None:
    before = inbox.dataset("my section").id
    arguments: dict[str, Any] = {"databases": [files / "acids.tsv"], "ppm": 4, **SETTINGS}
    inbox.submit_dataset(files / "tissue.imzML", name="my section", **arguments)
    assert inbox.dataset("my section").id == before


def test_files_that_lie_apart_are_brought_together(inbox: ionbox.Inbox, files: Path) -> None:
    apart = files / "apart"
    apart.mkdir()
    shutil.copy(files / "tissue.imzML", apart / "moved.imzML")
    databases = [files / "acids.tsv"]
    inbox.submit_dataset(
        apart / "moved.imzML", files / "tissue.ibd", databases=databases, **SETTINGS
    )
    assert inbox.dataset("moved").name == "moved"


@pytest.fixture
def random_parts_descend(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is random in names sorts the other way than time."""
    number = itertools.count(1)
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=(2**32 - next(number)) << 96))


@pytest.mark.usefixtures("random_parts_descend")
def test_a_name_stands_for_one_dataset_unless_told_otherwise(
    inbox: ionbox.Inbox, tmp_path: Path, files: Path
) -> None:
    """The last run of a name is what it stands for, were it in the same second."""
    simulate(tmp_path / "tissue.imzML", DATABASES["acids"], width=5, height=4, n_ions=20)
    arguments: dict[str, Any] = {"databases": [files / "acids.tsv"], **SETTINGS}
    with pytest.raises(InvalidConfig, match="'my section' is the name of other data here"):
        inbox.submit_dataset(tmp_path / "tissue.imzML", name="my section", **arguments)
    inbox.submit_dataset(tmp_path / "tissue.imzML", name="second", **arguments)
    arguments["replace_other"] = True
    inbox.submit_dataset(files / "tissue.imzML", name="second", **arguments)
    assert inbox.dataset("second").mask.shape == (9, 12)


def test_a_status_that_is_none_is_refused(inbox: ionbox.Inbox) -> None:
    with pytest.raises(InvalidConfig, match="no 'finished'; give one of running, succeeded"):
        inbox.datasets(status="finished")


def test_what_its_user_must_mend_is_an_error(inbox: ionbox.Inbox, files: Path) -> None:
    imzml, databases = files / "tissue.imzML", [files / "acids.tsv"]
    with pytest.raises(InvalidDataset, match="give resolving_power=…"):
        inbox.submit_dataset(imzml, databases=databases, polarity="positive", analyzer="orbitrap")
    with pytest.raises(InvalidConfig, match="databases: none given") as raised:
        inbox.submit_dataset(imzml, **SETTINGS)
    assert "--" not in str(raised.value)
    with pytest.raises(InvalidConfig, match="folder: an inbox on this machine has none"):
        inbox.submit_dataset(imzml, databases=databases, folder="smith", **SETTINGS)
    bad = files / "bad.tsv"
    bad.write_text("id\tname\tformula\n1\tnothing\tXx2\n")
    with pytest.raises(InvalidDatabase, match=r"line 2"):
        inbox.submit_dataset(imzml, databases=[bad], **SETTINGS)
    with pytest.raises(NotInResults, match="no run of a dataset named 'brain'"):
        inbox.dataset("brain")


def test_a_failure_that_is_ours_is_told_with_its_log(
    inbox: ionbox.Inbox, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = RunStatus("failed", error="Runtime", message="it broke", advice="Again.")
    monkeypatch.setattr(
        folder_inbox, "annotate_in", lambda *_: Outcome(status, None, Path("a.log"))
    )
    with pytest.raises(RunFailed, match=r"Runtime: it broke Again\. Log: a\.log"):
        inbox.submit_dataset(files / "tissue.imzML", databases=[files / "acids.tsv"], **SETTINGS)


def test_an_empty_inbox_has_no_datasets(tmp_path: Path) -> None:
    assert ionbox.Inbox(work=tmp_path / "none").datasets() == []
    assert str(tmp_path) in repr(ionbox.Inbox(work=tmp_path))
