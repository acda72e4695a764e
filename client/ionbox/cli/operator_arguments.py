"""Arguments and help of the operator commands, from ``deploy`` to ``destroy``.

Nothing heavy is imported here: help stays quick.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ionbox.cli.command import Command, import_body
from ionbox.cli.dataset_arguments import add_files, add_settings
from ionbox.cli.where_arguments import add_where

_INSTALL, _RUNS = "ionbox.cli.install_commands", "ionbox.cli.run_commands"


# --- arguments that several commands share ---


def _add_run(parser: argparse.ArgumentParser) -> None:
    help_text = "name of a run or its beginning, or of a dataset: its newest run"
    parser.add_argument("wanted", metavar="RUN|DATASET", help=help_text)


def _add_yes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _add_probe(parser: argparse.ArgumentParser) -> None:
    help_text = "find out the largest function by asking for one that cannot be made"
    parser.add_argument("--probe-memory", action="store_true", help=help_text)


# --- commands ---


def _add_deploy(parser: argparse.ArgumentParser) -> None:
    _add_yes(parser)
    _add_probe(parser)
    parser.add_argument(
        "--context",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of cdk.json, such as max_lambda_mb=10240; may be repeated",
    )
    add_where(parser)
    parser.set_defaults(run=import_body(_INSTALL, "deploy"))


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    _add_probe(parser)
    add_where(parser)
    parser.set_defaults(run=import_body(_INSTALL, "doctor"))


def _add_submit(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("dataset", type=Path, metavar="DATASET.imzML", help="its .ibd lies beside it")
    add_files(parser, repeated="may be repeated (default: the installation's)")
    add("--folder", default="", metavar="NAME", help="folder in the inbox (its top)")
    add("--replace", action="store_true", help="replace other data of the same name")
    add("--no-check", action="store_true", help="send without looking at the dataset first")
    add("--wait", action="store_true", help="follow the run until its end")
    add_where(parser)
    add_settings(parser)
    parser.set_defaults(run=import_body("ionbox.cli.submit_command", "submit"))


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--last", type=int, default=20, metavar="N", help="how many (%(default)s)")
    add_where(parser, local=True)
    parser.set_defaults(run=import_body(_RUNS, "list_runs"))


def _add_status(parser: argparse.ArgumentParser) -> None:
    _add_run(parser)
    parser.add_argument("--follow", action="store_true", help="go on until the run has ended")
    add_where(parser, local=True)
    parser.set_defaults(run=import_body(_RUNS, "status"))


def _add_logs(parser: argparse.ArgumentParser) -> None:
    _add_run(parser)
    parser.add_argument("--state", metavar="STATE", help="of one state, such as AnnotateSegments")
    parser.add_argument("--follow", action="store_true", help="go on until the run has ended")
    add_where(parser, local=True)
    parser.set_defaults(run=import_body(_RUNS, "logs"))


def _add_cancel(parser: argparse.ArgumentParser) -> None:
    _add_run(parser)
    _add_yes(parser)
    add_where(parser)
    parser.set_defaults(run=import_body(_RUNS, "cancel"))


def _add_redrive(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    help_text = "name of a run or its beginning, or of a dataset: its newest run"
    which.add_argument("wanted", nargs="?", metavar="RUN|DATASET", help=help_text)
    help_text = "handle again what nobody could handle"
    which.add_argument("--dead-letters", action="store_true", help=help_text)
    add_where(parser)
    parser.set_defaults(run=import_body(_RUNS, "redrive"))


def _add_fetch(parser: argparse.ArgumentParser) -> None:
    _add_run(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the results")
    add_where(parser, local=True)
    parser.set_defaults(run=import_body(_RUNS, "fetch"))


def _add_destroy(parser: argparse.ArgumentParser) -> None:
    _add_yes(parser)
    add_where(parser)
    parser.set_defaults(run=import_body(_INSTALL, "destroy"))


def operator_commands() -> tuple[Command, ...]:
    """Return the operator commands, in the order in which help lists them."""
    return (
        Command("deploy", _add_deploy, "install ionbox on AWS, or update it", _DEPLOY),
        Command("doctor", _add_doctor, "say whether an AWS account is fit for ionbox", _DOCTOR),
        Command("submit", _add_submit, "send a dataset to AWS to annotate it", _SUBMIT),
        Command("list", _add_list, "list recent runs", _LIST),
        Command("status", _add_status, "say how far a run is", _STATUS),
        Command("logs", _add_logs, "show what a run logged", _LOGS),
        Command("cancel", _add_cancel, "stop a run", _CANCEL),
        Command("redrive", _add_redrive, "let a run that failed go on", _REDRIVE),
        Command("fetch", _add_fetch, "copy a run's results here", _FETCH),
        Command("destroy", _add_destroy, "remove ionbox from AWS", _DESTROY),
    )


_DEPLOY = """\
examples:
  ionbox deploy
  ionbox deploy --region eu-central-1 --context max_lambda_mb=10240
  ionbox deploy --context notification_email=lab@example.org

Looks at quotas first (ionbox doctor), shows the settings, asks, and installs
from this checkout. An installation that nobody uses costs next to nothing.

"""

_DOCTOR = """\
examples:
  ionbox doctor
  ionbox doctor --profile lab --region eu-central-1 --probe-memory

Changes nothing. Exits with 1 if something stands in the way of installing or
running.

"""

_SUBMIT = """\
examples:
  ionbox submit brain.imzML --wait
  ionbox submit brain.imzML --database hmdb.tsv --config settings.json
  ionbox submit brain.imzML --folder smith/2026-11 --polarity positive --ppm 5

Sends databases, settings, the ibd, and last the imzML, which starts the run.
The same command again goes on where it was interrupted; a dataset that is
there already is not annotated twice.

"""

_LIST = """\
examples:
  ionbox list
  ionbox list --last 100
  ionbox list --local

"dollars on AWS" of local runs is what they would have cost there.

"""

_STATUS = """\
examples:
  ionbox status brain
  ionbox status brain --follow
  ionbox status brain --local

climbed: items that ran out of memory and were repeated with more.

"""

_LOGS = """\
examples:
  ionbox logs brain
  ionbox logs brain --state AnnotateSegments
  ionbox logs brain --local --follow

--debug shows tracebacks whole.

"""

_CANCEL = """\
example:
  ionbox cancel brain

Finished work is kept: the dataset submitted again goes on from there.

"""

_REDRIVE = """\
examples:
  ionbox redrive brain
  ionbox redrive --dead-letters

Goes on from where the run stopped; finished work is reused.

"""

_FETCH = """\
examples:
  ionbox fetch brain --out brain-results
  ionbox fetch 3f9c2a --out brain-results
  ionbox fetch brain --local --out brain-results

The same command again goes on where it was interrupted.

"""

_DESTROY = """\
example:
  ionbox destroy

Stops the runs that are on. Datasets and results stay: the inbox and results
buckets are not deleted.

"""
