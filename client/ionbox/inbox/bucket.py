"""The inbox bucket of an installation, for `Inbox`; what ``ionbox submit`` and ``list`` do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ionbox_cloud.messages import ConfigLayer
from ionbox_cloud.stored.file_records import IbdChecksum

from ionbox.account import Account, Installation, plain_errors, read_outputs
from ionbox.datasets.files import LocalDataset
from ionbox.errors import UserMustAct
from ionbox.inbox.dataset import InboxDataset
from ionbox.operate.open_runs import aws_runs
from ionbox.operate.submission import merge_settings, plan_submission, refuse_replacing, send
from ionbox.operate.upload import Upload, Uploader


class BucketInbox:
    """Where datasets go on AWS; a part of `ionbox.inbox.inbox.Inbox`.

    Parameters
    ----------
    stack : str
        Name of the CloudFormation stack, or ``s3://BUCKET`` of its inbox.
    profile, region : str or None
        As in the AWS command line.

    Raises
    ------
    UserMustAct
        If there are no AWS credentials or no region, or no working installation of that name.
    """

    is_remote = True

    def __init__(self, stack: str, profile: str | None, region: str | None) -> None:
        self._installation: Installation | None = None
        with plain_errors():
            self._account = Account(profile, region)
            if stack.startswith("s3://"):
                self.bucket = stack.removeprefix("s3://").rstrip("/")
            else:
                self._installation = self._account.find_installation(stack)
                self.bucket = self._installation.inbox

    def __str__(self) -> str:
        return f"s3://{self.bucket}"

    @property
    def default_config(self) -> Mapping[str, Any]:
        """Default settings of the installation; empty if only its bucket is known."""
        return self._installation.default_config if self._installation else {}

    def send(
        self,
        dataset: LocalDataset,
        databases: Sequence[Path],
        config: Sequence[ConfigLayer],
        name: str,
        *,
        folder: str,
        replace_other: bool,
        checksum: IbdChecksum | None,
    ) -> None:
        """Send a dataset, which starts its annotation; returns when it has been sent.

        Raises
        ------
        UserMustAct
            If other data of the name is in the inbox and ``replace_other`` is not set, or
            permissions are missing.
        InvalidDatabase
            If a database is not a CSV or TSV file, or cannot be found.
        OperateError
            If AWS cannot be reached; the same call goes on where it was interrupted.
        """
        with plain_errors():
            uploader = Uploader(self._account.client("s3"), self.bucket)
            settings = merge_settings(config, dataset.sidecar)
            submission = plan_submission(
                dataset, databases, settings, folder, uploader, name, checksum
            )
            if not replace_other:
                refuse_replacing(submission, uploader)
            send(submission, uploader, _tell_nobody)

    def recent(self, last: int) -> list[InboxDataset]:
        """Return the newest runs, newest first; ``last`` is how many at most.

        Raises
        ------
        UserMustAct
            If no stack of this account and region has the bucket as its inbox.
        """
        with plain_errors():
            installation = self._find_installation()
            found = aws_runs(self._account, installation).recent(last)
            return [
                InboxDataset.of(
                    attempt,
                    f"s3://{installation.results}",
                    profile=self._account.profile,
                    region=self._account.region,
                    inbox=f"s3://{installation.inbox}",
                )
                for attempt in found
            ]

    def _find_installation(self) -> Installation:
        """Return the installation; if only the bucket is known, the stack whose inbox it is.

        Done as late as here since a bucket is enough to send to, and asking for stacks takes
        permissions that those who only send need not have.
        """
        if self._installation is None:
            pages = self._account.client("cloudformation").get_paginator("describe_stacks")
            for page in pages.paginate():
                for stack in page["Stacks"]:
                    if read_outputs(stack).get("InboxBucket") == self.bucket:
                        self._installation = self._account.find_installation(stack["StackName"])
        if self._installation is None:
            raise UserMustAct(
                f"no stack in {self._account.region} has the inbox '{self.bucket}'; name the stack "
                "instead, ionbox.Inbox('ionbox'), or another region"
            )
        return self._installation


def _tell_nobody(_: Upload, __: str) -> Callable[[int], None]:
    return lambda n_bytes: None
