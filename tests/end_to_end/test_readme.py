"""What the README shows is true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ionbox.local.functions import IONBOX, read_functions

from tests.end_to_end.laptop import ACIDS, Laptop


@pytest.fixture(scope="module")
def readme() -> str:
    return (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def test_the_first_commands_come_within_25_lines(readme: str) -> None:
    first = readme.splitlines()[:25]
    assert any(line.startswith("make run ") for line in first)
    assert any(line.startswith("make test ") for line in first)


def test_its_python_shows_the_images_of_the_best_annotation(
    readme: str, laptop: Laptop, tissue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = laptop.annotate(tissue, [laptop.database("acids", ACIDS)]).succeeded()
    (run.out.parent / "results").symlink_to(run.out)
    monkeypatch.chdir(run.out.parent)
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # the README's own words
    best = names["best"]
    assert best["fdr"] == names["annotations"]["fdr"].min()
    assert names["first_isotope"].shape == (12, 16)
    np.testing.assert_allclose(names["first_isotope"].sum(), best["totalIntensity"], rtol=1e-5)


def test_its_make_targets_exist(readme: str, project: Path) -> None:
    makefile = (project / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"(?:^|`)make ([a-z]+)", readme, re.MULTILINE))
    assert targets >= {"run", "test", "invoke"}
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_its_handlers_exist(readme: str) -> None:
    folders = {function.handler.parent.name for function in read_functions(IONBOX).values()}
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", readme)) | {"plan_run"}
    assert {"segment_spectra", "sort_spans"} <= named & folders
    assert {name for name in named if "_" in name} <= folders


def test_its_files_exist(readme: str, project: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", readme)
    assert "docs/parity.md" in links
    for link in links:
        assert (project / link).exists(), link
