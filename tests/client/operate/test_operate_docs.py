"""What the documents say about the commands is true."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from ionbox.cli.main import build_parser
from ionbox_cloud.planning.prices import read_prices

DOCUMENTS = (
    *("README.md", "SECURITY.md"),
    *(
        "docs/operations.md",
        "docs/install.md",
        "docs/results.md",
        "docs/architecture.md",
        "docs/glossary.md",
    ),
    *(".github/ISSUE_TEMPLATE/bug.yml", ".github/ISSUE_TEMPLATE/wrong-annotation.yml"),
)


def subparsers() -> dict[str, argparse.ArgumentParser]:
    """Each command's own parser."""
    (action,) = (a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(action.choices)


def quoted_commands(text: str) -> Iterator[list[str]]:
    """Every ``ionbox …`` in code, as words; lines of a block may go on with a backslash."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += [inline.replace("\n", " ") for inline in re.findall(r"`([^`]+)`", prose)]
    for line in lines:
        words = shlex.split(line, comments=True)
        if len(words) > 1 and words[0] in ("ionbox", ".venv/bin/ionbox"):
            yield words[1:]


def problems(text: str) -> list[str]:
    """What is said of commands and is not so."""
    known = subparsers()
    found = []
    for command, *rest in quoted_commands(text):
        if command.startswith("-"):
            continue
        if command not in known:
            found.append(f"there is no command '{command}'")
            continue
        flags = {flag for action in known[command]._actions for flag in action.option_strings}
        given = [word.partition("=")[0] for word in rest if word.startswith("-")]
        found += [f"'{command}' has no flag {flag}" for flag in given if flag not in flags]
    everything = {
        flag
        for parser in known.values()
        for action in parser._actions
        for flag in action.option_strings
    }
    for flag in re.findall(r"`(--[a-z-]+)[ `]", text):
        if flag not in everything:
            found.append(f"no command has a flag {flag}")
    return found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_and_flag_exists(project: Path, name: str) -> None:
    assert problems((project / name).read_text("utf-8")) == []


def test_the_operations_manual_shows_every_operator_command(project: Path) -> None:
    text = (project / "docs/operations.md").read_text("utf-8")
    shown = {command for command, *_ in quoted_commands(text)}
    assert shown >= {
        *("deploy", "doctor", "submit", "list", "status", "logs"),
        *("cancel", "redrive", "fetch", "destroy"),
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("`ionbox fly`", "there is no command 'fly'"),
        ("`ionbox list --lst 3`", "'list' has no flag --lst"),
        ("```\n.venv/bin/ionbox list \\\n    --lst=3\n```\n", "'list' has no flag --lst"),
        ("give `--everything` or", "no command has a flag --everything"),
    ],
)
def test_a_wrong_document_is_found_out(text: str, problem: str) -> None:
    assert problems(text) == [problem]


def test_a_right_document_is_not() -> None:
    assert problems("`ionbox list --last 3`\n```\nionbox fetch x --out y # z --w\n```\n") == []


class TestHandlersAlone:
    def test_each_function_has_its_two_lines(self, project: Path) -> None:
        text = (project / "docs/operations.md").read_text("utf-8")
        table = json.loads((project / "statemachine/functions.json").read_text("utf-8"))
        for state, entry in table["functions"].items():
            folder = Path(entry["handler"]).parent.name
            event = f"tests/events/{folder}.json"
            rungs = entry["rungs_mb"]
            logical_id = state if len(rungs) == 1 else f"{state}{rungs[0]}"
            template = "-t cdk.out/ionbox.template.json"
            assert f"make invoke F={folder} E={event}\n" in text
            assert f"sam local invoke {logical_id} {template} -e {event}\n" in text


class TestCosts:
    """The examples' arithmetic, done again."""

    @pytest.fixture
    def text(self, project: Path) -> str:
        return (project / "docs/operations.md").read_text("utf-8")

    @pytest.mark.parametrize(
        ("example", "total_cents"), [("100 MB", 0.6), ("2 GB", 2.4), ("64 GB", 35)]
    )
    def test_add_up(self, text: str, example: str, total_cents: float) -> None:
        section = text.split(f"### Example: {example}\n")[1].split("\n### ")[0].split("\n## ")[0]
        rows = [
            [cell.strip().replace(",", "") for cell in line.strip("|").split("|")]
            for line in section.splitlines()
            if re.match(r"\| [A-Z]", line)
        ]
        assert len(rows) >= 8
        gb_s = 0.0
        for _, calls, mb, formula, stated in rows:
            arithmetic, seconds = formula.split(" = ")
            terms = re.fullmatch(
                r"(\d+) x 3 \+ 2 x ([\d.]+) \+ (\d+) / 80", arithmetic.replace("  ", " ")
            )
            assert terms is not None
            assert terms[1] == calls
            expected = int(terms[1]) * 3 + 2 * float(terms[2]) + int(terms[3]) / 80
            assert float(seconds) == pytest.approx(expected, abs=0.051)
            assert float(stated) == pytest.approx(int(mb) / 1024 * float(seconds), abs=0.051)
            gb_s += float(stated)
        n_calls = sum(int(row[1]) for row in rows)
        assert f"| **all** | **{n_calls:,}** | | | **{gb_s:,.1f}** |" in section
        price = read_prices()
        functions = gb_s * price.lambda_gb_s
        per_call = price.lambda_request + price.transitions(1)
        assert f"{gb_s:,.1f} x $0.0000166667 = ${functions:.4f}" in section
        assert f"{n_calls:,} x $0.0000752 = ${n_calls * per_call:.4f}" in section
        written, read = _objects(section)
        objects = written * price.s3_write + read * price.s3_read
        assert f"${objects:.4f}" in section
        task = 0.122 if "Task: $0.122" in section else 0.0
        total = functions + n_calls * per_call + objects + task
        assert total * 100 == pytest.approx(total_cents, rel=0.04)

    def test_of_the_task_are_those_of_its_size(self, text: str) -> None:
        seconds = 2 * 5.2 * 64 + (64_000 + 3 * 85_333) / 300 + 60
        assert f"{round(seconds):,} s = {seconds / 3600:.3f} h" in text
        assert f"= ${read_prices().fargate_task(seconds, 4, 16384, 20):.3f}" in text
        task = read_prices().fargate_task(seconds, 4, 16384, 89)
        assert task == pytest.approx(0.122, abs=0.001)

    def test_prices_are_those_of_the_table(self, text: str) -> None:
        for price in (
            "0.0000166667",
            "0.0000002",
            "0.000025",
            "0.04048",
            "0.004445",
            "0.023",
            "0.005",
            "0.50",
        ):
            assert f"${price}" in text
            assert float(price) in {*read_prices().to_json().values(), 0.023}
        assert f"dated {read_prices().date}" in text


def _objects(section: str) -> tuple[int, int]:
    match = re.search(r"([\d,]+) objects.*?written\s+and\s+([\d,]+)\s+read", section, re.DOTALL)
    assert match is not None
    return int(match[1].replace(",", "")), int(match[2].replace(",", ""))


def test_every_setting_of_the_installation_has_a_row(project: Path) -> None:
    context = json.loads((project / "cdk.json").read_text("utf-8"))["context"]
    text = (project / "docs/operations.md").read_text("utf-8")
    rows = set(re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE))
    assert {key for key in context if not key.startswith("@")} <= rows
