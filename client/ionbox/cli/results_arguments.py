"""Arguments and help of ``export`` and ``compare``. Nothing heavy is imported: help stays quick."""

from __future__ import annotations

import argparse
from pathlib import Path

from ionbox.cli.command import Command, import_body
from ionbox.compare import TOLERANCE
from ionbox.export_formats import FORMATS
from ionbox.extras import WHERE, install_line

_COMMANDS = "ionbox.cli.results_commands"
_PLACE = "results folder, or s3://BUCKET/results/DATASET/RUN"


def result_commands() -> tuple[Command, ...]:
    """Return the commands on results, in the order in which help lists them."""
    return (
        Command("export", _add_export, "write results in another software's format", _EXPORT),
        Command(
            "compare", _add_compare, "show what differs between two runs", _COMPARE, _LIKE_DIFF
        ),
    )


def _add_bucket(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("where").add_argument
    add("--profile", metavar="NAME", help="AWS profile (default: as the AWS command line)")
    add("--region", metavar="NAME", help="AWS region (default: as the AWS command line)")


def _add_export(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("results", metavar="DIR|S3", help=_PLACE)
    add("--to", required=True, choices=tuple(FORMATS), metavar="FORMAT", help="see below")
    add("--out", type=Path, required=True, metavar="PATH", help="must not exist; see below")
    add("--fdr", type=float, default=0.1, metavar="F", help="highest FDR (%(default)s)")
    add("--database", metavar="NAME", help="only annotations of one database")
    add("--tic", action="store_true", help="fractions of each pixel's total ion current")
    _add_bucket(parser)
    parser.set_defaults(run=import_body(_COMMANDS, "export_results"))


def _add_compare(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    for name in ("a", "b"):
        add(name, metavar=name.upper(), help=f"{_PLACE}, or a CSV")
    add("--out", type=Path, metavar="DIR", help="write compare.csv and compare.svg there")
    add("--database", metavar="NAME", help="only annotations of one database")
    add(
        "--tolerance",
        type=float,
        default=TOLERANCE,
        metavar="D",
        help="difference of a score that does not count (%(default)s)",
    )
    _add_bucket(parser)
    parser.set_defaults(run=import_body(_COMMANDS, "compare_results"))


_EXPORT = f"""\
examples:
  ionbox export results --to anndata --out brain.h5ad
  ionbox export results --to png --out images --fdr 0.2 --database hmdb
  ionbox export s3://lab-results/results/3f9c2a/77aa01 --to csv-pixels \\
      --out pixels.csv --tic

format       what --out becomes             needs libraries of
anndata      a file such as brain.h5ad      [export]
spatialdata  a folder such as brain.zarr    [spatialdata]
csv-pixels   a file such as pixels.csv
ome-tiff     a file such as brain.ome.tiff  [export]
png          a folder such as images

All have one image per ion, that of its first isotope peak. Libraries are
installed {WHERE}:
  {install_line("export")}
  {install_line("spatialdata")}

"""

_COMPARE = """\
examples:
  ionbox compare results-before results-after --out difference
  ionbox compare metaspace_annotations.csv results --database hmdb

A CSV is an annotations.csv, METASPACE's export, or the results.csv of its
engine. Gained are ions that only B has, lost those that only A has. An FDR
level is 5, 10, 20 or 50 %, or above. Of two runs, what differs in settings,
databases and versions is said, too.

"""

_LIKE_DIFF = """\
exit codes, as of diff:
  0 the same   1 different   2 trouble   130 cancelled
"""
