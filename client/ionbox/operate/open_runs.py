"""The two places runs are in, AWS and a work folder, as the same `Runs`.

So that ``ionbox list``, ``status``, ``logs`` and ``fetch``, and the Python client's `Inbox`, need
not know which it is.
"""

from __future__ import annotations

import json
from pathlib import Path

from ionbox_cloud.store import Store

from ionbox.account import Account, Installation, open_installation
from ionbox.errors import UserMustAct
from ionbox.local.functions import IONBOX
from ionbox.operate.attempts import AwsExecutions, FolderExecutions
from ionbox.operate.runs import Runs
from ionbox.where import Where


def open_runs(where: Where) -> Runs:
    """Return the runs of the place that the command line's flags mean.

    Raises
    ------
    UserMustAct
        If there is no such work folder, or no working installation of that name.
    """
    return folder_runs(where.work) if where.work else aws_runs(*open_installation(where))


def aws_runs(account: Account, installation: Installation) -> Runs:
    """Return the runs of an installed stack."""
    return Runs(
        executions=AwsExecutions(account.client("stepfunctions"), installation.state_machine),
        work=account.open_bucket(installation.work),
        results=account.open_bucket(installation.results),
        rungs_mb=read_rungs(installation.max_lambda_mb),
        billed=True,
    )


def folder_runs(root: Path) -> Runs:
    """Return the runs of a work folder.

    Raises
    ------
    UserMustAct
        If there is no such folder: nothing was annotated with it yet, or it was meant to be given
        with ``--work``.
    """
    if not root.is_dir():
        raise UserMustAct(f"{root}: no such work folder; 'ionbox annotate' makes it, --work DIR")
    return Runs(
        executions=FolderExecutions(root),
        work=_open_folder(root / "work"),
        results=_open_folder(root / "results"),
        rungs_mb=read_rungs(1 << 30),  # no limit: local runs climb the whole ladder
        billed=False,
    )


def _open_folder(path: Path) -> Store:
    """Open a folder to read it; one that does not exist is as good as an empty one."""
    if not path.is_dir():
        return Store.open("memory://")
    return Store.open(path.resolve().as_uri(), create=False)


def read_rungs(max_lambda_mb: int) -> dict[str, tuple[int, ...]]:
    """Return each function's memory sizes in MB, in the order of the workflow.

    Sizes above what the account allows (``max_lambda_mb``) are cut to that, as the stack does when
    it deploys the functions.
    """
    table = json.loads(IONBOX.table.read_text("utf-8"))["functions"]
    return {
        state: tuple(sorted({min(rung, max_lambda_mb) for rung in entry["rungs_mb"]}))
        for state, entry in table.items()
    }
