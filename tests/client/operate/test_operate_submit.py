"""submit: what is sent, in which order, and what is not sent again."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest
from ionbox.account import Account
from ionbox.cli.submit_command import wait_for_start
from ionbox.datasets import check
from ionbox.datasets.files import find_dataset
from ionbox.errors import OperateError
from ionbox.operate import upload
from ionbox.operate.attempts import Execution
from ionbox.operate.submission import plan_submission, send
from ionbox.operate.upload import Upload, Uploader
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.storage.object_head import ObjectHead
from ionbox_cloud.store import Store
from ionbox_cloud.stored.stated_checksum import ask_sender

from tests.client.operating import INBOX, Cloud, Command, refusal
from tests.imzml_builder import build_pair

MB = 1 << 20
SETTINGS = ("--analyzer", "orbitrap", "--resolving-power", "140000")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    pair = build_pair()
    path = tmp_path / "brain.imzML"
    path.write_bytes(pair.source)
    path.with_suffix(".ibd").write_bytes(pair.ibd)
    return path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "sugars.tsv"
    path.write_text("id\tname\tformula\n1\tglucose\tC6H12O6\n")
    return path


def watch_puts(cloud: Cloud) -> list[str]:
    """Note the key of every object that is written, in order."""
    real, written = cloud.client("s3"), []

    def put(**arguments: Any) -> Any:
        written.append(arguments["Key"])
        return real.put_object(**arguments)

    def complete(**arguments: Any) -> Any:
        written.append(arguments["Key"])
        return real.complete_multipart_upload(**arguments)

    cloud.fake("s3", put_object=put, complete_multipart_upload=complete)
    return written


class TestOrder:
    def test_is_databases_settings_ibd_and_last_the_imzml(
        self, installed: Cloud, operate: Command, dataset: Path, database: Path
    ) -> None:
        written = watch_puts(installed)
        ended = operate("submit", dataset, "--database", database, *SETTINGS)
        assert ended.code == 0
        assert written == ["databases/sugars.tsv", "brain.json", "brain.ibd", "brain.imzML"]
        assert installed.read(INBOX, "brain.ibd") == dataset.with_suffix(".ibd").read_bytes()
        assert "ionbox status brain --follow" in ended.out

    def test_the_settings_hold_all_layers_and_the_databases_by_name(
        self, installed: Cloud, operate: Command, dataset: Path, database: Path, tmp_path: Path
    ) -> None:
        dataset.with_suffix(".json").write_text(
            json.dumps({"ppm": 1, "decoys": 5, "analyzer": "tof", "resolving_power": 30000})
        )
        (tmp_path / "own.json").write_text(json.dumps({"ppm": 2, "decoys": 6}))
        operate("submit", dataset, "--database", database, "--config", "own.json", "--ppm", "3")
        assert json.loads(installed.read(INBOX, "brain.json")) == {
            "ppm": 3.0,
            "decoys": 6,
            "analyzer": "tof",
            "resolving_power": 30000,
            "databases": ["sugars"],
        }

    def test_a_folder_keeps_datasets_of_one_name_apart(
        self, installed: Cloud, operate: Command, dataset: Path
    ) -> None:
        operate("submit", dataset, "--folder", "smith/2026", *SETTINGS)
        assert "smith/2026/brain.imzML" in installed.keys(INBOX)

    def test_without_settings_there_is_no_sidecar_unless_an_old_one_must_go(
        self, installed: Cloud, operate: Command, dataset: Path
    ) -> None:
        operate("submit", dataset, "--no-check")
        assert installed.keys(INBOX) == ["brain.ibd", "brain.imzML"]
        installed.put(INBOX, "brain.json", {"ppm": 1})
        operate("submit", dataset, "--no-check")
        assert json.loads(installed.read(INBOX, "brain.json")) == {}


class TestAgain:
    def test_only_the_imzml_is_sent_because_it_is_what_starts_a_run(
        self, installed: Cloud, operate: Command, dataset: Path, database: Path
    ) -> None:
        command = ("submit", dataset, "--database", database, *SETTINGS)
        operate(*command)
        etag = installed.client("s3").head_object(Bucket=INBOX, Key="brain.imzML")["ETag"]
        written = watch_puts(installed)
        assert operate(*command).code == 0
        assert written == ["brain.imzML"]
        # so the claim is the same, and nothing runs twice
        assert etag == installed.client("s3").head_object(Bucket=INBOX, Key="brain.imzML")["ETag"]

    def test_after_an_interruption_only_the_rest_is_sent(
        self,
        installed: Cloud,
        operate: Command,
        dataset: Path,
        database: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(upload, "PART_BYTES", 5 * MB)
        monkeypatch.setattr(Uploader.__init__, "__defaults__", (5 * MB,))
        dataset.with_suffix(".ibd").write_bytes(b"".join(bytes([n]) * 5 * MB for n in range(4)))
        command = ("submit", dataset, "--database", database, "--no-check", *SETTINGS)
        sent = self._watch_parts(installed, fail_at=3)
        ended = operate(*command)
        assert ended.code == 3
        assert "AWS limits how often" in ended.err
        assert installed.keys(INBOX) == ["brain.json", "databases/sugars.tsv"]
        before = set(sent)
        assert before
        assert 3 not in before
        sent = self._watch_parts(installed)
        assert operate(*command).code == 0
        assert set(sent) == {1, 2, 3, 4} - before
        assert installed.keys(INBOX)[:2] == ["brain.ibd", "brain.imzML"]
        assert installed.read(INBOX, "brain.ibd") == dataset.with_suffix(".ibd").read_bytes()

    @staticmethod
    def _watch_parts(cloud: Cloud, fail_at: int = 0) -> list[int]:
        real, sent = cloud.client("s3"), []

        def part(**arguments: Any) -> Any:
            if arguments["PartNumber"] == fail_at:
                raise refusal("SlowDown")
            answer = real.upload_part(**arguments)
            sent.append(arguments["PartNumber"])
            return answer

        cloud.fake("s3", upload_part=part)
        return sent

    def test_settings_that_force_are_sent_again_because_their_arrival_forces(
        self, installed: Cloud, dataset: Path
    ) -> None:
        uploader = Uploader(Account().client("s3"), INBOX)
        for forced, expected in ((True, {"brain.json", "brain.imzML"}), (False, {"brain.imzML"})):
            settings = {"force": forced}
            submission = plan_submission(find_dataset(dataset), [], settings, "", uploader)
            send(submission, uploader, lambda *_: lambda _: None)
            written = watch_puts(installed)
            again = Uploader(Account().client("s3"), INBOX)
            send(submission, again, lambda *_: lambda _: None)
            assert set(written) == expected

    def test_ctrl_c_keeps_what_arrived(
        self, installed: Cloud, operate: Command, dataset: Path
    ) -> None:
        real = installed.client("s3")

        def put(**arguments: Any) -> Any:
            if arguments["Key"].endswith(".imzML"):
                raise KeyboardInterrupt
            return real.put_object(**arguments)

        installed.fake("s3", put_object=put)
        ended = operate("submit", dataset, *SETTINGS)
        assert ended.code == 130
        assert "the same command resumes from here" in ended.err
        assert installed.keys(INBOX) == ["brain.ibd", "brain.json"]


class TestChecksum:
    """What submit finds out about the ibd saves AWS from reading it."""

    def planned(self, ibd_etag: str, algorithm: str = "sha1") -> RunPlan:
        """As much of a run's plan as the sender's word is compared with."""
        files = SimpleNamespace(imzml_key="brain.imzML", ibd_key="brain.ibd")
        plan = SimpleNamespace(dataset=files, ibd_etag=ibd_etag, checksum_algorithm=algorithm)
        return cast(RunPlan, plan)

    def said(self, cloud: Cloud, ibd: Path) -> str:
        """The checksum that a run would take from the sender."""
        client = cloud.client("s3")
        etag = client.head_object(Bucket=INBOX, Key="brain.ibd")["ETag"]
        words = client.head_object(Bucket=INBOX, Key="brain.imzML")["Metadata"]
        inbox = SimpleNamespace(ask_head=lambda _: ObjectHead("", {}, words))
        return ask_sender(cast(Store, inbox), self.planned(etag))

    @pytest.mark.parametrize("part_bytes", [32 * MB, 5 * MB])
    def test_the_imzml_says_the_checksum_of_the_ibd_that_was_sent(
        self,
        installed: Cloud,
        operate: Command,
        dataset: Path,
        part_bytes: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(Uploader.__init__, "__defaults__", (part_bytes,))
        ibd = dataset.with_suffix(".ibd")
        ibd.write_bytes(ibd.read_bytes() + bytes(6 * MB))
        declare(dataset)
        true = hashlib.sha1(ibd.read_bytes()).hexdigest()
        for _ in range(2):  # the second time the ibd is there
            assert operate("submit", dataset, *SETTINGS).code == 0
            assert self.said(installed, ibd) == true

    def test_it_holds_for_no_other_ibd(
        self, installed: Cloud, operate: Command, dataset: Path
    ) -> None:
        assert operate("submit", dataset, *SETTINGS).code == 0
        assert self.said(installed, dataset.with_suffix(".ibd"))
        installed.put(INBOX, "brain.ibd", b"another")
        assert not self.said(installed, dataset.with_suffix(".ibd"))

    @pytest.mark.parametrize("most_to_read", [check.MOST_TO_READ, 0])
    def test_another_ibd_than_the_imzml_declares_is_not_sent(
        self,
        installed: Cloud,
        operate: Command,
        dataset: Path,
        most_to_read: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(check, "MOST_TO_READ", most_to_read)
        ibd = dataset.with_suffix(".ibd")
        ibd.write_bytes(ibd.read_bytes() + b"more")
        ended = operate("submit", dataset, *SETTINGS)
        assert ended.code == 1
        assert (
            "brain.ibd: its SHA1 is not the one the imzML declares; compare it with the original; "
            "or send it as it is with --no-check"
        ) in ended.err
        assert installed.keys(INBOX) == []
        # then AWS looks for itself
        assert operate("submit", dataset, "--no-check", *SETTINGS).code == 0
        assert not self.said(installed, ibd)

    def test_an_ibd_too_large_to_check_is_read_for_its_checksum_all_the_same(
        self, installed: Cloud, operate: Command, dataset: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(check, "MOST_TO_READ", 0)
        assert operate("submit", dataset, *SETTINGS).code == 0
        ibd = dataset.with_suffix(".ibd")
        assert self.said(installed, ibd) == hashlib.sha1(ibd.read_bytes()).hexdigest()


def declare(dataset: Path) -> None:
    """Let an imzML declare the checksum that its ibd has."""
    true = hashlib.sha1(dataset.with_suffix(".ibd").read_bytes()).hexdigest()
    text, n = re.subn(r'(name="ibd SHA-1" value=")\w+', rf"\g<1>{true}", dataset.read_text("utf-8"))
    assert n == 1
    dataset.write_text(text, "utf-8")


class TestUploader:
    @pytest.fixture
    def uploader(self, installed: Cloud) -> Uploader:
        return Uploader(Account().client("s3"), INBOX, part_bytes=5 * MB)

    def test_recognises_what_it_sent_in_parts(self, uploader: Uploader, tmp_path: Path) -> None:
        path = tmp_path / "x.ibd"
        path.write_bytes(bytes(range(256)) * 30_000)  # 7.3 MB: two parts
        told: list[int] = []
        uploader.send(Upload("x.ibd", path), told.append)
        assert sum(told) == path.stat().st_size
        assert uploader.is_there(Upload("x.ibd", path))
        data = bytearray(path.read_bytes())
        data[6 * MB] ^= 1
        path.write_bytes(data)
        assert not uploader.is_there(Upload("x.ibd", path))

    def test_a_part_that_changed_here_is_sent_again(
        self, uploader: Uploader, installed: Cloud, tmp_path: Path
    ) -> None:
        s3, path = installed.client("s3"), tmp_path / "x.ibd"
        path.write_bytes(b"a" * 5 * MB + b"b" * 10)
        pending = s3.create_multipart_upload(Bucket=INBOX, Key="x.ibd")["UploadId"]
        old = b"A" * 5 * MB
        s3.upload_part(Bucket=INBOX, Key="x.ibd", UploadId=pending, PartNumber=1, Body=old)
        uploader.send(Upload("x.ibd", path), lambda _: None)
        assert installed.read(INBOX, "x.ibd") == path.read_bytes()

    def test_an_empty_file_is_sent(self, uploader: Uploader, installed: Cloud) -> None:
        uploader.send(Upload("empty", b""), lambda _: None)
        assert installed.read(INBOX, "empty") == b""

    def test_a_file_of_any_size_has_few_enough_parts(self, uploader: Uploader) -> None:
        n_bytes = 3 << 40
        parts = uploader.cut(n_bytes)
        assert len(parts) <= 10_000
        assert sum(part.n_bytes for part in parts) == n_bytes

    def test_the_etag_is_that_of_s3(self, uploader: Uploader) -> None:
        data = b"x" * (5 * MB + 1)
        digests = hashlib.md5(data[: 5 * MB]).digest() + hashlib.md5(data[5 * MB :]).digest()
        expected = f"{hashlib.md5(digests).hexdigest()}-2"
        assert uploader.etag(Upload("x", data), lambda _: None) == expected


class TestRefusals:
    def test_a_truncated_ibd_is_not_sent(
        self, installed: Cloud, operate: Command, dataset: Path
    ) -> None:
        ibd = dataset.with_suffix(".ibd")
        ibd.write_bytes(ibd.read_bytes()[:-1])
        ended = operate("submit", dataset, *SETTINGS)
        assert ended.code == 1
        assert "brain.ibd is truncated" in ended.err
        assert installed.keys(INBOX) == []

    def test_missing_settings_are_named_with_their_flags(
        self, installed: Cloud, operate: Command, dataset: Path
    ) -> None:
        ended = operate("submit", dataset)
        assert ended.code == 1
        assert "analyzer: the imzML does not say; add --analyzer" in ended.err
        assert "nothing was sent" in ended.out

    def test_settings_that_the_installation_has_are_not_missing(
        self, cloud: Cloud, operate: Command, dataset: Path
    ) -> None:
        cloud.install(default_config={"analyzer": "orbitrap", "resolving_power": 140_000})
        assert operate("submit", dataset, "--polarity", "positive").code == 0

    def test_a_wrong_flag_is_found_before_sending(
        self, installed: Cloud, operate: Command, dataset: Path
    ) -> None:
        ended = operate("submit", dataset, *SETTINGS, "--ppm", "-1")
        assert ended.code == 1
        assert "ppm (command line): expected a number from 0.001 to 1,000" in ended.err

    def test_without_check_bad_input_is_sent(
        self, installed: Cloud, operate: Command, dataset: Path
    ) -> None:
        assert operate("submit", dataset, "--no-check").code == 0

    def test_another_dataset_of_that_name_is_not_replaced_unless_asked(
        self, installed: Cloud, operate: Command, dataset: Path
    ) -> None:
        installed.put(INBOX, "brain.imzML", b"another")
        ended = operate("submit", dataset, *SETTINGS)
        assert ended.code == 1
        assert "the inbox has another dataset 'brain.imzML'" in ended.err
        assert installed.keys(INBOX) == ["brain.imzML"]
        assert operate("submit", dataset, *SETTINGS, "--replace").code == 0

    def test_another_database_of_that_name_is_not_replaced(
        self, installed: Cloud, operate: Command, dataset: Path, database: Path
    ) -> None:
        installed.put(INBOX, "databases/sugars.tsv", b"another")
        ended = operate("submit", dataset, "--database", database, *SETTINGS)
        assert ended.code == 1
        assert "the inbox has another table 'databases/sugars.tsv'" in ended.err

    @pytest.mark.parametrize(
        ("name", "sentence"),
        [("none.tsv", "none.tsv: no such file"), ("sugars.xlsx", "expected a file named .csv")],
    )
    def test_a_database_that_is_no_table_is_one_sentence(
        self, installed: Cloud, operate: Command, dataset: Path, name: str, sentence: str
    ) -> None:
        (dataset.parent / "sugars.xlsx").write_bytes(b"PK")
        ended = operate("submit", dataset, "--database", name, *SETTINGS)
        assert ended.code == 1
        assert sentence in ended.err

    @pytest.mark.parametrize(
        ("name", "code"), [("lipids", 0), ("hmdb", 0), ("sugars.tsv", 0), ("missing", 1)]
    )
    def test_databases_named_in_a_config_are_files_or_known(
        self,
        installed: Cloud,
        operate: Command,
        dataset: Path,
        database: Path,
        name: str,
        code: int,
    ) -> None:
        installed.put(INBOX, "databases/hmdb.csv", b"id,name,formula\n")
        dataset.with_suffix(".json").write_text(json.dumps({"databases": [name]}))
        ended = operate("submit", dataset, *SETTINGS)
        assert ended.code == code
        if code:
            assert "neither a file in" in ended.err
        else:
            named = json.loads(installed.read(INBOX, "brain.json"))["databases"]
            assert named == [name.removesuffix(".tsv")]


class _Executions:
    """Runs that appear one after the other, each time somebody looks."""

    def __init__(self, *looks: list[Execution]) -> None:
        self._looks = list(looks)

    def recent(self, n: int) -> list[Execution]:
        return self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]

    def complete(self, executions: Sequence[Execution]) -> list[Execution]:
        return list(executions)

    def find(self, name: str) -> NoReturn:
        raise AssertionError("whoever waits looks at the newest")

    def map_counts(self, execution: Execution) -> NoReturn:
        raise AssertionError("whoever waits does not count")

    def under_way(self, execution: Execution) -> NoReturn:
        raise AssertionError("whoever waits does not look inside")


NOW = datetime.now(UTC)


def execution(name: str, state: str, key: str = "brain.imzML", minutes: float = 0) -> Execution:
    began = NOW + timedelta(minutes=minutes)
    return Execution(name, state, began, None, dataset="brain", imzml_key=key)


def ticking() -> Callable[[], float]:
    ticks = iter(range(0, 10_000, 50))
    return lambda: float(next(ticks))


class TestWaiting:
    def wait(self, *looks: list[Execution]) -> str:
        return wait_for_start(
            _Executions(*looks), "brain.imzML", NOW, pause=lambda _: None, clock=ticking()
        ).name

    def test_is_for_the_run_of_this_dataset(self) -> None:
        other = execution("other", "running", key="liver.imzML")
        mine = execution("mine", "running", minutes=0.1)
        assert self.wait([], [other], [mine, other]) == "mine"

    def test_ends_with_the_run_that_has_annotated_the_same_files(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.wait([execution("earlier", "succeeded", minutes=-60)]) == "earlier"
        assert "nothing new was started" in capsys.readouterr().out

    def test_goes_on_while_other_runs_take_all_places(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        busy = [execution("other", "running", key="liver.imzML", minutes=-5)]
        mine = execution("mine", "running", minutes=9)
        assert self.wait(busy, busy, busy, busy, busy, [mine, *busy]) == "mine"
        assert capsys.readouterr().out.count("waiting for a free place") == 1

    def test_gives_up_where_nothing_runs_that_it_could_wait_for(self) -> None:
        with pytest.raises(OperateError, match="QueueNotStarting"):
            self.wait([])

    def test_followed_to_the_end_says_how_to_fetch(
        self, installed: Cloud, operate: Command, dataset: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ionbox.cli.follow.POLL_S", 0.01)
        monkeypatch.setattr("ionbox.cli.submit_command.SKEW", timedelta(days=1))
        installed.start("abc-1", "brain")
        installed.leave_traces("abc-1", "brain")
        ended = operate("submit", dataset, *SETTINGS, "--wait")
        assert ended.code == 0
        assert "ionbox fetch abc-1 --out brain" in ended.out

    def test_a_run_that_failed_has_the_exit_code_of_a_failure(
        self, installed: Cloud, operate: Command, dataset: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ionbox.cli.submit_command.SKEW", timedelta(days=1))
        broken = dataset.with_name("broken.imzML")
        dataset.rename(broken)
        dataset.with_suffix(".ibd").rename(broken.with_suffix(".ibd"))
        installed.start("def-1", "broken")
        ended = operate("submit", broken, *SETTINGS, "--wait")
        assert ended.code == 3
        assert "why: too large" in ended.out


class TestEstimate:
    def test_is_said_before_anything_is_sent(
        self, installed: Cloud, operate: Command, dataset: Path, database: Path
    ) -> None:
        ended = operate("submit", dataset, "--database", database, *SETTINGS)
        assert ended.out.startswith("on AWS with ")
        assert " calls at once: about " in ended.out

    def test_above_what_the_run_may_cost_sends_nothing(
        self, installed: Cloud, operate: Command, dataset: Path, database: Path
    ) -> None:
        written = watch_puts(installed)
        dear = ("--database", database, *SETTINGS, "--max-dollars", "0.0001")
        ended = operate("submit", dataset, *dear)
        assert (ended.code, written) == (1, [])
        assert "max_dollars: the run should cost about $0.0" in ended.err
