"""Datasets to annotate, and their runs, with the names of METASPACE's client."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from ionbox_cloud.messages import ConfigLayer
from ionbox_science.errors import InvalidConfig, InvalidDataset
from ionbox_science.setting_kinds import check_keys

from ionbox.datasets.check import check as check_dataset
from ionbox.datasets.files import LocalDataset, find_dataset, link_dataset
from ionbox.errors import NotInResults
from ionbox.inbox.bucket import BucketInbox
from ionbox.inbox.dataset import STATUSES, InboxDataset
from ionbox.inbox.folder import FolderInbox
from ionbox.python_words import in_python
from ionbox.run import Run
from ionbox.where import DEFAULT_STACK
from ionbox.work_folder import default_work_folder

Path_ = str | os.PathLike[str]


class _Site(Protocol):
    """Where datasets go: on AWS or on this machine."""

    @property
    def default_config(self) -> Mapping[str, Any]:
        """Settings that hold where nothing else is said."""
        ...

    def send(
        self,
        dataset: LocalDataset,
        databases: Sequence[Path],
        config: Sequence[ConfigLayer],
        name: str,
        *,
        folder: str,
        replace_other: bool,
    ) -> None:
        """Have a dataset annotated."""
        ...

    def recent(self, last: int) -> list[InboxDataset]:
        """Return the newest runs."""
        ...


class Inbox:
    """Where datasets go: the inbox bucket of an installation, or a folder of this machine.

    Parameters
    ----------
    stack : str
        Name of the CloudFormation stack, or ``s3://BUCKET`` of its inbox.
    local : bool
        Annotate on this machine, in the work folder of ``ionbox annotate``.
    work : path, optional
        The same, in another work folder.
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

    The same on this machine:

    >>> inbox = ionbox.Inbox(local=True)
    >>> inbox.submit_dataset("tissue.imzML", polarity="positive", analyzer="orbitrap",
    ...                      resolving_power=140_000, databases=["acids.tsv"])
    'tissue'
    >>> inbox.dataset("tissue").databases
    ['acids']
    """

    def __init__(
        self,
        stack: str = DEFAULT_STACK,
        *,
        local: bool = False,
        work: Path_ | None = None,
        profile: str | None = None,
        region: str | None = None,
    ) -> None:
        self._site: _Site
        with in_python():
            if local or work is not None:
                self._site = FolderInbox(
                    default_work_folder() if work is None else Path(work).expanduser().resolve()
                )
            else:
                self._site = BucketInbox(stack, profile, region)

    def __repr__(self) -> str:
        return f"Inbox({self._site})"

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
        """Send a dataset, which starts its annotation; on this machine, annotate it.

        The same call again goes on where it was interrupted; what is annotated already is not
        annotated again.

        Parameters
        ----------
        imzml_fn, ibd_fn : path
            The files; the ibd is found beside the imzML.
        name : str, optional
            Name of the dataset; that of the file if not given.
        databases : sequence of path
            Molecule tables, CSV or TSV; the installation's if none. This machine has none.
        adducts : sequence of str, optional
            Such as ``+H``.
        ppm : float, optional
            Half width of an m/z window.
        folder : str
            Folder in the inbox bucket.
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
        RunFailed
            On this machine, if the run failed for another reason.
        """
        with in_python():
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
            self._site.send(
                dataset,
                [Path(path) for path in databases],
                config,
                named,
                folder=folder,
                replace_other=replace_other,
            )
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
            Only runs of this status: ``running``, ``succeeded``, ``failed``, ``invalid input``,
            ``timed out``, ``interrupted`` or ``cancelled``.
        last : int
            How many of the newest runs are looked at.
        """
        if status is not None and status not in STATUSES:
            raise InvalidConfig(f"status: no '{status}'; give one of {', '.join(STATUSES)}")
        with in_python():
            found = self._site.recent(last)
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

    def _require_fit(self, dataset: LocalDataset, config: Sequence[ConfigLayer]) -> None:
        """Refuse a dataset that could not be annotated."""
        accept_profile = bool(config[0].settings.get("accept_profile"))
        with tempfile.TemporaryDirectory() as folder:
            linked = link_dataset(dataset, Path(folder), dataset.imzml.stem)
            report = check_dataset(
                linked, config, accept_profile=accept_profile, defaults=self._site.default_config
            )
        missing = (f"{name}: the imzML does not say; give {name}=…" for name in report.missing)
        problems = [*report.errors, *missing]
        if problems:
            raise InvalidDataset("\n".join(problems))


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
