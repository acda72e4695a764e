"""What holds for all tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SOURCES = {
    path.relative_to(TESTS).as_posix(): path.read_text("utf-8")
    for path in sorted(TESTS.rglob("*.py"))
}
RUNNING = {f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output")}
WAITING = {"acquire", "communicate", "get", "join", "result", "wait"}
ENDS = "made.join"  # of LocalTasks, which has killed what it waits for


def endless_waits(source: str) -> Iterator[str]:
    """Yield calls that wait for ever if what they wait for does not come."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name, given = ast.unparse(node.func), bool(node.args or node.keywords)
            if name in RUNNING or (node.func.attr in WAITING and not given and name != ENDS):
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
", ".join(names)
"""
    assert set(endless_waits(source)) == {
        *("line 2: subprocess.run", "line 3: with subprocess.Popen", "line 4: process.wait"),
        *("line 7: process.communicate", "line 8: thread.join"),
    }


def test_no_test_waits_for_ever() -> None:
    found = {name: list(endless_waits(source)) for name, source in SOURCES.items()}
    del found["patience.py"]
    assert {name: waits for name, waits in found.items() if waits} == {}


def test_a_test_that_is_stuck_ends(pytestconfig: pytest.Config) -> None:
    assert 0 < float(pytestconfig.getini("timeout")) < 3600
    assert pytestconfig.getini("timeout_method") == "thread"
