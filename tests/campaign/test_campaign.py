"""A trial of each fault, and that each way to fail is noticed; ``make campaign`` makes more."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from tests.campaign.command import Ended
from tests.campaign.faults import FAULTS
from tests.campaign.subject import Place, Subject
from tests.campaign.trials import is_named, judge
from tests.patience import run


def test_the_same_command_again_mends_every_fault(project: Path) -> None:
    options = ["--trials", str(len(FAULTS)), "--seed", "7"]
    ended = run([sys.executable, "-m", "tests.campaign", *options], cwd=project)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{len(FAULTS)} trials, seed 7: 0 failed" in ended.stdout
    for fault in FAULTS:  # each was tried once, and ended well
        assert re.search(rf"{re.escape(fault)} +(1 +0|0 +1) +0 +0 +0 +0 *\n", ended.stdout), fault


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    """What an undisturbed run would have left, made up."""
    subject = Subject(tmp_path)
    subject.sound.out.mkdir(parents=True)
    (subject.sound.work / "inbox").mkdir(parents=True)
    for name in ("annotations.csv", "report.html"):
        (subject.sound.out / name).write_text(name)
    (subject.sound.out / "status.json").write_text(json.dumps({"status": "succeeded"}))
    return subject


@pytest.fixture
def place(subject: Subject) -> Place:
    """A place in which a run ended well."""
    place = Place(subject.root / "place")
    subject.copy_sound(place)
    return place


def test_what_ended_well_is_identical(subject: Subject, place: Place) -> None:
    sound = Ended(0, "", subject.expected)
    assert judge(subject, place, [sound], sound) == ("identical", "")
    assert judge(subject, place, [Ended(-9, "", {})], sound) == ("identical", "")
    refused = Ended(3, "working\nerror: no room", {})
    assert judge(subject, place, [sound], refused) == ("refused", "error: no room")


@pytest.mark.parametrize("name", ["annotations.csv", "report.html", "new.csv"])
def test_a_file_that_differs_is_wrong(subject: Subject, place: Place, name: str) -> None:
    sound = Ended(0, "", subject.expected)
    files = {**subject.expected, name: b"else"}
    for disturbed, again in (([], Ended(0, "", files)), ([Ended(0, "", files)], sound)):
        assert judge(subject, place, disturbed, again) == (
            "WRONG",
            f"after exit code 0 {name} differ",
        )


def test_a_file_that_is_missing_is_wrong(subject: Subject, place: Place) -> None:
    files = {name: data for name, data in subject.expected.items() if name != "report.html"}
    assert judge(subject, place, [], Ended(0, "", files))[0] == "WRONG"


def test_a_status_that_contradicts_the_exit_code_is_wrong(subject: Subject, place: Place) -> None:
    (place.out / "status.json").write_text(json.dumps({"status": "failed"}))
    assert judge(subject, place, [], Ended(0, "", subject.expected))[0] == "WRONG"


@pytest.mark.parametrize("code", [0, 1, 3, 130])
def test_a_traceback_is_no_name(subject: Subject, place: Place, code: int) -> None:
    ended = Ended(code, "Traceback (most recent call last)", subject.expected)
    assert judge(subject, place, [ended], ended)[0] == "UNNAMED"


@pytest.mark.parametrize("left", ["work/inbox/a-run", "out/.annotations.csv.incoming", "work/x#1"])
def test_what_is_left_is_named(subject: Subject, place: Place, left: str) -> None:
    (place.root / left).mkdir()
    sound = Ended(0, "", subject.expected)
    assert judge(subject, place, [], sound) == ("LEFTOVERS", Path(left).name)


def test_only_what_was_disturbed_may_be_cancelled_or_killed() -> None:
    for ended in (Ended(-9, "", {}), Ended(143, "cancelled: the same command resumes", {})):
        assert is_named(ended, cancelled=True)
        assert not is_named(ended, cancelled=False)
    for ended in (Ended(-11, "", {}), Ended(3, "", {}), Ended(143, "", {}), Ended(2, "usage", {})):
        assert not is_named(ended, cancelled=True)
        assert not is_named(ended, cancelled=False)
