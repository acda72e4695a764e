"""Names of what a run publishes are written down once, in `ionbox_cloud.published`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ionbox_cloud import published
from ionbox_cloud.stored.annotations import pack_diagnostics, unpack_diagnostics
from ionbox_science.annotation.explanations import ScoredDatabase
from ionbox_science.theory.isotope_patterns import generate_patterns

from tests.builders import ORBITRAP, annotate, plant_dataset

FILES = (
    published.RECORD,
    published.STATUS,
    published.TABLE,
    published.REPORT,
    published.IMAGES,
    published.SPECTRUM_INDEX,
    published.SOURCES,
)
PREFIXES = (published.IONS_PREFIX, published.SCORES_PREFIX)


def literals(source: str) -> Iterator[str]:
    """Yield the texts of a module that are no docstrings, those in f-strings piece by piece."""
    for node in ast.walk(ast.parse(source)):
        for field in ast.iter_child_nodes(node):
            if (
                isinstance(field, ast.Constant)
                and isinstance(field.value, str)
                and not isinstance(node, ast.Expr)
            ):
                yield field.value


def names_a_published_file(text: str) -> bool:
    """Say whether a text is the name of such a file or a path to one, and no sentence about it."""
    names = "|".join(map(re.escape, FILES))
    is_path = re.fullmatch(rf"([^\s]*/)?({names})", text)
    below = text == published.DIAGNOSTICS or text.startswith(f"{published.DIAGNOSTICS}/")
    return bool(is_path or below or text in PREFIXES)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('open(folder / "run.json")', True),
        ('read(f"{folder}/run.json")', True),
        ('read(f"diagnostics/{name}.npz")', True),
        ('take("scores_")', True),
        ('def f():\n    """run.json"""', False),
        ('say("give annotations.csv, or a folder")', False),
    ],
)
def test_names_of_files_are_told_from_sentences(source: str, found: bool) -> None:
    assert any(map(names_a_published_file, literals(source))) is found


def test_names_are_written_down_once(project: Path) -> None:
    written = {
        path.relative_to(project).as_posix(): text
        for top in ("client", "layers", "functions")
        for path in (project / top).rglob("*.py")
        for text in literals(path.read_text("utf-8"))
        if path.name != "published.py" and names_a_published_file(text)
    }
    assert written == {}


def test_diagnostics_come_back_as_they_were() -> None:
    mz, abundance = generate_patterns(["C6H13O6"], ORBITRAP)
    dataset = plant_dataset([(mz[0].tolist(), abundance[0].tolist(), (8, 9, 5, 0.1))])
    of = annotate(dataset, ["C6H12O6", "C3H6O3"])
    scored = ScoredDatabase("sugars", of.table, of.scores, of.ranked.fdr)
    arrays = pack_diagnostics(scored)
    again = unpack_diagnostics("sugars", arrays)
    assert again.name == "sugars"
    assert len(again.scores.ion)
    for name, array in pack_diagnostics(again).items():
        np.testing.assert_array_equal(array, arrays[name])
        assert array.dtype == arrays[name].dtype
