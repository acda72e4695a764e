"""Ten trials of the campaign, one of each fault; ``make campaign`` runs as many as one likes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaign.faults import FAULTS
from tests.campaign.subject import Ended, Place, Subject
from tests.campaign.trials import GOOD, is_named, judge, run_trial

SEED = 7


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return Subject.make(tmp_path_factory.mktemp("subject"))


@pytest.mark.parametrize("index", range(len(FAULTS)), ids=list(FAULTS))
def test_the_same_command_again_mends_it(subject: Subject, tmp_path: Path, index: int) -> None:
    trial = run_trial(subject, tmp_path, SEED, index)
    assert trial.outcome in GOOD, trial


def test_each_way_to_fail_is_noticed(subject: Subject, tmp_path: Path) -> None:
    place = Place(tmp_path / "place")
    subject.copy_sound(place)
    sound = Ended(0, "", subject.expected)
    assert judge(subject, place, [sound], sound) == ("identical", "")
    other = Ended(0, "", {**subject.expected, "annotations.csv": b""})
    assert judge(subject, place, [], other)[0] == "WRONG"
    assert judge(subject, place, [other], sound)[0] == "WRONG"
    assert judge(subject, place, [], Ended(1, "Traceback", {}))[0] == "UNNAMED"
    assert judge(subject, place, [], Ended(3, "error: no room", {}))[0] == "refused"
    (place.work / "inbox" / "a-run").mkdir()
    assert judge(subject, place, [sound], sound) == ("LEFTOVERS", "a-run")


def test_only_what_was_disturbed_may_end_without_a_word() -> None:
    assert is_named(Ended(-9, "", {}), cancelled=True)
    assert is_named(Ended(143, "cancelled: the same command resumes", {}), cancelled=True)
    for ended in (
        Ended(-9, "", {}),
        Ended(-11, "", {}),
        Ended(143, "cancelled", {}),
        Ended(3, "", {}),
    ):
        assert not is_named(ended, cancelled=False)
