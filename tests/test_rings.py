"""Imports point inward only: science, around it cloud, around that handlers; the client sees both.

An AWS engineer can then change the outer rings without knowing mass spectrometry, and a mass
spectrometrist the inner one without knowing AWS.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
OURS = {"ionbox_science", "ionbox_cloud", "ionbox", "functions", "cdk", "tests", "benchmarks"}


@dataclass(frozen=True)
class Ring:
    """A part of the project, and which other parts it may import."""

    name: str
    folder: str
    may_import: frozenset[str]

    @property
    def files(self) -> list[Path]:
        return sorted((PROJECT / self.folder).rglob("*.py"))


SCIENCE = Ring("science", "layers/science/python/ionbox_science", frozenset({"ionbox_science"}))
CLOUD = Ring(
    "cloud",
    "layers/cloud/python/ionbox_cloud",
    frozenset({"ionbox_science", "ionbox_cloud"}),
)
HANDLERS = Ring("handlers", "functions", frozenset({"ionbox_science", "ionbox_cloud"}))
CLIENT = Ring("client", "client", frozenset({"ionbox_science", "ionbox_cloud", "ionbox"}))
CDK = Ring("cdk", "cdk", frozenset({"cdk"}))
RINGS = [SCIENCE, CLOUD, HANDLERS, CLIENT, CDK]

# What science may take from elsewhere: numbers and the file format, but nothing of the world.
SCIENCE_LIBRARIES = {"numpy", "pyimzml", "cpyMSpec", "typing_extensions"}
OUTSIDE_WORLD = {"os", "logging", "socket", "subprocess", "urllib", "http", "tempfile", "shutil"}


def imported_modules(source: str) -> Iterator[str]:
    """Yield every module a file imports, wherever the import stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def imports(ring: Ring) -> dict[Path, set[str]]:
    """The top-level packages that each file of a ring imports."""
    return {
        path.relative_to(PROJECT): {
            name.partition(".")[0] for name in imported_modules(path.read_text("utf-8"))
        }
        for path in ring.files
    }


def test_imports_are_found_wherever_they_stand() -> None:
    source = """
import a.b, c as d
from e.f import g
if TYPE_CHECKING:
    import h
def function():
    from i import j
from . import k
"""
    assert set(imported_modules(source)) == {"a.b", "c", "e.f", "h", "i", "."}


@pytest.mark.parametrize("ring", RINGS, ids=lambda ring: ring.name)
def test_a_ring_has_the_files_it_is_checked_for(ring: Ring) -> None:
    assert len(ring.files) > 5


@pytest.mark.parametrize("ring", RINGS, ids=lambda ring: ring.name)
def test_imports_point_inward_only(ring: Ring) -> None:
    for path, names in imports(ring).items():
        assert names & OURS <= ring.may_import, path


@pytest.mark.parametrize("ring", RINGS, ids=lambda ring: ring.name)
def test_imports_are_absolute_so_that_they_can_be_checked(ring: Ring) -> None:
    for path, names in imports(ring).items():
        assert "" not in names, path


def test_science_knows_neither_aws_nor_environment_nor_logging() -> None:
    allowed = (sys.stdlib_module_names - OUTSIDE_WORLD) | SCIENCE_LIBRARIES | SCIENCE.may_import
    for path, names in imports(SCIENCE).items():
        assert names <= allowed, path


def test_one_module_looks_at_the_environment() -> None:
    outside = imports(CLOUD) | imports(HANDLERS)
    reading = {path.name for path, names in outside.items() if "os" in names}
    # of the others, one ends its process, and one reads and writes files
    assert reading == {"environment.py", "task_token.py", "folder_files.py"}


def test_only_the_store_touches_storage() -> None:
    everywhere = imports(CLOUD) | imports(HANDLERS) | imports(CLIENT)
    touching = {path.name for path, names in everywhere.items() if "obstore" in names}
    # the last reads what the first opens, for zarr
    assert touching == {"byte_store.py", "storage_errors.py", "zarr_folder.py"}


def test_handlers_do_not_know_object_storage_or_the_control_plane() -> None:
    for path, names in imports(HANDLERS).items():
        assert not names & {"boto3", "botocore", "obstore", "zarr", "json"}, path


def test_sections_of_docstrings_are_not_run_into_a_line() -> None:
    section = re.compile(r"(Notes|Raises|Returns|Parameters|Attributes|Examples) -{3,}")
    for ring in RINGS:
        for path in ring.files:
            assert not section.search(path.read_text("utf-8")), path
