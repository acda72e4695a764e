"""The two places runs are in, AWS and a work folder, as the same `Runs`."""

from __future__ import annotations

import json
from pathlib import Path

from ionbox_cloud.store import Store

from ionbox.account import Account, Installation, open_installation
from ionbox.errors import UserMustAct
from ionbox.local.functions import IONBOX
from ionbox.operate.executions import AwsExecutions, FolderExecutions
from ionbox.operate.runs import Runs
from ionbox.where import Where


def open_runs(where: Where) -> Runs:
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
        If there is no such folder.
    """
    if not root.is_dir():
        raise UserMustAct(f"{root}: no such work folder; 'ionbox annotate' makes it, --work DIR")
    return Runs(
        executions=FolderExecutions(root),
        work=_open_folder(root / "work"),
        results=_open_folder(root / "results"),
        rungs_mb=read_rungs(1 << 30),
        billed=False,
    )


def _open_folder(path: Path) -> Store:
    """Open a folder to read it; what is not there is as good as empty."""
    if not path.is_dir():
        return Store.open("memory://")
    return Store.open(path.resolve().as_uri(), create=False)


def read_rungs(max_lambda_mb: int) -> dict[str, tuple[int, ...]]:
    """Return each function's memory sizes after clipping, in the order of the workflow."""
    table = json.loads(IONBOX.table.read_text("utf-8"))["functions"]
    return {
        state: tuple(sorted({min(rung, max_lambda_mb) for rung in entry["rungs_mb"]}))
        for state, entry in table.items()
    }
