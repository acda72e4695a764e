"""The order of folders and modules in each ring: imports go down only, and never in a circle.

Who reads a module needs to know only what is below it. A new folder or top-level module has to be
given its place here.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]

Graph = dict[str, set[str]]


@dataclass(frozen=True)
class House:
    """A ring and its floors, the lowest first; names on one floor do not import each other."""

    package: str
    folder: str
    floors: tuple[str, ...]

    @property
    def height(self) -> dict[str, int]:
        """The floor of each folder and top-level module."""
        return {name: n for n, floor in enumerate(self.floors) for name in floor.split()}

    def part(self, module: str) -> str:
        """The folder or top-level module that a module belongs to."""
        return module.removeprefix(self.package).lstrip(".").partition(".")[0] or "__init__"


CLIENT = House(
    "ionbox",
    "client/ionbox",
    (
        "platforms checkout terminal argument_checks export_formats json_objects where work_folder "
        "run_lock",
        "errors",
        "python_words extras account",
        "local",
        "simulation",
        "reading",
        "datasets",
        "operate",
        "results calibration",
        "exports",
        "run",
        "compare view inbox",
        "cli __init__",
    ),
)
CLOUD = House(
    "ionbox_cloud",
    "layers/cloud/python/ionbox_cloud",
    (
        "__init__ errors published aws_clients",
        "logs keys environment json_record storage",
        "messages store ladder call_records task_token init_time",
        "identity repair error_words",
        "handlers",
        "run_plan fargate_task",
        "planning",
        "forecast",
        "stored",
        "records",
        "report",
        "events",
    ),
)
SCIENCE = House(
    "ionbox_science",
    "layers/science/python/ionbox_science",
    (
        "__init__ errors setting_table csv_cells columns kernels kernel_signatures progress "
        "metaspace_metadata",
        "kernel_calls",
        "imzml",
        "theory",
        "sorting",
        "scoring",
        "setting_kinds",
        "config",
        "annotation",
    ),
)
each_house = pytest.mark.parametrize("house", [CLIENT, CLOUD, SCIENCE], ids=lambda h: h.package)


def read_graph(folder: Path, package: str) -> Graph:
    """Return which modules of a package each of them imports, wherever the import stands."""
    paths = {
        ".".join((package, *path.relative_to(folder).with_suffix("").parts)).removesuffix(
            ".__init__"
        ): path
        for path in folder.rglob("*.py")
    }
    return {name: _imported(path, set(paths)) - {name} for name, path in paths.items()}


def _imported(path: Path, known: set[str]) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            below = {f"{module}.{alias.name}" for alias in node.names}
            found |= below & known or {module}
    return found & known


def upward(house: House, graph: Graph) -> list[str]:
    """Return the imports that do not go down."""
    height = house.height
    return [
        f"{module} imports {other}"
        for module, others in graph.items()
        for other in others
        if house.part(module) != house.part(other)
        and height[house.part(module)] <= height[house.part(other)]
    ]


def graph_of(house: House) -> Graph:
    return read_graph(PROJECT / house.folder, house.package)


@each_house
def test_every_folder_and_module_has_its_floor(house: House) -> None:
    graph = graph_of(house)
    assert len(graph) > 20
    assert {house.part(module) for module in graph} == set(house.height)


@each_house
def test_imports_go_down(house: House) -> None:
    assert upward(house, graph_of(house)) == []


@each_house
def test_no_modules_import_each_other_in_a_circle(house: House) -> None:
    TopologicalSorter(graph_of(house)).prepare()  # raises with the circle


def test_imports_up_and_across_are_found(tmp_path: Path) -> None:
    (tmp_path / "low").mkdir()
    for name, source in {
        "__init__": "",
        "base": "import p.low.a\nfrom p import other",
        "other": "",
        "low/__init__": "",
        "low/a": "from p.low.b import x\nfrom p.low import b\nimport p.base",
        "low/b": "def f():\n    from p.other import y",
    }.items():
        (tmp_path / f"{name}.py").write_text(source)
    graph = read_graph(tmp_path, "p")
    assert graph["p.low.a"] == {"p.low.b", "p.base"}
    house = House("p", "", ("__init__ base other", "low"))
    assert sorted(upward(house, graph)) == ["p.base imports p.low.a", "p.base imports p.other"]


def test_only_the_command_line_parses_arguments() -> None:
    client = PROJECT / CLIENT.folder
    parsing = {
        path.relative_to(client).parts[0]
        for path in client.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if (isinstance(node, ast.Import) and "argparse" in {alias.name for alias in node.names})
        or (isinstance(node, ast.ImportFrom) and node.module == "argparse")
    }
    assert parsing == {"cli"}


@pytest.mark.parametrize(
    ("top", "most"),
    [
        *((top, 20) for top in ("client", "layers", "functions", "cdk", "benchmarks")),
        ("tests", 25),
    ],
)
def test_no_folder_has_more_files_than_can_be_looked_over(top: str, most: int) -> None:
    folders = [PROJECT / top, *(path for path in (PROJECT / top).rglob("*") if path.is_dir())]
    full = {
        str(folder.relative_to(PROJECT)): n_files
        for folder in folders
        if (n_files := len(list(folder.glob("*.py")))) > most
    }
    assert full == {}
