"""What docs/python.md shows is true."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import ionbox
import numpy as np
import pytest
from ionbox.results.filters import FILTERS

from tests.client.page_examples import run_examples


@pytest.fixture(scope="module")
def page(project: Path) -> str:
    return (project / "docs" / "python.md").read_text("utf-8")


def test_its_examples_run(
    page: str, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = run_examples(page, results, tmp_path, monkeypatch)
    assert names["table"]["mz"].between(200, 400).all()
    assert names["similar"]["colocCoeff"].iloc[0] == 1
    assert names["image"].shape == (12, 16)
    assert np.all(np.diff(names["mz"]) >= 0)
    assert len(names["partners"]) == 5
    run = names["run"]
    assert set(run.results()["datasetId"]) == {run.metadata["id"]} != {run.id}


def test_it_names_what_there_is(page: str) -> None:
    owners = (ionbox, ionbox.Run, ionbox.Inbox)
    for name in set(re.findall(r"`(?:run\.)?([a-z_]+)\(", page)) - {"help", "optical_images"}:
        assert any(hasattr(owner, name) for owner in owners), name
    (row,) = (line for line in page.splitlines() if "**annotation_filter" in line)
    assert set(re.findall(r"`(\w+)`", row)) == set(FILTERS)
    for name in inspect.signature(ionbox.Run.results).parameters:
        assert name in page or name == "self"


def test_errors_can_be_caught_by_the_names_that_docstrings_have(page: str) -> None:
    from ionbox.exports import export

    (line,) = re.findall(r"Errors to catch are in `ionbox\.errors`: (.*?)\n\n", page, re.DOTALL)
    named = set(re.findall(r"`(\w+)`", line))
    documented = [export, ionbox.open]
    for owner in (ionbox.Run, ionbox.Inbox):
        documented += [getattr(owner, name) for name in dir(owner) if not name.startswith("_")]
    for member in documented:
        raises = re.search(r"Raises\n-+\n(.*?)(?:\n\n|\Z)", inspect.getdoc(member) or "", re.DOTALL)
        if raises:
            named |= set(re.findall(r"^([A-Z]\w+)$", raises[1], re.MULTILINE))
    assert {"NotInResults", "RunFailed", "Gone", "MissingLibrary"} <= named
    assert named <= set(ionbox.errors.__all__)
    with pytest.raises(ionbox.errors.NoResults):
        ionbox.open("nowhere")
