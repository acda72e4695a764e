"""Write the outline of the state machine into its README: ``make outline``.

Every line of the tree comes from ``annotate.asl.json``: names from its states, sentences from their
comments. States that every call of a function brings along (its ladder of memory sizes, and what an
item of a Map needs) are left out of the tree and explained once below it. What each handler calls
of the science is read from its file.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
README = FOLDER / "README.md"
DEFINITION = FOLDER / "annotate.asl.json"
FUNCTIONS = FOLDER / "functions.json"
PROJECT = FOLDER.parent

COMPUTING = {
    "ionbox_science": "layers/science/python",
    "ionbox_cloud.report": "layers/cloud/python",
}
"""Packages in which handlers end: the science, and the page. Where each is."""

BESIDE_THE_SCIENCE = "ionbox_science.progress"
"""What tells how far it is, and computes nothing."""

State = Mapping[str, Any]

BESIDE_A_CALL = {
    "AimX",
    "XItem",
    "ChooseXUnknown",
    "RepeatX",
    "ClimbX",
    "ChooseXRung",
    "ChooseXEnd",
    "XTimedOut",
    "EndX",
    "RecordXFailure",
    "XItemDone",
}
"""What the states around a call of function X are named."""

_ON_LADDER = re.compile(r"States\.StringSplit\('\$\{(\w+)\}', ','\)")
_PLACE = re.compile(r"(<!-- made by `make outline` -->\n).*?(<!-- end -->)", re.DOTALL)


def write_readme(readme: str, machine: State) -> str:
    """Return the README with the outline of a state machine in it."""
    parts = [draw_tree(machine), list_science(machine), explain_ladder(machine)]
    if len(_PLACE.findall(readme)) != len(parts):
        raise ValueError(f"{README.name} has lost a place that `make outline` fills")
    return _PLACE.sub(lambda place: f"{place[1]}{parts.pop(0)}{place[2]}", readme)


def draw_tree(machine: State) -> str:
    """Draw the states as a tree: one line each, in the order of the file."""
    lines = list(_draw(machine, _functions_on_ladder(machine), ""))
    width = max(len(name) for name, _ in lines) + 2
    drawn = [f"{name:{width}}{comment}" for name, comment in lines]
    return "\n".join(["```", *drawn, "```", ""])


def explain_ladder(machine: State) -> str:
    """Tabulate the states around a call of a function X: the same for all functions."""
    functions = _functions_on_ladder(machine)
    comments: dict[str, str] = {}
    for name, state in _walk(machine):
        general = _generalise(name, functions)
        if general not in BESIDE_A_CALL:
            continue
        if comments.setdefault(general, state["Comment"]) != state["Comment"]:
            raise ValueError(f"{name} has another comment than the other states {general}")
    rows = [f"| `{name}` | {comment} |" for name, comment in comments.items()]
    return "\n".join(["| state | |", "|---|---|", *rows, ""])


def list_science(machine: State) -> str:
    """Tabulate which functions of the science each handler calls, in the order of the states."""
    table = json.loads(FUNCTIONS.read_text("utf-8"))
    files = {name: entry["handler"] for name, entry in table["functions"].items()}
    files |= {name: entry["entry"] for name, entry in table["tasks"].items()}
    rows = []
    for name in dict.fromkeys(state for state, _ in _walk(machine) if state in files):
        handler = f"functions/{files[name]}"
        called = imported_functions((PROJECT / handler).read_text("utf-8"))
        links = ", ".join(f"[`{function}`](../{path})" for function, path in called)
        if links:
            rows.append(f"| [`{name}`](../{handler}) | {links} |")
    return "\n".join(["| handler | calls |", "|---|---|", *rows, ""])


def imported_functions(source: str) -> list[tuple[str, str]]:
    """Return the functions of `COMPUTING` that a file imports, and the path of each."""
    return [
        (alias.name, f"{COMPUTING[package]}/{node.module.replace('.', '/')}.py")
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module and node.module != BESIDE_THE_SCIENCE
        for package in COMPUTING
        if f"{node.module}.".startswith(f"{package}.")
        for alias in node.names
        if alias.name.islower()  # no class, no constant
    ]


def _draw(scope: State, functions: set[str], indent: str) -> Iterator[tuple[str, str]]:
    for name, state in scope["States"].items():
        if _generalise(name, functions) in BESIDE_A_CALL:
            continue
        yield f"{indent}{name}{' × n' if state['Type'] == 'Map' else ''}", state["Comment"]
        branches = state.get("Branches", [])
        for branch in branches:
            last = branch is branches[-1]
            lines = list(_draw(branch, functions, ""))
            for number, (line, comment) in enumerate(lines):
                mark = ("└─ " if last else "├─ ") if number == 0 else ("   " if last else "│  ")
                yield f"{indent}{mark}{line}", comment


def _functions_on_ladder(machine: State) -> set[str]:
    """Return the functions of several sizes: a list of them stands beside their calls."""
    return set(_ON_LADDER.findall(json.dumps(machine)))


def _generalise(name: str, functions: set[str]) -> str:
    """Write X for the function that a state is named after."""
    named = [function for function in functions if function in name]
    return name.replace(max(named, key=len), "X") if named else name


def _walk(scope: State) -> Iterator[tuple[str, State]]:
    for name, state in scope["States"].items():
        yield name, state
        for inner in [*state.get("Branches", []), *filter(None, [state.get("ItemProcessor")])]:
            yield from _walk(inner)


def main() -> None:
    """Write the README anew."""
    machine = json.loads(DEFINITION.read_text("utf-8"))
    README.write_text(write_readme(README.read_text("utf-8"), machine), "utf-8")


if __name__ == "__main__":
    main()
