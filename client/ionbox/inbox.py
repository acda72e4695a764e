"""Datasets to an installation of ionbox, and their runs, with the names of METASPACE's client."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ionbox_cloud.messages import ConfigLayer
from ionbox_science.config import check_keys
from ionbox_science.errors import InvalidConfig, InvalidDataset

from ionbox.check import check as check_dataset
from ionbox.dataset_files import LocalDataset, find_dataset
from ionbox.inbox_dataset import InboxDataset
from ionbox.operate.account import Account, Installation, plain_errors, read_outputs
from ionbox.operate.errors import UserMustAct
from ionbox.operate.places import aws_runs
from ionbox.operate.runs import Run as Attempt
from ionbox.operate.submission import merge_settings, plan_submission, refuse_replacing, send
from ionbox.operate.upload import Upload, Uploader
from ionbox.python_words import in_python, say_in_python
from ionbox.run import Run
from ionbox.run_errors import NotInResults

Path_ = str | os.PathLike[str]


class Inbox:
    """Where datasets go: the inbox bucket of an installation.

    Parameters
    ----------
    stack : str
        Name of the CloudFormation stack, or ``s3://BUCKET`` of its inbox.
    profile, region : str, optional
        As in the AWS command line.

    Examples
    --------
    >>> import ionbox
    >>> inbox = ionbox.Inbox()
    >>> inbox.submit_dataset("tissue.imzML", polarity="positive", analyzer="orbitrap",
    ...                      resolving_power=140_000, databases=["acids.tsv"])
    'tissue'
    >>> [dataset.status for dataset in inbox.datasets("brain")]
    ['succeeded']
    """

    def __init__(
        self, stack: str = "ionbox", *, profile: str | None = None, region: str | None = None
    ) -> None:
        self._installation: Installation | None = None
        with in_python(), plain_errors():
            self._account = Account(profile, region)
            if stack.startswith("s3://"):
                self.bucket = stack.removeprefix("s3://").rstrip("/")
                self._stack = ""
            else:
                self._installation = self._account.find_installation(stack)
                self.bucket = self._installation.inbox
                self._stack = stack

    def __repr__(self) -> str:
        return f"Inbox(s3://{self.bucket})"

    def submit_dataset(
        self,
        imzml_fn: Path_,
        ibd_fn: Path_ | None = None,
        name: str | None = None,
        databases: Sequence[Path_] = (),
        adducts: Sequence[str] | None = None,
        ppm: float | None = None,
        *,
        folder: str = "",
        replace_other: bool = False,
        check: bool = True,
        **settings: Any,
    ) -> str:
        """Send a dataset, which starts its annotation.

        The same call again goes on where it was interrupted; what is annotated already is not
        annotated again.

        Parameters
        ----------
        imzml_fn, ibd_fn : path
            The files; the ibd is found beside the imzML.
        name : str, optional
            Name of the dataset; that of the file if not given.
        databases : sequence of path
            Molecule tables, CSV or TSV; the installation's if none.
        adducts : sequence of str, optional
            Such as ``+H``.
        ppm : float, optional
            Half width of an m/z window.
        folder : str
            Folder in the inbox.
        replace_other : bool
            Whether other data of that name may be replaced.
        check : bool
            Whether the dataset is looked at first.
        **settings
            Any further setting of ``ionbox submit``: ``polarity``, ``analyzer``,
            ``resolving_power``, …

        Returns
        -------
        str
            The name of the dataset, for `datasets`.

        Raises
        ------
        InvalidInput
            If the dataset or a setting is not fit; all problems at once. Nothing is sent then.
        """
        with in_python(), plain_errors():
            given = {"adducts": adducts and list(adducts), "ppm": ppm, **settings}
            given = {key: value for key, value in given.items() if value is not None}
            problems = check_keys(given, "submit_dataset")
            if problems:
                raise InvalidConfig("\n".join(problems))
            dataset = _find(Path(imzml_fn), ibd_fn)
            named = _check_name(name or dataset.imzml.stem)
            config = [ConfigLayer("submit_dataset", given)]
            if check:
                self._require_fit(dataset, config)
            uploader = Uploader(self._account.client("s3"), self.bucket)
            submission = plan_submission(
                dataset,
                [Path(path) for path in databases],
                merge_settings(config, dataset.sidecar),
                folder,
                uploader,
                named,
            )
            if not replace_other:
                refuse_replacing(submission, uploader)
            send(submission, uploader, _tell_nobody)
        return named

    def datasets(
        self,
        nameMask: str = "",  # noqa: N803 (METASPACE's name of it)
        *,
        status: str | None = None,
        last: int = 100,
    ) -> list[InboxDataset]:
        """Return the newest runs.

        Parameters
        ----------
        nameMask : str
            Only datasets whose name has this in it.
        status : str, optional
            Only runs of this status.
        last : int
            How many of the newest runs are looked at.
        """
        with in_python(), plain_errors():
            installation = self._find_installation()
            found = [
                self._describe(attempt, installation)
                for attempt in aws_runs(self._account, installation).recent(last)
            ]
        return [
            each
            for each in found
            if nameMask in each.name and (status is None or each.status == status)
        ]

    def dataset(self, name: str) -> Run:
        """Open the newest results of a dataset.

        Raises
        ------
        NotInResults
            If there are none.
        """
        found = [each for each in self.datasets(name) if each.name == name]
        if not found:
            raise NotInResults(f"no run of a dataset named '{name}'; datasets() lists them")
        done = [each for each in found if each.results_uri]
        return (done or found)[0].open()

    def _describe(self, attempt: Attempt, installation: Installation) -> InboxDataset:
        return InboxDataset(
            name=attempt.dataset,
            id=attempt.run_id or attempt.name,
            status=attempt.status,
            started=attempt.execution.started,
            n_annotations=attempt.n_annotations,
            dollars=attempt.dollars,
            message=say_in_python(f"{attempt.message} {attempt.advice}".strip()),
            results_uri=f"s3://{installation.results}/{attempt.results}" if attempt.results else "",
            _profile=self._account.profile,
            _region=self._account.region,
            _inbox=f"s3://{installation.inbox}",
        )

    def _find_installation(self) -> Installation:
        """Return the installation; that of a bucket is the stack that says it is its inbox."""
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

    def _require_fit(self, dataset: LocalDataset, config: Sequence[ConfigLayer]) -> None:
        """Refuse a dataset that could not be annotated."""
        known = self._installation.default_config if self._installation else {}
        accept_profile = bool(config[0].settings.get("accept_profile"))
        with tempfile.TemporaryDirectory() as folder:
            linked = _link(dataset, Path(folder))
            report = check_dataset(linked, config, accept_profile=accept_profile, defaults=known)
        missing = (f"{name}: the imzML does not say; give {name}=…" for name in report.missing)
        problems = [*report.errors, *missing]
        if problems:
            raise InvalidDataset("\n".join(problems))


def _link(dataset: LocalDataset, folder: Path) -> Path:
    """Bring the files of a dataset together, wherever they lie; return the imzML."""
    stem = dataset.imzml.stem
    names = (dataset.imzml.name, f"{stem}{dataset.ibd.suffix}", f"{stem}.json")
    for path, name in zip((dataset.imzml, dataset.ibd, dataset.sidecar), names, strict=True):
        if path.exists():
            (folder / name).symlink_to(path.resolve())
    return folder / dataset.imzml.name


def _find(imzml: Path, ibd: Path_ | None) -> LocalDataset:
    dataset = find_dataset(imzml)
    return dataset if ibd is None else replace(dataset, ibd=Path(ibd))


def _check_name(name: str) -> str:
    if not re.fullmatch(r"[^/\\\x00-\x1f]{1,200}", name) or name.strip(". ") == "":
        raise InvalidConfig(
            f"name: {name!r} cannot be a file's name; give one without slashes, 200 characters at "
            "most"
        )
    return name


def _tell_nobody(_: Upload, __: str) -> Callable[[int], None]:
    return lambda n_bytes: None
