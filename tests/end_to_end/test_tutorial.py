"""The tutorial notebook runs from its first to its last cell.

Its cells are plain Python, so they run as a script in a process of their own: no Jupyter is needed.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests import patience


@pytest.fixture(scope="module")
def notebook(project: Path) -> dict[str, Any]:
    return dict(json.loads((project / "docs" / "tutorial.ipynb").read_text("utf-8")))


def code_cells(notebook: dict[str, Any]) -> list[str]:
    return ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]


def test_its_cells_run(notebook: dict[str, Any], tmp_path: Path) -> None:
    script = tmp_path / "tutorial.py"
    cells = "\n\n".join(code_cells(notebook))
    guarded = "\n".join(f"    {line}" for line in cells.splitlines())
    last = "    print(outcome.status.status)"
    script.write_text(f"if __name__ == '__main__':\n{guarded}\n{last}\n")
    environment = {**os.environ, "MPLBACKEND": "Agg", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    ended = patience.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", script.name],
        cwd=tmp_path,
        env=environment,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "succeeded"
    made = tmp_path / "tutorial"
    for name in ("isotopes.png", "colocalized.png", "msm.png"):
        with Image.open(made / name) as image:
            assert image.size[0] > 100
    assert (made / "section.h5ad").is_file()


def test_it_is_kept_without_outputs(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    assert notebook["nbformat"] == 4
