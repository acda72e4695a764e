"""A few hundred hostile inputs, and that each way to fail is noticed; ``make fuzz`` tries more."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from ionbox_science.imzml.header import read_header
from ionbox_science.theory.databases import parse_database

from tests.fuzz import inputs
from tests.fuzz.inputs import CASES, PAIRS, Case, Wrong, compare_spectra, read_with_pyimzml
from tests.fuzz.trials import try_all, try_input


def test_every_hostile_input_is_read_right_or_refused() -> None:
    tried = list(try_all(range(600)))
    assert [one for one in tried if one.failed] == []
    answers = Counter((one.kind, one.answer == "refused") for one in tried)
    assert set(answers) == {(kind, refused) for kind in CASES for refused in (False, True)}


def test_a_seed_makes_the_same_input() -> None:
    made = [(inputs.make_sidecar(Random(5)), inputs.make_table(Random(5))) for _ in range(2)]
    assert made[0] == made[1]


def forget(random: Random, folder: Path) -> str:
    raise KeyError("what nobody caught")


def misread(random: Random, folder: Path) -> str:
    imzml = folder / "a.imzML"
    imzml.write_bytes(PAIRS[0].source)
    imzml.with_suffix(".ibd").write_bytes(PAIRS[0].ibd)
    expected = read_with_pyimzml(imzml)
    assert expected
    other = read_header(PAIRS[0].edited('x" value="2"', 'x" value="1"').source, "a.imzML")
    compare_spectra(other, PAIRS[0].ibd, expected)
    return "accepted"


def flood(random: Random, folder: Path) -> str:
    raise MemoryError


@pytest.mark.parametrize(
    ("case", "answer"), [(forget, "UNCAUGHT"), (misread, "WRONG"), (flood, "OVER 2 GB")]
)
def test_what_fails_is_noticed(monkeypatch: pytest.MonkeyPatch, case: Case, answer: str) -> None:
    monkeypatch.setitem(CASES, "imzML", case)
    tried = try_input(0)
    assert tried.failed
    assert (tried.seed, tried.kind, tried.answer) == (0, "imzML", answer)


def spin(random: Random, folder: Path) -> str:
    while True:
        with suppress(Exception):
            sum(range(1000))


def test_what_takes_too_long_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CASES, "imzML", spin)
    monkeypatch.setattr("tests.fuzz.trials.MOST_CPU_S", 0.2)
    assert try_input(0).answer == "OVER 10 S"


def test_a_table_that_lost_a_line_is_noticed() -> None:
    whole = parse_database(inputs.TABLE, "lipids")
    inputs.require_every_line(whole, inputs.TABLE.replace(b'"', b""))
    with pytest.raises(Wrong, match="4 molecules and skipped rows of 5 lines"):
        inputs.require_every_line(whole, inputs.TABLE.replace(b'"', b"") + b"5\tx\tC\n")
