"""What holds for all tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PRODUCT = [
    path
    for folder in ("layers", "client", "functions", "cdk")
    for path in sorted((TESTS.parent / folder).rglob("*.py"))
]
SOURCES = {
    path.relative_to(TESTS).as_posix(): path.read_text("utf-8")
    for path in sorted(TESTS.rglob("*.py"))
}
RUNNING = {f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output")}
WAITING = {"acquire", "communicate", "get", "join", "result", "wait"}
PRIVATE = re.compile(r"(?<!\w)_[A-Za-z]\w*")
DOTTED = re.compile(r"ionbox\w*[.][\w.]+$")
ENDS = "made.join"  # of LocalTasks, which has killed what it waits for


def endless_waits(source: str) -> Iterator[str]:
    """Yield calls that wait for ever if what they wait for does not come."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name, keywords = ast.unparse(node.func), {each.arg for each in node.keywords}
            waits = node.func.attr in WAITING and not (node.args or keywords) and name != ENDS
            asks = node.func.attr == "urlopen" and "timeout" not in keywords
            if name in RUNNING or waits or asks:
                yield f"line {node.lineno}: {name}"
        if isinstance(node, ast.With):
            for item in node.items:
                if ast.unparse(item.context_expr).startswith("subprocess.Popen("):
                    yield f"line {node.lineno}: with subprocess.Popen"


def test_endless_waits_are_seen() -> None:
    source = """
subprocess.run(["true"])
with subprocess.Popen(["true"]) as process:
    process.wait()
    process.wait(1)
    process.communicate(timeout=1)
    process.communicate()
thread.join()
urllib.request.urlopen(url)
", ".join(names)
"""
    assert set(endless_waits(source)) == {
        *("line 2: subprocess.run", "line 3: with subprocess.Popen", "line 4: process.wait"),
        *("line 7: process.communicate", "line 8: thread.join"),
        "line 9: urllib.request.urlopen",
    }


def test_no_test_waits_for_ever() -> None:
    found = {name: list(endless_waits(source)) for name, source in SOURCES.items()}
    del found["patience.py"]
    assert {name: waits for name, waits in found.items() if waits} == {}


def private_names(source: str) -> Iterator[str]:
    """Yield the private names that a file gives to anything."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield from filter(PRIVATE.fullmatch, [name])
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield from filter(PRIVATE.fullmatch, [name])


def taken_names(source: str) -> Iterator[str]:
    """Yield the private names that a file takes from elsewhere: by import, dot, or as text."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ImportFrom(names=aliases):
                yield from filter(PRIVATE.fullmatch, [alias.name for alias in aliases])
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                pass
            case ast.Attribute(attr=name) if PRIVATE.fullmatch(name):
                yield name
            case ast.Call(func=ast.Attribute(attr="setattr" | "setitem"), args=[_, name, *_]):
                yield from PRIVATE.findall(ast.unparse(name))
            case ast.Constant(value=str(text)) if DOTTED.match(text) or " import " in text:
                yield from PRIVATE.findall(text)


def test_private_names_are_seen() -> None:
    source = """
from ionbox.cli.main import _parser
monkeypatch.setattr("ionbox.local.tasks._STOP_S", 1)
monkeypatch.setattr(store, "_url", 1)
code = "from a import _b; _b()"
pool._idle[0]
self._mine = super().__init__()
text = "an _example"
"""
    assert set(taken_names(source)) == {"_parser", "_STOP_S", "_url", "_b", "_idle"}
    assert set(private_names("class _A:\n _b = 1\n def __init__(self):\n  self._c = d._e")) == {
        *("_A", "_b", "_c")
    }


def test_no_test_takes_a_private_name_of_the_product() -> None:
    """What tests import or patch is public, or an argument: the rest may change without them."""
    ours = {name for path in PRODUCT for name in private_names(path.read_text("utf-8"))}
    assert len(ours) > 300
    taken = {
        name: (set(taken_names(source)) & ours) - set(private_names(source))
        for name, source in SOURCES.items()
    }
    del taken["test_tests.py"]
    assert {name: names for name, names in taken.items() if names} == {}


def test_one_place_says_how_long_an_example_may_take_and_one_starts_moto() -> None:
    """Both are in ``conftest.py``."""
    limits = re.compile(r"settings\([^)]*deadline|ThreadedMotoServer\(")
    assert [name for name, source in SOURCES.items() if limits.search(source)] == ["conftest.py"]


def test_a_test_that_is_stuck_ends(pytestconfig: pytest.Config) -> None:
    assert 0 < float(pytestconfig.getini("timeout")) < 3600
    assert pytestconfig.getini("timeout_method") == "thread"
