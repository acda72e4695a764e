import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from ionbox.cli.invoke import main

from tests import patience
from tests.local.toys import Toy


class Invoke(Protocol):
    """The fixture ``invoke``: returns the exit code and what was printed, and as errors."""

    def __call__(
        self, *options: str, function: str = ..., event: dict[str, Any] | None = ...
    ) -> tuple[int, str, str]: ...


@pytest.fixture
def invoke(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Invoke]:
    toy.functions(EchoEvent={})
    monkeypatch.chdir(tmp_path)
    for name in ("IONBOX_INBOX", "IONBOX_WORK", "IONBOX_RESULTS"):
        monkeypatch.delenv(name, raising=False)
    kept = dict(os.environ)

    def run(
        *options: str, function: str = "echo_event", event: dict[str, Any] | None = None
    ) -> tuple[int, str, str]:
        (tmp_path / "event.json").write_text(json.dumps(event or {}))
        code = main([function, "event.json", *options], toy.project)
        return code, *capsys.readouterr()

    yield run
    os.environ.clear()
    os.environ.update(kept)


@pytest.mark.parametrize("function", ["echo_event", "EchoEvent"])
def test_a_function_runs_by_its_own_or_its_states_name(invoke: Invoke, function: str) -> None:
    code, out, _ = invoke(function=function, event={"value": "µ"})
    assert code == 0
    assert json.loads(out)["value"] == "µ"
    assert "µ" in out


@pytest.mark.parametrize("function", ["echo_event", "EchoEvent"])
def test_a_function_with_several_rungs_runs_at_its_lowest(
    invoke: Invoke, toy: Toy, function: str
) -> None:
    toy.functions(EchoEvent={"rungs_mb": [300, 200]})
    _, out, _ = invoke(function=function, event={"context": ["memory_limit_in_mb"]})
    assert json.loads(out)["context"] == {"memory_limit_in_mb": "200"}


def test_what_the_handler_prints_does_not_mix_with_the_answer(invoke: Invoke) -> None:
    _, out, err = invoke(event={"print": "hello"})
    assert json.loads(out)
    assert err == "hello\n"


def test_stores_not_named_are_folders_here(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IONBOX_INBOX", "file:///data")
    names = ["IONBOX_INBOX", "IONBOX_WORK"]
    _, out, _ = invoke(event={"environment": names})
    work = tmp_path / ".ionbox-invoke" / "work"
    assert json.loads(out)["environment"] == dict(
        zip(names, ["file:///data", work.as_uri()], strict=True)
    )
    assert work.is_dir()


def test_an_error_is_one_line(invoke: Invoke) -> None:
    code, out, err = invoke(event={"end": "raise"})
    assert (code, out) == (1, "")
    assert err == "InvalidDataset: no spectra (--debug shows where)\n"


def test_debug_shows_where_the_error_came_from(invoke: Invoke) -> None:
    _, _, err = invoke("--debug", event={"end": "raise"})
    assert "in lambda_handler" in err
    assert err.endswith("\nInvalidDataset: no spectra\n")


def test_an_unknown_function_is_refused_with_the_known_ones(invoke: Invoke) -> None:
    code, _, err = invoke(function="plan")
    assert (code, err) == (1, "No function is called 'plan'. The table has: echo_event.\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "Cannot read the event file event.json: No such file or directory.\n"),
        ("{", "The event file event.json is no JSON: Expecting property name"),
    ],
)
def test_an_unreadable_event_is_named(
    invoke: Invoke,
    toy: Toy,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str | None,
    message: str,
) -> None:
    if content is not None:
        (tmp_path / "event.json").write_text(content)
    assert main(["echo_event", "event.json"], toy.project) == 1
    assert capsys.readouterr().err.startswith(message)


def test_it_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "ionbox.cli.invoke", "--help"]
    help_text = patience.run(command).stdout
    assert "Run one function's handler on one event" in help_text
