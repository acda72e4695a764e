"""What ``ionbox view`` and ``why`` find under a name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ionbox.cli.find_place import find_place
from ionbox.errors import UserMustAct
from ionbox.reading.place import Place
from ionbox.where import Where

from tests.client.operating import INBOX, RESULTS, Cloud, Command


def find(wanted: object, inbox: str | None = None) -> Place:
    return find_place(str(wanted), Where(region="eu-central-1"), inbox)


def test_a_run_of_the_installed_stack_with_its_segments_and_ibd(installed: Cloud) -> None:
    installed.start("run-1", "brain")
    installed.leave_traces("run-1", "brain")
    for wanted in ("brain", "run-1"):
        place = find(wanted)
        assert place.key("run.json") == "results/d1/r-run-1/run.json"
        assert place.results.is_remote
        assert place.segments.store is place.results
        assert place.ibd.store is not None
        assert place.ibd.key == ""  # the run record says it
        assert (place.results.url, place.ibd.store.url) == (f"s3://{RESULTS}", f"s3://{INBOX}")


def test_an_address_in_a_bucket(cloud: Cloud) -> None:
    place = find(f"s3://{RESULTS}/results/d1/r1/")
    assert (place.results.url, place.folder) == (f"s3://{RESULTS}", "results/d1/r1")
    assert place.ibd.store is None


@pytest.mark.parametrize("inbox", ["the-inbox", "s3://", "s3://the-inbox/folder"])
def test_an_inbox_is_a_bucket(cloud: Cloud, inbox: str) -> None:
    with pytest.raises(UserMustAct, match=f"--inbox: expected s3://BUCKET, got '{inbox}'"):
        find(f"s3://{RESULTS}/results/d1/r1/", inbox=inbox)


def test_a_run_that_failed_has_nothing_to_look_at(installed: Cloud) -> None:
    installed.start("run-1", "broken")
    with pytest.raises(UserMustAct, match="run run-1 has no results: it is failed"):
        find("broken")


def test_a_folder_of_results_goes_before_a_dataset_of_its_name(
    installed: Cloud, tmp_path: Path
) -> None:
    installed.start("run-1", "brain")
    installed.leave_traces("run-1", "brain")
    (tmp_path / "brain").mkdir()
    assert find("brain").folder  # an empty folder is not meant
    (tmp_path / "brain" / "run.json").write_text("{}")
    assert not find("brain").folder


class TestNothingIsThere:
    """A mistyped folder looks like the name of a run, so the error is about both."""

    GIVE = (
        "; give the results folder, --local for a run in this machine's work folder, or --region "
        "for an installation in AWS\n"
    )

    def look(self, operate: Command, command: str, *arguments: object) -> str:
        more = {"view": ["--no-browser"], "why": ["--formula", "CH4", "--adduct=+H"], "share": []}
        ended = operate(command, *arguments, *more[command])
        assert ended.code == 1
        assert ended.out == ""
        return ended.err

    @pytest.mark.parametrize("command", ["view", "why", "share"])
    def test_without_aws_a_word_is_a_folder_that_is_not_there(
        self, own_environment: None, operate: Command, command: str
    ) -> None:
        assert self.look(operate, command, "resluts") == (
            f"error: there is no folder 'resluts' here, and no AWS region set{self.GIVE}"
            "  in AWS: add --region NAME, for example eu-central-1\n"
        )

    def test_without_credentials_they_are_asked_for_besides(
        self, own_environment: None, operate: Command
    ) -> None:
        said = self.look(operate, "view", "resluts", "--region", "eu-central-1")
        assert f"'resluts' here, and no AWS credentials found{self.GIVE}  in AWS: run 'aws" in said

    def test_without_an_installation_both_are_said(self, cloud: Cloud, operate: Command) -> None:
        said = self.look(operate, "view", "resluts")
        assert "there is no folder 'resluts' here, and there is no stack 'ionbox' in" in said
        assert "  in AWS: install it with 'ionbox deploy'" in said

    def test_an_installation_that_has_no_such_run(self, installed: Cloud, operate: Command) -> None:
        said = self.look(operate, "view", "resluts", "--region", "eu-central-1")
        assert "no folder 'resluts' here, and no run and no dataset named 'resluts'" in said
        assert "  in AWS: 'ionbox list' shows names" in said

    @pytest.mark.parametrize("command", ["view", "why", "share"])
    @pytest.mark.parametrize("wanted", ["./missing", "exampel/results"])
    def test_what_looks_like_a_path_is_none_of_aws(
        self, own_environment: None, operate: Command, command: str, wanted: str
    ) -> None:
        said = self.look(operate, command, wanted)
        assert said == f"error: there is no folder '{Path(wanted)}' here{self.GIVE}"

    @pytest.mark.parametrize("command", ["view", "share"])
    def test_who_gave_local_is_not_advised_to(
        self, own_environment: None, operate: Command, command: str
    ) -> None:
        ended = operate(command, "./missing", "--local")
        assert ended.code == 1
        assert "give the results folder, or a name that 'ionbox list --local' shows" in ended.err

    @pytest.mark.parametrize("command", ["export", "compare"])
    def test_export_and_compare_point_to_them_too(
        self, own_environment: None, operate: Command, tmp_path: Path, command: str
    ) -> None:
        (tmp_path / "example" / "results").mkdir(parents=True)
        (tmp_path / "example" / "results" / "run.json").write_text("{}")
        more = {"export": ["--to", "png", "--out", "out"], "compare": ["example"]}[command]
        ended = operate(command, "example", *more)
        words = "error: example holds no results (no run.json); did you mean example/results?\n"
        assert ended.err == words

    @pytest.mark.parametrize("wanted", ["example", "example/", "example/results/report.html"])
    def test_results_close_by_are_pointed_at(
        self, own_environment: None, operate: Command, tmp_path: Path, wanted: str
    ) -> None:
        results = tmp_path / "example" / "results"
        results.mkdir(parents=True)
        for name in ("run.json", "report.html"):
            (results / name).write_text("{}")
        said = self.look(operate, "view", wanted)
        assert "holds no results (no run.json; did you mean example/results?)" in said

    @pytest.mark.parametrize("command", ["view", "why", "share"])
    def test_a_run_that_failed_there_says_why(
        self, own_environment: None, operate: Command, tmp_path: Path, command: str
    ) -> None:
        status = {"status": "invalid_input", "message": "no ibd.", "advice": "Copy it."}
        (tmp_path / "failed").mkdir()
        (tmp_path / "failed" / "status.json").write_text(json.dumps(status))
        said = self.look(operate, command, "failed")
        assert said == (
            "error: failed has no results: the run is 'invalid input'. no ibd. Copy it.\n"
        )

    def test_a_name_that_the_work_folder_does_not_know(
        self, own_environment: None, operate: Command, tmp_path: Path
    ) -> None:
        (tmp_path / "work").mkdir()
        said = self.look(operate, "view", "resluts", "--work", "work")
        assert said.endswith("'ionbox list --local' shows names\n")
