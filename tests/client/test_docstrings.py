"""Every example in the docstrings of the Python client runs as it stands there."""

from __future__ import annotations

import doctest
import importlib
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.client.operating import Cloud
from tests.client.small_run import DATABASES
from tests.cloud_builders import simulate

MODULES = (
    "ionbox",
    "ionbox.compare.comparison",
    "ionbox.compare.settings",
    "ionbox.exports",
    "ionbox.exports.anndata_tables",
    "ionbox.exports.png_folder",
    "ionbox.exports.spatialdata_tables",
    "ionbox.results.ion_names",
    "ionbox.python_words",
    "ionbox.run",
    "ionbox.results.colocalization",
    "ionbox.results.measurement",
    "ionbox.results.description",
    "ionbox.results.images",
    "ionbox.results.tables",
    "ionbox.results.scaling",
    "ionbox_science.annotation.label_series",
    "ionbox_science.csv_cells",
    "ionbox_science.metaspace_metadata",
    "ionbox_science.setting_table",
    "ionbox_science.theory.formulas",
)


def run_examples(module: str) -> int:
    """Run them; return how many there are."""
    result = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert not result.failed
    return result.attempted


@pytest.mark.filterwarnings("ignore")  # of what spatialdata imports
@pytest.mark.parametrize("module", MODULES)
def test_examples_on_results_run(
    module: str, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if module.endswith("spatialdata_tables") and find_spec("spatialdata") is None:
        pytest.skip("spatialdata is not installed: 'make TEST_ALL=1 test' installs it")
    (tmp_path / "results").symlink_to(results)
    monkeypatch.chdir(tmp_path)
    assert run_examples(module) > 0


def test_examples_of_the_inbox_run(installed: Cloud, tmp_path: Path) -> None:
    simulate(tmp_path / "tissue.imzML", DATABASES["acids"])
    (tmp_path / "acids.tsv").write_text("id\tname\tformula\n1\tlauric acid\tC12H24O2\n")
    installed.start("run-1", "brain")
    installed.leave_traces("run-1", "brain")
    assert run_examples("ionbox.inbox.inbox") > 0


def test_every_public_method_of_a_run_has_an_example_or_says_where() -> None:
    from ionbox.run import Run

    for name in dir(Run):
        member = getattr(Run, name)
        if name.startswith("_") or not callable(member):
            continue
        text = member.__doc__ or ""
        assert ">>>" in text or "see `ionbox.exports`" in text, name


def test_no_module_with_examples_is_forgotten(project: Path) -> None:
    folders = (project / "client", project / "layers" / "science" / "python")
    with_examples = {
        ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
        for folder in folders
        for path in folder.rglob("*.py")
        if ">>> " in path.read_text("utf-8")
    }
    assert with_examples == {*MODULES, "ionbox.inbox.inbox"}
