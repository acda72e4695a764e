"""Sphinx's configuration: ``make docs`` makes a site of the documents, wherever they lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ionbox_science import __version__

PROJECT = Path(__file__).parents[1]

PAGES = {
    "Use it": [
        *("docs/install", "docs/results", "docs/python", "docs/api"),
        *("docs/operations", "docs/parity", "docs/calibration", "docs/performance"),
        "docs/reliability",
    ],
    "Understand it": [
        *("statemachine/README", "docs/architecture", "docs/reliability", "docs/rehearsal"),
        *("docs/glossary", "docs/decisions"),
    ],
    "Change it": [
        *("CONTRIBUTING", "tests/README", "benchmarks/README", "layers/science/kernels/README"),
        *("CHANGELOG", "SECURITY"),
    ],
}
"""The table of contents; README comes first."""

_COLON = "\ue000"

project = "ionbox"
project_copyright = "the ionbox developers, Apache-2.0"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

# Sources are the documents in the checkout, so that their links are the same here and there.
root_doc = "README"
include_patterns = ["*.md", "docs/*.md", "docs/*.rst", "*/README.md", "layers/*/*/README.md"]
exclude_patterns = [".*", "build", "cdk.out", "example", "node_modules"]
suppress_warnings: list[str] = []
myst_heading_anchors = 4

default_role = "py:obj"  # docstrings name functions and classes in single backticks
autodoc_typehints = "none"  # types are in the docstrings, with shapes and units
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"ionbox {version}"
html_static_path = ["site"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "default"


def add_contents(_app: Any, page: str, source: list[str]) -> None:
    """Put the table of contents at the end of README, where only the site shows it."""
    if page != root_doc:
        return
    for caption, pages in PAGES.items():
        there = [each for each in pages if list(PROJECT.glob(f"{each}.[mr][ds]*"))]
        lines = ["", "```{toctree}", ":hidden:", f":caption: {caption}", "", *there, "```", ""]
        source[0] += "\n".join(lines)


def hide_colons(
    _app: Any, kind: str, _name: str, _value: Any, _options: Any, lines: list[str]
) -> None:
    """Keep napoleon from taking what stands before a colon for the type of a property."""
    if kind == "property":
        lines[:] = [line.replace(":", _COLON) for line in lines]


def show_colons(
    _app: Any, kind: str, _name: str, _value: Any, _options: Any, lines: list[str]
) -> None:
    """Put the colons back."""
    if kind == "property":
        lines[:] = [line.replace(_COLON, ":") for line in lines]


def write_index(app: Any, error: Exception | None) -> None:
    """Lead from ``index.html`` to README, which is the first page."""
    if error is None and app.builder.format == "html":
        page = '<!doctype html><meta http-equiv="refresh" content="0; url=README.html">\n'
        (Path(app.outdir) / "index.html").write_text(page, "utf-8")


def setup(app: Any) -> None:
    """Connect the functions above; napoleon's priority is 500."""
    app.connect("source-read", add_contents)
    app.connect("autodoc-process-docstring", hide_colons, priority=400)
    app.connect("autodoc-process-docstring", show_colons, priority=600)
    app.connect("build-finished", write_index)
