"""A run's report for others: an expiring link, or the file itself; ``ionbox share``.

A report in AWS gets a presigned URL, which works without an AWS account; a local one is a file to
pass on.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from botocore.config import Config
from ionbox_cloud.published import REPORT

from ionbox.account import Account, open_account
from ionbox.cli.find_place import find_aws_run, means_folder, require_results
from ionbox.errors import UserMustAct
from ionbox.operate.open_runs import folder_runs
from ionbox.reading.nearby import require_results_folder
from ionbox.reading.place import S3
from ionbox.where import Where

MAX_DAYS = 7
"""For how many days S3 signs a link at most."""


def share_report(wanted: str, where: Where, days: float) -> list[str]:
    """Make a link to a run's report, or say how a local report is passed on.

    Parameters
    ----------
    wanted : str
        A results folder, ``s3://…``, or the name of a run or dataset.
    where : Where
        Where runs are.
    days : float
        How many days the link is to work, at most `MAX_DAYS`.

    Returns
    -------
    list of str
        Lines to print: the link or the file first, then how long it works and what ends it.

    Raises
    ------
    UserMustAct
        If there is no such run or report, or no link can work so long.
    NoResults
        If a run ended in that folder without results.
    """
    if not 0 < days <= MAX_DAYS:
        raise UserMustAct(f"--days: S3 makes links for at most {MAX_DAYS} days, got {days:g}")
    if means_folder(wanted):
        require_results_folder(Path(wanted), local=where.work is not None)
        return _share_file(Path(wanted))
    if where.work is not None:
        run = folder_runs(where.work).find(wanted)
        return _share_file(where.work / "results" / require_results(run))
    if wanted.startswith(S3):
        account = open_account(where)
        bucket, _, key = wanted.removeprefix(S3).strip("/").partition("/")
    else:
        account, installation, run = find_aws_run(wanted, where)
        bucket, key = installation.results, require_results(run)
    return _share_object(account, bucket, f"{key}/{REPORT}", timedelta(days=days))


def _share_file(folder: Path) -> list[str]:
    path = folder / REPORT
    if not path.is_file():
        raise UserMustAct(
            f"{folder} has no {REPORT}; annotating the dataset again with --force writes it"
        )
    size = path.stat().st_size / 1e6
    return [
        f"{path} ({size:.1f} MB) is all there is to share: mail it, or put it on a web server or "
        "a shared drive",
        "it opens in any browser, without ionbox and without a network",
    ]


def _share_object(account: Account, bucket: str, key: str, life: timedelta) -> list[str]:
    found = account.client("s3").list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    if key not in [entry["Key"] for entry in found.get("Contents", [])]:
        raise UserMustAct(
            f"these results have no {REPORT}; annotating the dataset again with --force writes it"
        )
    # every region takes this signature, and a host that is named after the bucket
    config = Config(signature_version="s3v4", s3={"addressing_style": "virtual"})
    client = account.session.client("s3", region_name=account.region, config=config)
    link = client.generate_presigned_url(
        "get_object",
        Params={
            "Bucket": bucket,
            "Key": key,
            "ResponseContentType": "text/html; charset=utf-8",
            "ResponseContentDisposition": "inline",
        },
        ExpiresIn=int(life.total_seconds()),
    )
    client.close()
    ends = datetime.now(UTC) + life
    return [str(link), *describe_end(ends, account.session.get_credentials())]


def describe_end(ends: datetime, credentials: Any) -> list[str]:
    """Return lines on when a link ends: at its time, or with the credentials that signed it.

    botocore keeps the expiry of temporary credentials in a private attribute; if it has none, only
    their token shows that they are temporary.
    """
    lines = [f"works for whoever has it until {_when(ends)}; there is no way to count visits"]
    expiry: datetime | None = getattr(credentials, "_expiry_time", None)
    if expiry is not None and expiry < ends:
        lines = [
            f"works for whoever has it until {_when(expiry)}: then the login that signed it "
            f"expires; credentials that last make it work until {_when(ends)}"
        ]
    elif expiry is None and credentials is not None and credentials.token:
        lines.append(
            "your login is a temporary one: the link ends with it, if that is earlier; 'aws sts "
            "get-caller-identity' fails when it has"
        )
    lines.append("to end it earlier, delete the report or the access key that signed it")
    return lines


def _when(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
