"""What no Lambda layer carries: libraries that only people's own machines need."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HEAVY = {"pandas", "xarray", "anndata", "spatialdata", "tifffile", "matplotlib", "scipy"}


@pytest.mark.parametrize("layer", ["science", "cloud"])
def test_a_layer_carries_no_library_of_tables_or_plots(project: Path, layer: str) -> None:
    lines = (project / "layers" / layer / "requirements.txt").read_text().splitlines()
    named = {
        re.split(r"[^\w.-]", line, maxsplit=1)[0].lower()
        for line in lines
        if line and not line.startswith("#")
    }
    assert named
    assert not named & HEAVY


def test_nothing_that_a_layer_carries_imports_them(project: Path) -> None:
    imported = re.compile(rf"^\s*(?:import|from) ({'|'.join(sorted(HEAVY))})\b", re.MULTILINE)
    for folder in ("layers/science/python", "layers/cloud/python", "functions"):
        for path in (project / folder).rglob("*.py"):
            assert not imported.search(path.read_text("utf-8")), path
