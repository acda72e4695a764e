"""``ionbox doctor``, ``deploy``, ``destroy``: from parsed arguments to what is printed.

The work is done in `ionbox.operate.doctor`, `install` and `remove`. A command that changes the
account says what it will do, and asks.
"""

from __future__ import annotations

import argparse

from ionbox import terminal
from ionbox.account import Account, Installation, open_account
from ionbox.cli import show
from ionbox.cli.command import INVALID, OK
from ionbox.cli.operator_command import command, confirm
from ionbox.cli.where_arguments import read_where, write_flags
from ionbox.errors import UserMustAct
from ionbox.operate import install, remove
from ionbox.operate.doctor import PROBLEM, Examination, examine


@command
def doctor(options: argparse.Namespace) -> int:
    """Show what stands in the way, and which settings suit the account."""
    where = read_where(options)
    found = examine(
        open_account(where),
        where.stack,
        install.read_settings(),
        probe_memory=options.probe_memory,
    )
    show.show_findings(found.findings)
    terminal.say("\n" + ("nothing stands in the way" if found.fit else "not fit yet: see above"))
    if found.context:
        settings = "".join(f" --context {key}={value}" for key, value in found.context.items())
        terminal.say(f"'ionbox deploy{write_flags(where)}' uses, unless told otherwise:{settings}")
    return OK if found.fit else INVALID


@command
def deploy(options: argparse.Namespace) -> int:
    """Check the account, show the settings, ask, and install or update."""
    where = read_where(options)
    account = open_account(where)
    given = install.parse_context(options.context)
    chosen = {**install.read_settings(), **given}
    found = examine(account, options.stack, chosen, probe_memory=options.probe_memory)
    show.show_findings(found.findings)
    _refuse_unfit(found)
    # what was given beats what suits the account, and that beats cdk.json
    context = {**found.context, **given, "stack_name": options.stack}
    make = install.make_command(context)
    terminal.say(
        f"\nsettings: {', '.join(f'{key}={value}' for key, value in sorted(context.items()))}"
    )
    terminal.say(
        "An installation costs next to nothing until a dataset arrives: docs/operations.md"
    )
    verb = "update" if found.stack_status else "install"
    place = f"account {account.number}, {account.region}"
    confirm(f"{verb} '{options.stack}' in {place}?", yes=options.yes)
    install.deploy(account, make)
    made = account.find_installation(options.stack)
    terminal.say(f"'{made.stack}' {made.version} is ready; datasets go to the bucket {made.inbox}")
    terminal.say(f"try it: ionbox submit DATASET.imzML --wait{write_flags(where)}")
    return OK


def _refuse_unfit(found: Examination) -> None:
    """Stop on what cannot be installed over; a broken installation may well be repaired."""
    problems = [
        finding
        for finding in found.findings
        if finding.verdict == PROBLEM
        and (finding.subject != "stack" or found.stack_status == "ROLLBACK_COMPLETE")
    ]
    if problems:
        raise UserMustAct("\n".join(f"{f.subject}: {f.text} {f.remedy}".strip() for f in problems))


@command
def destroy(options: argparse.Namespace) -> int:
    """Say what goes and what stays, ask, and remove the stack."""
    account = open_account(read_where(options))
    if account.describe_stack(options.stack) is None:
        account.find_installation(options.stack)  # raises, with the sentence for it
    installation: Installation | None = None
    try:
        installation = account.find_installation(options.stack)
    except UserMustAct:
        terminal.warn([f"'{options.stack}' is not complete; what there is of it is removed"])
    if installation is not None:
        _say_what_goes(account, installation)
    place = f"account {account.number}, {account.region}"
    confirm(f"remove '{options.stack}' from {place}?", yes=options.yes)
    remove.destroy(account, installation, options.stack)
    terminal.say(f"'{options.stack}' is removed")
    return OK


def _say_what_goes(account: Account, installation: Installation) -> None:
    """Say what is stopped, what is deleted and what is kept."""
    running = sorted(remove.running_executions(account, installation).values())
    if running:
        terminal.say(f"stops: runs that are on ({', '.join(running)}), and those that wait")
    goes, stays = "workflow, functions, queues, alarms, logs", ""
    if installation.work in remove.work_buckets(account, installation.stack):
        goes += f", and the bucket {installation.work} with caches and intermediates"
    else:
        stays = f"; {installation.work} is not the stack's and stays, too"
    terminal.say(f"goes:  {goes}")
    terminal.say(
        f"stays: the buckets {installation.inbox} (datasets) and {installation.results} (results); "
        f"docs/operations.md says how to delete them for good{stays}"
    )
