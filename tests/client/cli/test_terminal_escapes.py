"""What a terminal would obey never reaches it, whoever put it into a name or an error."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from ionbox import terminal
from ionbox.cli import show
from ionbox.cli.main import build_parser, main
from ionbox.local.call_events import CallEnd, CallFinished, CallStarted
from ionbox.local.progress.run_progress import RunProgress
from ionbox_cloud import keys
from ionbox_cloud.errors import AccessDenied
from ionbox_cloud.records.run_record import SummaryRow
from ionbox_science.errors import InvalidDataset

from tests.client.operating import RESULTS, Cloud, Command, raising, refusal, traces_in_results

TITLE = "\x1b]0;owned\x07"
CLEAR = "\x1b[2J\x1b[1;31m"
C1 = "\x9b31m"  # an escape sequence in one character
TURNED = "\u202egnp.exe"
HOSTILE = f"evil{TITLE}{CLEAR}{C1}{TURNED}\x08\x7f"


def obeyed(text: str) -> set[str]:
    """The characters of a text that a terminal does not just show."""
    return {sign for sign in text if unicodedata.category(sign)[0] == "C" and sign not in "\n\t"}


@pytest.mark.parametrize("sign", [*map(chr, range(32)), "\x7f", "\x85", "\x9b", "\u202e", "\udc80"])
def test_what_is_no_sign_is_replaced(sign: str) -> None:
    assert terminal.printable(f"a{sign}b") == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize("text", ["[M+H]+ ≤ 5 %", "Müller 組織 µ", "a\u00a0b\u202fc", "🧠"])
def test_what_people_write_stays(text: str) -> None:
    assert terminal.printable(text) == text


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Iterator[list[str]]:
    """Both streams, once a test is through: they have the hostile word, without its sting."""
    texts: list[str] = []
    yield texts
    captured = capsys.readouterr()
    texts += [captured.out, captured.err]
    assert "evil" in captured.out + captured.err
    assert obeyed(captured.out) == set()
    assert obeyed(captured.err) == set()


@pytest.mark.usefixtures("printed")
class TestEveryWayToPrint:
    def test_a_line_of_the_result(self) -> None:
        terminal.say(HOSTILE)

    def test_a_warning(self) -> None:
        terminal.warn([HOSTILE])

    def test_a_complaint(self) -> None:
        terminal.complain(HOSTILE, advice=HOSTILE, title=HOSTILE)

    def test_a_note(self) -> None:
        terminal.note(HOSTILE)

    def test_facts(self) -> None:
        terminal.show_facts({HOSTILE: HOSTILE})

    def test_a_summary(self) -> None:
        terminal.show_summary([SummaryRow(HOSTILE, HOSTILE, {"0.05": 1, "all": 2})])

    def test_traces_in_a_log(self, tmp_path: Path) -> None:
        (tmp_path / "log").write_text(json.dumps({"exception": HOSTILE}), "utf-8")
        terminal.show_traces(tmp_path / "log")

    def test_a_traceback(self) -> None:
        error = ValueError(HOSTILE)
        terminal.show_exception(ValueError, error, error.__traceback__)

    def test_transfers(self) -> None:
        with show.transfers() as starting:
            starting(HOSTILE, "uploading", 5)(5)

    def test_the_progress_of_a_run(self) -> None:
        end = CallEnd("PlanRun", "plan_run", 0.0, 0.0, 1.0, HOSTILE, 1)
        with RunProgress() as progress:
            progress(CallStarted("PlanRun"))
            progress(CallFinished(end))


class Terminal(io.StringIO):
    """A stream that takes itself for a terminal."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_only_colours_and_bars_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen = Terminal()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, screen)
    terminal.warn([HOSTILE])
    terminal.complain(HOSTILE)
    with show.transfers() as starting:
        starting(HOSTILE, "uploading", 5)(5)
    with terminal.progress(HOSTILE) as tell:
        tell(1, 2)
    end = CallEnd("PlanRun", "plan_run", 0.0, 0.0, 1.0, HOSTILE, 1)
    with RunProgress() as progress:
        progress(CallStarted("PlanRun"))
        progress(CallFinished(end))
    text = screen.getvalue()
    assert text.count("evil") >= 5
    for piece in (TITLE, CLEAR, C1, TURNED, "\x07", "\x08", "\x9b"):
        assert piece not in text


# --- commands ---

ARGUMENTS = {
    "annotate": ["{0}.imzML", "--database", "{0}", "--out", "{0}"],
    "check": ["{0}"],
    "estimate": ["{0}.imzML", "--database", "{0}"],
    "simulate": ["new.imzML", "--database", "{0}"],
    "calibrate": ["--out", "out", "--scenarios", "{0}"],
    "lipids": ["{0}.tsv"],
    "view": ["./{0}"],
    "why": ["./{0}", "--formula", "{0}"],
    "share": ["./{0}"],
    "export": ["./{0}", "--to", "png", "--out", "{0}"],
    "compare": ["{0}", "{0}"],
    "deploy": ["--{0}"],
    "doctor": ["--name", "{0}"],
    "submit": ["{0}.imzML"],
    "list": ["--name", "{0}"],
    "status": ["{0}"],
    "logs": ["{0}"],
    "cancel": ["{0}"],
    "redrive": ["{0}"],
    "fetch": ["{0}", "--out", "{0}"],
    "destroy": ["--name", "{0}", "--{0}"],
}


def test_the_walk_passes_every_command() -> None:
    listed = build_parser().format_help().partition("COMMAND\n")[2].partition("options:")[0]
    assert set(re.findall(r"^    (\S+)", listed, re.M)) == set(ARGUMENTS)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("command", ARGUMENTS)
def test_no_command_prints_a_hostile_argument_as_it_is(command: str, operate: Command) -> None:
    Path(f"{HOSTILE}.tsv".replace("/", "")).write_text("not empty", "utf-8")
    ended = operate(command, *(argument.format(HOSTILE) for argument in ARGUMENTS[command]))
    assert ended.code != 0
    assert obeyed(ended.out + ended.err) == set()


def test_a_hostile_name_of_a_file_is_no_text_of_ours(
    own_environment: None, operate: Command
) -> None:
    for name in (os.fsdecode(b"\xff\xfe\x1b[2J.imzML"), f"{HOSTILE}.imzML"):
        Path(name).write_text("<mzML/>", "utf-8")
        for ended in (operate("check", name), operate("annotate", name, "--out", "out")):
            assert ended.code == 1
            assert obeyed(ended.out + ended.err) == set()


@pytest.mark.parametrize("command", ["list", "status abc-1", "logs abc-1", "fetch abc-1 --out out"])
def test_no_command_prints_what_somebody_left_in_the_account(
    installed: Cloud, operate: Command, command: str
) -> None:
    installed.start("abc-1", HOSTILE)
    for key, value in traces_in_results("abc-1", HOSTILE):
        installed.put(RESULTS, key, value)
    status = {"execution_id": "abc-1", "status": "failed", "reused": False, "dataset": HOSTILE}
    said = {"message": HOSTILE, "advice": HOSTILE, "error": HOSTILE}
    installed.put(RESULTS, keys.status("abc-1"), status | said)
    ended = operate(*command.split())
    assert "evil" in ended.out + ended.err or command.startswith(("logs", "fetch"))
    assert obeyed(ended.out + ended.err) == set()


def test_what_aws_says_is_shown_only(installed: Cloud, operate: Command) -> None:
    error = refusal("AccessDenied", HOSTILE)
    installed.fake("cloudformation", describe_stacks=raising(error))
    ended = operate("list")
    assert "evil" in ended.err
    assert obeyed(ended.out + ended.err) == set()


@pytest.mark.usefixtures("own_environment")
def test_a_traceback_is_shown_only(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidDataset) as raised:
        main(["--debug", "check", HOSTILE])
    sys.excepthook(raised.type, raised.value, raised.tb)  # as Python does then
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "evil" in shown
    assert obeyed(shown) == set()


def test_an_error_of_storage_is_shown_only(
    operate: Command, own_environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "ionbox.datasets.check.check", lambda *_, **__: raising(AccessDenied(HOSTILE))()
    )
    ended = operate("check", "any.imzML")
    assert "evil" in ended.err
    assert obeyed(ended.err) == set()
