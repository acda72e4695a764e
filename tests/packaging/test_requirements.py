"""What pyproject.toml requires is what the product imports, and what requirements.txt pins."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packaging.installed import required

PRODUCT = ("client", "functions", "layers/science/python", "layers/cloud/python")
OURS = {"ionbox", "ionbox_cloud", "ionbox_science"}
EXTRAS = {"export", "spatialdata", "cpymspec"}


@pytest.fixture(scope="module")
def declared(project: Path) -> dict[str, Any]:
    declared: dict[str, Any] = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
    return declared


def names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def read_pins(path: Path) -> Iterator[Requirement]:
    """Yield the pins of a file that hold for this Python and machine."""
    for line in path.read_text("utf-8").splitlines():
        text = line.partition(" #")[0].strip()
        if text and not text.startswith(("#", "-")):
            pin = Requirement(text)
            if pin.marker is None or pin.marker.evaluate():
                yield pin


def imported_distributions(project: Path) -> set[str]:
    """The distributions that the product imports, at the top of a file or below it."""
    modules: set[str] = set()
    for folder in PRODUCT:
        for path in (project / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    modules |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    modules.add((node.module or "").partition(".")[0])
    libraries = modules - sys.stdlib_module_names - OURS
    found = packages_distributions()
    return {canonicalize_name(found.get(library, [library])[0]) for library in libraries}


def test_what_is_imported_is_required_and_nothing_else(
    project: Path, declared: dict[str, Any]
) -> None:
    extras = declared["project"]["optional-dependencies"]
    optional = {name for requirements in extras.values() for name in names(requirements)}
    required_always = names(declared["project"]["dependencies"])
    assert imported_distributions(project) - optional == required_always


def test_the_extras_are_those_of_the_documents(project: Path, declared: dict[str, Any]) -> None:
    text = (project / "docs/install.md").read_text("utf-8")
    assert set(declared["project"]["optional-dependencies"]) == EXTRAS
    assert set(re.findall(r"`ionbox\[(\w+)\]`", text)) == EXTRAS


def test_the_pins_lie_within_the_ranges(project: Path, declared: dict[str, Any]) -> None:
    files = (
        "requirements.txt",
        "tests/export-requirements.txt",
        "tests/spatialdata-requirements.txt",
    )
    pins = {canonicalize_name(pin.name): pin for file in files for pin in read_pins(project / file)}
    ranges = [*declared["project"]["dependencies"], *declared["build-system"]["requires"]]
    for requirements in declared["project"]["optional-dependencies"].values():
        ranges += requirements
    for wanted in map(Requirement, ranges):
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        (version,) = (spec.version for spec in pins[canonicalize_name(wanted.name)].specifier)
        assert version in wanted.specifier, wanted


def test_everything_that_comes_along_is_pinned(project: Path, declared: dict[str, Any]) -> None:
    pinned = {canonicalize_name(pin.name) for pin in read_pins(project / "requirements.txt")}
    needed = [*declared["project"]["dependencies"], *declared["build-system"]["requires"]]
    assert set(required(needed)) <= pinned
