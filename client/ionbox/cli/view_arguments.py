"""Arguments and help of ``view``, ``why`` and ``share``.

Nothing heavy is imported here: help stays quick.
"""

from __future__ import annotations

import argparse

from ionbox.cli.command import Command, import_body
from ionbox.cli.where_arguments import add_where

_COMMANDS = "ionbox.cli.view_commands"
_WANTED = "results folder, s3://bucket/results/…, or name of a run or dataset"


def _add_view(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("wanted", metavar="DIR|RUN", help=_WANTED)
    add("--port", type=int, default=0, metavar="N", help="on this machine (default: a free one)")
    add("--no-browser", action="store_true", help="only print the address")
    add("--inbox", metavar="s3://BUCKET", help="where the ibd is, if the results do not say")
    add_where(parser, local=True)
    parser.set_defaults(run=import_body(_COMMANDS, "view"))


def _add_why(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("wanted", metavar="DIR|RUN", help=_WANTED)
    add("--formula", required=True, metavar="FORMULA", help="of the molecule, such as C6H12O6")
    add("--adduct", metavar="+X", help="such as +K, M+K or [M]+ (default: each of the run)")
    add("--neutral-loss", default="", metavar="-X", help="such as -H2O")
    add("--chem-mod", default="", metavar="±X", help="a chemical modification, such as +C or -H")
    add("--database", default="", metavar="NAME", help="of the run (default: each)")
    add("--json", action="store_true", help="print all that is known, for programs")
    add_where(parser, local=True)
    parser.set_defaults(run=import_body(_COMMANDS, "why"))


def _add_share(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("wanted", metavar="DIR|RUN", help=_WANTED)
    add("--days", type=float, default=7, metavar="N", help="how long the link works, at most 7 (7)")
    add_where(parser, local=True)
    parser.set_defaults(run=import_body(_COMMANDS, "share"))


def viewer_commands() -> tuple[Command, ...]:
    """Return the commands that look at results, in the order in which help lists them."""
    return (
        Command("view", _add_view, "look at a run in the browser", _VIEW),
        Command("why", _add_why, "say why an ion is annotated or not", _WHY),
        Command("share", _add_share, "pass on a run's report, by a link or as a file", _SHARE),
    )


_VIEW = """\
examples:
  ionbox view results
  ionbox view brain
  ionbox view brain --local --port 8000 --no-browser
  ionbox view s3://bucket/results/DATASET/RUN --inbox s3://inbox-bucket

brain is a run's or a dataset's name: in AWS, with --local on this machine.

Serves the page to this machine only, until Ctrl-C. Beyond the report: images
of all ions, of any m/z, the spectrum of a pixel, overlays, and why an ion is
annotated or not.

"""

_WHY = """\
examples:
  ionbox why results --formula C6H12O6
  ionbox why results --formula C6H12O6 --adduct=+K
  ionbox why brain --local --formula C40H80NO8P --adduct=+H \\
      --neutral-loss=-H2O --database lipids

Ends with 0 whether the ion is annotated or not.

"""

_SHARE = """\
examples:
  ionbox share brain
  ionbox share brain --days 2
  ionbox share results

Whoever has the link can open the report, without an AWS account, until it
expires. Results on this machine have no link; their report is a file to mail.

"""
