"""Datasets to an installation, from Python."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import ionbox
import pytest
from botocore.exceptions import NoCredentialsError, NoRegionError
from ionbox.errors import NotInResults, OperateError, UserMustAct
from ionbox.inbox.inbox import Inbox
from ionbox.operate.open_runs import aws_runs
from ionbox.operate.runs import Runs, RunState
from ionbox_cloud.stored.stated_checksum import STATEMENT
from ionbox_science.errors import InvalidConfig, InvalidDataset, IonboxError

from tests.client.operating import INBOX, Cloud, raising, refusal
from tests.client.small_run import DATABASES
from tests.cloud_builders import simulate

SETTINGS: dict[str, Any] = {
    "polarity": "positive",
    "analyzer": "orbitrap",
    "resolving_power": 140_000,
}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return simulate(tmp_path / "brain.imzML", DATABASES["acids"])


@pytest.fixture
def inbox(installed: Cloud) -> Inbox:
    return ionbox.Inbox()


def test_a_dataset_is_sent_with_its_settings_and_databases(
    inbox: Inbox, installed: Cloud, dataset: Path, tmp_path: Path
) -> None:
    table = tmp_path / "sugars.tsv"
    table.write_text("id\tname\tformula\n1\tglucose\tC6H12O6\n")
    sent = inbox.submit_dataset(
        dataset, databases=[table], adducts=("+H",), ppm=5, folder="lab", **SETTINGS
    )
    assert sent == "brain"
    names = ["brain.ibd", "brain.imzML", "brain.json"]
    assert installed.keys(INBOX) == ["databases/sugars.tsv", *(f"lab/{name}" for name in names)]
    settings = json.loads(installed.read(INBOX, "lab/brain.json"))
    assert settings == {**SETTINGS, "adducts": ["+H"], "ppm": 5, "databases": ["sugars"]}


def test_the_ibd_may_lie_elsewhere_and_the_dataset_have_another_name(
    inbox: Inbox, installed: Cloud, dataset: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere" / "data.ibd"
    elsewhere.parent.mkdir()
    dataset.with_suffix(".ibd").rename(elsewhere)
    assert inbox.submit_dataset(str(dataset), elsewhere, "Maus 7", **SETTINGS) == "Maus 7"
    assert installed.keys(INBOX) == ["Maus 7.ibd", "Maus 7.imzML", "Maus 7.json"]


def test_what_is_not_fit_is_not_sent(inbox: Inbox, installed: Cloud, dataset: Path) -> None:
    with pytest.raises(InvalidDataset, match="resolving_power: the imzML does not say; give reso"):
        inbox.submit_dataset(dataset)
    with pytest.raises(InvalidConfig, match="unknown setting 'polarty'; did you mean 'polarity'"):
        inbox.submit_dataset(dataset, polarty="positive")
    with pytest.raises(InvalidConfig, match=r"name: 'a/b' cannot be a file's name"):
        inbox.submit_dataset(dataset, name="a/b", **SETTINGS)
    dataset.with_suffix(".ibd").write_bytes(b"short")
    with pytest.raises(InvalidDataset, match=r"brain\.ibd"):
        inbox.submit_dataset(dataset, **SETTINGS)
    assert installed.keys(INBOX) == []


def test_another_ibd_than_the_imzml_declares_is_sent_only_unchecked(
    inbox: Inbox, installed: Cloud, dataset: Path
) -> None:
    ibd = dataset.with_suffix(".ibd")
    ibd.write_bytes(ibd.read_bytes() + b"more")
    with pytest.raises(InvalidDataset, match=r"or send it as it is with check=False$"):
        inbox.submit_dataset(dataset, **SETTINGS)
    assert installed.keys(INBOX) == []
    inbox.submit_dataset(dataset, check=False, **SETTINGS)
    assert words_of_imzml(installed) == {}


def test_the_checksum_of_the_ibd_goes_with_the_imzml(
    inbox: Inbox, installed: Cloud, dataset: Path
) -> None:
    inbox.submit_dataset(dataset, **SETTINGS)
    true = hashlib.sha1(dataset.with_suffix(".ibd").read_bytes()).hexdigest()
    assert words_of_imzml(installed)[STATEMENT].startswith(f"sha1 {true} ")


def words_of_imzml(cloud: Cloud) -> dict[str, str]:
    (key,) = (key for key in cloud.keys(INBOX) if key.endswith(".imzML"))
    found: dict[str, str] = cloud.client("s3").head_object(Bucket=INBOX, Key=key)["Metadata"]
    return found


def test_other_data_of_the_name_is_replaced_only_if_asked(
    inbox: Inbox, installed: Cloud, dataset: Path
) -> None:
    installed.put(INBOX, "brain.imzML", b"something else")
    with pytest.raises(UserMustAct, match=r"another dataset 'brain\.imzML'"):
        inbox.submit_dataset(dataset, **SETTINGS)
    inbox.submit_dataset(dataset, replace_other=True, **SETTINGS)
    assert installed.read(INBOX, "brain.imzML") == dataset.read_bytes()


def test_datasets_are_the_newest_runs(inbox: Inbox, installed: Cloud) -> None:
    for name, dataset in (("run-1", "brain"), ("run-2", "broken liver")):
        installed.start(name, dataset)
    installed.leave_traces("run-1", "brain")
    found = {each.name: each for each in inbox.datasets()}
    assert found["brain"].status == "succeeded"
    assert found["brain"].n_annotations == 1234
    assert found["brain"].results_uri == "s3://the-results/results/d1/r-run-1"
    assert found["broken liver"].status == "failed"
    assert [each.name for each in inbox.datasets("bra")] == ["brain"]
    assert [each.name for each in inbox.datasets(status="failed")] == ["broken liver"]
    with pytest.raises(NotInResults, match="broken liver has no results: it is failed: too large"):
        inbox.dataset("broken liver")
    with pytest.raises(NotInResults, match="no run of a dataset named 'bra'"):
        inbox.dataset("bra")


def test_a_bucket_finds_its_stack(installed: Cloud) -> None:
    installed.start("run-1", "brain")
    inbox = ionbox.Inbox(f"s3://{INBOX}/")
    assert repr(inbox) == f"Inbox(s3://{INBOX})"
    assert [each.name for each in inbox.datasets()] == ["brain"]
    with pytest.raises(UserMustAct, match="no stack in eu-central-1 has the inbox 'other'"):
        ionbox.Inbox("s3://other").datasets()


def test_a_stack_that_is_not_there_is_named(cloud: Cloud) -> None:
    with pytest.raises(UserMustAct, match="there is no stack 'nowhere'"):
        ionbox.Inbox("nowhere")


# --- what is wrong is said in the words of Python ---


def said(call: Callable[[], object]) -> str:
    with pytest.raises((OperateError, IonboxError)) as refused:
        call()
    text = str(refused.value)
    assert "--" not in text
    return text


def test_what_would_be_replaced_is_said_in_python(
    inbox: Inbox, installed: Cloud, dataset: Path, tmp_path: Path
) -> None:
    installed.put(INBOX, "brain.imzML", b"something else")
    assert said(lambda: inbox.submit_dataset(dataset, **SETTINGS)).endswith(
        "keep both with folder='NAME', or replace it with replace_other=True"
    )
    table = tmp_path / "sugars.tsv"
    table.write_text("id\tname\tformula\n1\tglucose\tC6H12O6\n")
    installed.put(INBOX, "databases/sugars.tsv", b"another")
    assert said(lambda: inbox.submit_dataset(dataset, databases=[table], **SETTINGS)).endswith(
        "rename yours, or replace it with replace_other=True"
    )


def test_settings_and_files_are_asked_for_in_python(inbox: Inbox, dataset: Path) -> None:
    missing = said(lambda: inbox.submit_dataset(dataset))
    assert "give resolving_power=…" in missing
    dataset.with_suffix(".json").write_text('{"databases": ["hmdb.tsv"]}')
    assert said(lambda: inbox.submit_dataset(dataset, **SETTINGS)).endswith(
        "give its file with databases=['FILE']"
    )


def test_other_places_are_named_in_python(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(lambda: ionbox.Inbox("nowhere")).endswith(
        "or name another place with stack=…, region=…, profile=…"
    )
    cloud.make_stack("other", {"InboxBucket": "x"})
    assert said(lambda: ionbox.Inbox("other")).endswith("stack=… names another")
    assert "there is no AWS profile 'me'" in said(lambda: ionbox.Inbox(profile="me"))
    cloud.fake("cloudformation", describe_stacks=raising(refusal("ExpiredToken")))
    assert said(ionbox.Inbox).endswith("or name another profile with profile='NAME'")
    cloud.fake("cloudformation", describe_stacks=raising(NoCredentialsError()))
    assert said(ionbox.Inbox).endswith("or name a profile with profile='NAME'")
    cloud.fake("cloudformation", describe_stacks=raising(NoRegionError()))
    assert "add region='NAME', for example" in said(ionbox.Inbox)


def test_why_a_run_failed_is_said_in_python(
    inbox: Inbox, installed: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed.start("run-1", "broken")
    text = "analyzer: the imzML does not say; add --analyzer, one of orbitrap, fticr, tof"
    monkeypatch.setattr(
        "ionbox.inbox.bucket.aws_runs",
        lambda *known: _Changed(aws_runs(*known), message=text),
    )
    (found,) = inbox.datasets("broken")
    assert found.message.startswith("analyzer: the imzML does not say; add analyzer=…, one of orb")
    assert not re.search(r"tof [A-Z]", found.message)  # sentences end before others begin
    assert said(lambda: inbox.dataset("broken"))


class _Changed:
    """Runs with other facts."""

    def __init__(self, runs: Runs, **facts: Any) -> None:
        self._runs, self._facts = runs, facts

    def recent(self, last: int) -> list[RunState]:
        return [replace(run, **self._facts) for run in self._runs.recent(last)]
