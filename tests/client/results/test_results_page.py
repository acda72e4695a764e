"""``docs/results.md`` says of every published file what is in it, and of nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from ionbox_cloud import published
from ionbox_cloud.stored import label_fractions
from ionbox_science.annotation.table import COLUMNS

from tests import results_shape
from tests.client.page_examples import run_examples

ARRAYS = {
    "diagnostics/&lt;database&gt;.npz": "diagnostics/acids.npz",
    published.COLOCALIZATION: published.COLOCALIZATION,
    published.SPECTRUM_INDEX: published.SPECTRUM_INDEX,
}
"""Headings of the page, and files of the small run that are under them."""

ONLY_SOMETIMES = {"error", "message", "advice"}
"""Fields of the status of a run that failed; the golden run succeeded."""


@pytest.fixture(scope="module")
def page(project: Path) -> str:
    return (project / "docs" / "results.md").read_text("utf-8")


@pytest.fixture(scope="module")
def files() -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(results_shape.GOLDEN.read_text("utf-8"))["files"]
    return found


def rows_of(page: str, heading: str) -> list[list[str]]:
    """The rows of the tables under a heading that describe something, cell by cell."""
    (section,) = re.findall(
        rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", page, re.MULTILINE | re.DOTALL
    )
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def test_every_published_file_has_a_row_and_every_row_a_file(page: str) -> None:
    rows = re.findall(r"^\| \[?`([\w./]+)`", page.split("\n## ")[0], re.MULTILINE)
    names = {
        *(published.RECORD, published.STATUS, published.TABLE, published.REPORT),
        *(published.IMAGES, published.SPECTRUM_INDEX, published.SOURCES),
        published.LABEL_FRACTIONS,
        f"{published.DIAGNOSTICS}/",
    }
    assert len(rows) == len(names)
    assert set(rows) == names


def test_columns_of_the_table(page: str, files: dict[str, list[str]]) -> None:
    named = [row[0] for row in rows_of(page, published.TABLE)]
    assert named == files[published.TABLE] == list(COLUMNS)


def test_columns_of_labelled_fractions(page: str) -> None:
    named = [row[0] for row in rows_of(page, published.LABEL_FRACTIONS)]
    assert named == list(label_fractions.COLUMNS)


def test_arrays_of_the_images(page: str, files: dict[str, list[str]]) -> None:
    described = {
        name: [f"data_type: {kind}", f"dimension_names: {dimensions.split(', ')}"]
        for name, dimensions, kind, *_ in rows_of(page, published.IMAGES)
    }
    prefix, suffix = f"{published.IMAGES}/", "/zarr.json"
    assert described == {
        name.removeprefix(prefix).removesuffix(suffix): shape
        for name, shape in files.items()
        if name.startswith(prefix)
    }


@pytest.mark.parametrize(("heading", "file"), ARRAYS.items())
def test_arrays_of(page: str, files: dict[str, list[str]], heading: str, file: str) -> None:
    described = [
        f"{name}: {np.dtype(kind).kind}, {count_dimensions(shape)}d"
        for name, shape, kind, *_ in rows_of(page, heading)
    ]
    assert described == files[file]


def count_dimensions(shape: str) -> int:
    return len(shape.strip("()").replace(",", " ").split())


@pytest.mark.parametrize(("heading", "file"), ARRAYS.items())
def test_types_are_those_of_a_run(page: str, results: Path, heading: str, file: str) -> None:
    described = {name: kind for name, _, kind, *_ in rows_of(page, heading)}
    with np.load(results / file) as arrays:
        found = {name: array.dtype for name, array in arrays.items()}
    assert described == {name: "str" if t.kind == "U" else t.name for name, t in found.items()}


@pytest.mark.parametrize("file", [published.RECORD, published.STATUS, published.SOURCES])
def test_fields_of(page: str, files: dict[str, list[str]], file: str) -> None:
    described = {name: kind for name, kind, *_ in rows_of(page, file)}
    found = dict(line.split(": ") for line in files[file])
    for name, kind in list(found.items()):
        if kind == "empty":  # a list without an entry: there is no type to compare
            found[f"{name}[]"] = described.get(f"{name}[]", "")
            del found[name]
    always = {name: kind for name, kind in described.items() if name not in ONLY_SOMETIMES}
    assert always == found
    assert (described.keys() >= ONLY_SOMETIMES) == (file == published.STATUS)


def test_its_examples_run(
    page: str, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = run_examples(page, results, tmp_path, monkeypatch)
    assert names["first_isotope"].sum() == pytest.approx(names["table"]["totalIntensity"][0], 1e-5)
