"""The ``ionbox`` command: builds the parser of all commands, runs one, and turns errors into codes.

Errors end here: what a command raises on purpose is printed as a sentence, or with ``--debug`` as a
traceback. Anything else is a mistake of ours and stays a traceback. (``ionbox compare`` ends its
own, for it has diff's exit codes.)
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import gc
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

from ionbox_science import __version__
from ionbox_science.errors import IonboxError
from ionbox_science.kernels import KernelsMissing
from ionbox_science.setting_table import SETTINGS

from ionbox import terminal
from ionbox.cli.command import CANCELLED, EXIT_CODES, FAILED, INVALID, USAGE
from ionbox.cli.dataset_arguments import dataset_commands
from ionbox.cli.operator_arguments import operator_commands
from ionbox.cli.results_arguments import result_commands
from ionbox.cli.view_arguments import viewer_commands
from ionbox.errors import OperateError, UserMustAct
from ionbox.local import cancelling
from ionbox.local.errors import LocalError
from ionbox.platforms import require_posix

_UNREAD = 141
"""What shells report of any program that writes to a pipe nobody reads: 128 + SIGPIPE."""

_START = """\
examples:
  ionbox check brain.imzML
  ionbox annotate brain.imzML --database molecules.tsv --out results
  ionbox view results

ionbox COMMAND --help says more of each.

"""

_SIGNED = {
    f"--{setting.one.replace('_', '-')}"
    for setting in SETTINGS.values()
    if setting.sample.endswith("X")
}
"""Flags whose values may begin with a minus, such as ``--adduct``."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code.

    Parameters
    ----------
    arguments : sequence of str, optional
        What was typed after ``ionbox``; that of this process if not given.

    Raises
    ------
    SystemExit
        Always, with the exit code.
    """
    sys.excepthook = terminal.show_exception  # a message of an error may hold anybody's text, too
    try:
        try:
            with cancelling.raised():
                code = _run(sys.argv[1:] if arguments is None else arguments)
        except cancelling.Cancelled as cancelled:
            code = _say_cancelled(cancelled.exit_code)
        finally:
            terminal.flush()
    except terminal.OutputClosed:
        terminal.drop_output()
        code = _UNREAD
    gc.freeze()  # at its end Python would look through all modules once more
    raise SystemExit(code)


def _run(arguments: Sequence[str]) -> int:
    parser = build_parser()
    if not arguments:
        parser.print_help(sys.stderr)
        return USAGE
    # parse_args would complain of an unknown flag with the usage of ionbox, not of the command
    options, unknown = parser.parse_known_args(_join_signed(arguments))
    options.debug = "debug" in options
    if unknown:
        options.command_parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        require_posix()
        code: int = options.run(options)
    except (IonboxError, KernelsMissing, LocalError, OperateError, OSError) as error:
        if options.debug:
            raise
        terminal.complain(str(error))
        return INVALID if isinstance(error, IonboxError | UserMustAct) else FAILED
    except KeyboardInterrupt as interrupt:
        return _say_cancelled(getattr(interrupt, "exit_code", CANCELLED))
    return code


def _say_cancelled(code: int) -> int:
    with contextlib.suppress(OSError):  # after SIGHUP the terminal has gone
        terminal.complain("the same command resumes from here", title="cancelled")
    return code


def _join_signed(arguments: Sequence[str]) -> list[str]:
    """Let ``--adduct -H`` mean ``--adduct=-H``, which argparse would take for a flag."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] in _SIGNED and re.match(r"-[A-Z\d]", argument):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


class _Parser(argparse.ArgumentParser):
    """A parser that does not print back what a terminal obeys: names of files may be arguments."""

    def error(self, message: str) -> NoReturn:
        super().error(terminal.printable(message + _suggest(message), lines=True))


class _CommandList(argparse.RawDescriptionHelpFormatter):
    """Help that has every command in one line with its summary.

    argparse makes the column as wide as the widest option, and forgets that commands are indented.
    """

    def add_argument(self, action: argparse.Action) -> None:
        super().add_argument(action)
        if isinstance(action.choices, dict):
            indent = self._current_indent + self._indent_increment
            widest = max(map(len, action.choices), default=0) + indent
            self._action_max_length = max(self._action_max_length, widest)


_INVALID_CHOICE = re.compile(r"invalid choice: '(.+)' \(choose from (.+)\)")


def _suggest(message: str) -> str:
    """Name the choice that was probably meant, if argparse's message is of a word that is none."""
    found = _INVALID_CHOICE.search(message)
    if found is None:
        return ""
    choices = [choice.strip("'") for choice in found[2].split(", ")]
    nearest = difflib.get_close_matches(found[1], choices, n=1)
    return f"; did you mean {nearest[0]}?" if nearest else ""


def build_parser() -> argparse.ArgumentParser:
    common = _Parser(add_help=False)
    # SUPPRESS, since --debug may also stand before the command: a default of the command's own
    # parser would take back what was given there; nor may the parser of all commands set one, for
    # they share this argument
    common.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks"
    )
    parser = _Parser(
        prog="ionbox",
        description="Annotate imaging mass spectrometry data with metabolites.",
        epilog=_START + EXIT_CODES,
        formatter_class=_CommandList,
        parents=[common],
    )
    parser.add_argument("--version", action="version", version=f"ionbox {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (
        *dataset_commands(),
        *viewer_commands(),
        *result_commands(),
        *operator_commands(),
    ):
        added = commands.add_parser(
            command.name,
            help=command.summary,
            description=command.summary[0].upper() + command.summary[1:] + ".",
            epilog=command.examples + command.exit_codes,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            parents=[common],
        )
        command.add(added)
        added.set_defaults(command_parser=added)
    return parser
