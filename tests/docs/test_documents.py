"""Links, paths, targets and versions that documents name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ionbox_science import __version__

PROJECT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path.relative_to(PROJECT).as_posix()
    for pattern in ("*.md", "docs/*.md", "*/README.md", "layers/*/kernels/README.md")
    for path in PROJECT.glob(pattern)
)
RINGS = ("layers/science/python", "layers/cloud/python")
ROOTS = (
    *(".", "client", "client/ionbox"),
    *RINGS,
    *(f"{ring}/ionbox_{ring.split('/')[1]}" for ring in RINGS),
)
"""Folders from which documents name modules."""

every_document = pytest.mark.parametrize("name", DOCUMENTS)


def read(name: str) -> str:
    return (PROJECT / name).read_text("utf-8")


def slugs(text: str) -> set[str]:
    """The anchors that GitHub gives headings."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_documents_are_found() -> None:
    assert {"README.md", "docs/results.md", "statemachine/README.md"} <= set(DOCUMENTS)


@every_document
def test_links_lead_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", read(name)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (PROJECT / name).parent / path if path else PROJECT / name
        assert target.exists(), link
        if anchor:
            assert anchor in slugs(target.read_text("utf-8")), link


@every_document
def test_files_they_name_exist(name: str) -> None:
    for path in re.findall(r"`((?:[\w.*-]+/)+[\w.*-]+\.(?:py|md|c|h|json|toml|sh))`", read(name)):
        if re.match(r"(executions|diagnostics|results)/", path):
            continue  # of a run, not of the project
        above = (PROJECT / folder for folder in Path(name).parents)
        folders = [*above, *(PROJECT / root for root in ROOTS)]
        assert any(any(folder.glob(path)) for folder in folders), path


@every_document
def test_targets_they_name_exist(name: str) -> None:
    text = read(name)
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    named = re.findall(r"`make ([a-z][^`]*)`", text) + [
        rest for block in blocks for rest in re.findall(r"^make ([a-z].*)$", block, re.MULTILINE)
    ]
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    for line in named:
        words = re.split(r"\s+(?:#|&&)|\s{2,}", line)[0].split()
        assert {word for word in words if "=" not in word} <= targets, line


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["version"] == __version__
    assert citation["license"] == "Apache-2.0"


@pytest.mark.parametrize("name", ["bug", "feature", "wrong-annotation"])
def test_issue_forms_have_what_github_asks_for(name: str) -> None:
    form = yaml.safe_load(read(f".github/ISSUE_TEMPLATE/{name}.yml"))
    assert {"name", "description", "body"} <= form.keys()
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    ids = [field["id"] for field in fields]
    assert len(set(ids)) == len(ids) > 0
    assert {field["type"] for field in fields} <= {"input", "textarea", "dropdown"}
    assert all(field["attributes"]["label"] for field in fields)


def test_ci_calls_what_people_call() -> None:
    workflow = yaml.safe_load(read(".github/workflows/ci.yml"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert {step["run"] for step in steps if "run" in step} == {".ci/run", "make docs"}
    (hooks,) = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    assert [hook["entry"] for hook in hooks["hooks"]] == ["make check"]
