"""One rehearsal for all tests of this folder: a stack, the datasets dropped into it, their ends."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.patience import RUN_S, run, wait_until
from tests.rehearsal.abilities import look
from tests.rehearsal.account import Account, Ended
from tests.rehearsal.functions import CallRecord

PROJECT = Path(__file__).parents[2]
IONBOX = Path(sys.executable).with_name("ionbox")
SETTINGS = {"polarity": "positive", "analyzer": "orbitrap", "resolving_power": 140000.0}
SETTINGS_FILE = {**SETTINGS, "databases": ["lipids"]}
SORTS = ("lambda", "map", "fargate")
KILLED = "SegmentSpectra1769"  # its first rung is given too little memory
ANSWER_S = 0.1
"""Seconds after which S3 answers: so one sees what waits for what, on a busy machine, too."""
TOO_LITTLE_MB = 45
"""More than a sandbox needs to start, less than the sort takes."""


@dataclass(frozen=True)
class Dataset:
    """Files of a dataset as users have them."""

    imzml: Path
    ibd: Path
    database: Path

    def renamed(self, name: str) -> bytes:
        """The imzML with a name in it: equal data, but another dataset, which reuses nothing."""
        return self.imzml.read_bytes() + f"<!-- {name} -->\n".encode()


@dataclass(frozen=True)
class Rehearsal:
    """A stack in which runs have ended.

    Attributes
    ----------
    account : Account
        The account, still open.
    dataset : Dataset
        What was dropped, once for each of `SORTS`.
    ends : dict of str to Ended
        How the run of each name ended: of each sort, and of the broken dataset.
    calls : dict of str to list of CallRecord
        Calls that were made for the run of each name.
    """

    account: Account
    dataset: Dataset
    ends: dict[str, Ended]
    calls: dict[str, list[CallRecord]]


def pytest_report_header() -> list[str]:
    """Say what cannot be shown on this machine."""
    return [f"not rehearsed here: {each}" for each in look().left_out]


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The example of `make run`."""
    folder = tmp_path_factory.mktemp("dataset")
    database, imzml = folder / "lipids.tsv", folder / "tissue.imzML"
    _ionbox("lipids", database)
    simulation = ["--width", "80", "--height", "60", "--ions", "200", "--noise", "300"]
    _ionbox("simulate", imzml, "--database", database, *simulation, "--seed", "1")
    return Dataset(imzml, imzml.with_suffix(".ibd"), database)


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """The stack of ``cdk.out``, deployed."""
    if not os.environ.get("IONBOX_REHEARSE"):
        pytest.skip("'make rehearse' runs these: they need the stack's assets, and minutes")
    here = look()
    if os.environ.get("CI") and (here.missing or here.left_out):
        pytest.fail("; ".join(filter(None, [here.missing, *here.left_out])))
    if here.missing:
        pytest.skip(here.missing)
    with Account(PROJECT / "cdk.out", tmp_path_factory.mktemp("account")) as account:
        yield account


@pytest.fixture(scope="session")
def rehearsal(account: Account, dataset: Dataset) -> Rehearsal:
    """Four datasets, dropped one after the other: three ways to sort, and one that is cut short."""
    account.drop({"databases/lipids.tsv": dataset.database})
    account.functions.limit(KILLED, TOO_LITTLE_MB)
    account.delay_storage(ANSWER_S)
    ends: dict[str, Ended] = {}
    calls: dict[str, list[CallRecord]] = {}

    def drop(name: str, ibd: bytes | Path, settings: dict[str, object]) -> None:
        known = {each.name for each in account.executions()}
        n_calls, n_mails = len(account.calls), len(account.mails())
        account.drop(
            {
                f"lab/{name}.ibd": ibd,
                f"lab/{name}.json": json.dumps(settings).encode(),
                f"lab/{name}.imzML": dataset.renamed(name),
            }
        )
        wait_until(lambda: len(account.executions()) > len(known), RUN_S)
        wait_until(lambda: len(account.mails()) > n_mails, RUN_S)
        (ends[name],) = (each for each in account.executions() if each.name not in known)
        calls[name] = account.calls[n_calls:]

    for sort in SORTS:
        drop(sort, dataset.ibd, {**SETTINGS_FILE, "sort": sort})
    drop("cut", dataset.ibd.read_bytes()[:-1000], dict(SETTINGS_FILE))
    return Rehearsal(account, dataset, ends, calls)


@pytest.fixture(scope="session")
def laptop_tables(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """``annotations.csv`` of what was dropped for each of `SORTS`, annotated on this machine."""
    return {sort: _annotate_here(dataset, sort, tmp_path_factory.mktemp(sort)) for sort in SORTS}


def _ionbox(*words: str | Path) -> None:
    ended = run([IONBOX, *words])
    assert ended.returncode == 0, ended.stderr


def _annotate_here(dataset: Dataset, name: str, folder: Path) -> bytes:
    imzml = folder / f"{name}.imzML"
    imzml.write_bytes(dataset.renamed(name))
    imzml.with_suffix(".ibd").symlink_to(dataset.ibd)
    settings = ["--polarity", "positive", "--analyzer", "orbitrap", "--resolving-power", "140000"]
    folders: list[str | Path] = ["--out", folder / "out", "--work", folder / "work"]
    _ionbox("annotate", imzml, "--database", dataset.database, *folders, *settings)
    return (folder / "out" / "annotations.csv").read_bytes()


@pytest.fixture
def said(rehearsal: Rehearsal) -> Callable[[str], str]:
    """The mail about a dataset."""

    def find(name: str) -> str:
        return "\n".join(
            f"{subject}\n{text}"
            for subject, text in rehearsal.account.mails()
            if f"Dataset: {name}\n" in text or f" {name} " in subject
        )

    return find
