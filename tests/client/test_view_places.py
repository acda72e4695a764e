"""What ``ionbox view`` and ``why`` find under a name."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from ionbox.operate.errors import UserMustAct
from ionbox.view.places import Place, find_place
from operating import INBOX, RESULTS, Cloud, Command


def find(wanted: object, **more: object) -> Place:
    given = {"stack": "ionbox", "profile": None, "region": "eu-central-1", "local": False}
    return find_place(argparse.Namespace(wanted=str(wanted), work=None, **(given | more)))


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
        assert (place.results._url, place.ibd.store._url) == (f"s3://{RESULTS}", f"s3://{INBOX}")


def test_an_address_in_a_bucket(cloud: Cloud) -> None:
    place = find(f"s3://{RESULTS}/results/d1/r1/")
    assert (place.results._url, place.folder) == (f"s3://{RESULTS}", "results/d1/r1")
    assert place.ibd.store is None


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


def test_results_that_were_deleted_are_said(installed: Cloud, operate: Command) -> None:
    ended = operate("view", "nothing-of-this-name", "--no-browser", "--region", "eu-central-1")
    assert ended.code == 1
    assert "no run and no dataset named 'nothing-of-this-name'" in ended.err
    ended = operate("view", "./missing", "--no-browser")
    assert ended.code == 1
    assert "missing holds no results (no run.json)" in ended.err
