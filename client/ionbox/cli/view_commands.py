"""``ionbox view``, ``why`` and ``share``: from parsed arguments to what is printed or served.

The work is done in `ionbox.view` and ``share_command.py``.
"""

from __future__ import annotations

import argparse
import functools
import json
import webbrowser
from collections.abc import Mapping
from typing import Any

from ionbox_science.errors import InvalidConfig

from ionbox import terminal
from ionbox.cli.command import OK
from ionbox.cli.find_place import find_place
from ionbox.cli.operator_command import command
from ionbox.cli.share_command import share_report
from ionbox.cli.where_arguments import read_where
from ionbox.view.run_reader import RunReader

_SIGNS = {True: "yes", False: "no", None: ""}  # whether a finding holds; None: a fact only
_HIGHEST_PORT = 65535


@command
def view(options: argparse.Namespace) -> int:
    """Serve a run's page until Ctrl-C."""
    from ionbox.view.server import Viewer

    if not 0 <= options.port <= _HIGHEST_PORT:
        raise InvalidConfig(f"--port: expected a number up to {_HIGHEST_PORT}, got {options.port}")
    run = RunReader(find_place(options.wanted, read_where(options), options.inbox))
    with _listen(functools.partial(Viewer, debug=options.debug), run, options.port) as viewer:
        terminal.say(f"{run.record.dataset.name} is at {viewer.url} (Ctrl-C ends)")
        terminal.warn([why for why in (run.why_no_segments(), run.why_no_spectra()) if why])
        if not options.no_browser:
            webbrowser.open(viewer.url)
        try:
            viewer.serve_forever()
        except KeyboardInterrupt:
            terminal.say("ended")
    return OK


def _listen(make: Any, run: RunReader, port: int) -> Any:
    try:
        return make(run, port)
    except OSError as error:
        raise InvalidConfig(
            f"--port: {port} cannot be used ({error.strerror}); without --port a free one is found"
        ) from None


@command
def why(options: argparse.Namespace) -> int:
    """Say why an ion is annotated in a run or not."""
    _refuse_ion(options.formula)
    run = RunReader(find_place(options.wanted, read_where(options)))
    answers = run.why(
        options.formula, options.adduct, options.neutral_loss, options.chem_mod, options.database
    )
    if options.json:
        terminal.say(json.dumps(answers, indent=1, ensure_ascii=False))
        return OK
    for answer in answers:
        _show_answer(answer)
    terminal.warn([missing for missing in [run.why_no_segments()] if missing])
    return OK


def _refuse_ion(formula: str) -> None:
    """Refuse the name of an ion where the formula of a molecule belongs.

    Raises
    ------
    InvalidConfig
        If the text has a sign or a bracket in it; the adduct belongs into ``--adduct``.
    """
    if set(formula) & set("+-[]"):
        raise InvalidConfig(
            f"--formula: '{formula}' is more than a formula; put the adduct into --adduct, such "
            "as --adduct=+H"
        )


def _show_answer(answer: Mapping[str, Any]) -> None:
    terminal.say(answer["verdict"])
    width = max(len(finding["topic"]) for finding in answer["findings"]) + 2
    for finding in answer["findings"]:
        sign = _SIGNS[finding["holds"]]
        terminal.say(f"  {finding['topic']:<{width}}{sign:<5}{finding['sentence']}")


@command
def share(options: argparse.Namespace) -> int:
    """Make a link to a run's report, or say how a local one is passed on."""
    for line in share_report(options.wanted, read_where(options), options.days):
        terminal.say(line)
    return OK
