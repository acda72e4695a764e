"""Datasets to annotate, and their runs, with the names of METASPACE's client.

`Inbox` is what METASPACE's ``SMInstance`` is: `Inbox.submit_dataset` sends a dataset,
`Inbox.datasets` lists runs, `Inbox.dataset` opens results. It checks what a script passes and
leaves the rest to a `_Site`: a bucket on AWS (``bucket.py``) or a folder of this machine
(``folder.py``).
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from ionbox_cloud.messages import ConfigLayer
from ionbox_cloud.stored.file_records import IbdChecksum
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
    """Where datasets go, on AWS or on this machine: what `Inbox` needs of either."""

    @property
    def is_remote(self) -> bool:
        """Whether files are sent away."""
        ...

    @property
    def default_config(self) -> Mapping[str, Any]:
        """Settings that hold where neither caller, sidecar nor imzML says one."""
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
        checksum: IbdChecksum | None,
    ) -> None:
        """Have a dataset annotated under a name; `Inbox.submit_dataset` says the rest.

        ``checksum`` is that of the ibd, if the dataset was checked.
        """
        ...

    def recent(self, last: int) -> list[InboxDataset]:
        """Return the newest runs, newest first; ``last`` is how many at most."""
        ...


class Inbox:
    """Where datasets go: the inbox bucket of an installation, or a folder of this machine.

    Parameters
    ----------
    stack : str
        Name of the CloudFormation stack, or ``s3://BUCKET`` of its inbox.
    local : bool
        Whether to annotate on this machine, in the work folder of ``ionbox annotate``, instead of
        on AWS.
    work : path, optional
        Annotate on this machine in this work folder; ``local`` need not be given then.
    profile, region : str, optional
        For AWS: as in the AWS command line.

    Raises
    ------
    UserMustAct
        For AWS: if there are no credentials or no region, or no working installation of that name
        (``ionbox deploy`` makes one).

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

        On AWS the call returns when the files have been sent, and `datasets` shows how the run is
        going; on this machine it returns when the dataset has been annotated. The same call again
        goes on where it was interrupted; what is annotated already is not annotated again.

        Parameters
        ----------
        imzml_fn, ibd_fn : path
            The files; if the ibd is not given, it is found beside the imzML.
        name : str, optional
            Name of the dataset; that of the imzML if not given.
        databases : sequence of path
            Molecule tables, CSV or TSV with columns id, name and formula. If none are given, those
            that the sidecar config names, or else the installation's; this machine has none of its
            own.
        adducts : sequence of str, optional
            Adducts to look for, such as ``+H``; the usual ones of the polarity if not given.
        ppm : float, optional
            Half width of an m/z window, in millionths of the m/z.
        folder : str
            Folder in the inbox bucket, to keep datasets of the same name apart; not for this
            machine.
        replace_other : bool
            Whether other data of the same name may be replaced.
        check : bool
            Whether to read the dataset first and refuse what could not be annotated, before
            anything is sent; on AWS also an ibd whose checksum is not the one its imzML declares.
        **settings
            Any further setting of a run: ``polarity``, ``analyzer``, ``resolving_power``, …
            ``ionbox submit --help`` lists them. The three named here must be given if neither the
            imzML nor the sidecar config says them.

        Returns
        -------
        str
            The name of the dataset, for `datasets` and `dataset`.

        Raises
        ------
        InvalidInput
            If the dataset, a database or a setting cannot be used (as `InvalidDataset`,
            `InvalidDatabase` or `InvalidConfig`); what the check finds is said all at once. Nothing
            is sent then.
        UserMustAct
            On AWS, if the inbox has other data of that name (give another name or ``folder``, or
            ``replace_other=True``), or permissions are missing.
        OperateError
            On AWS, if it cannot be reached; try again.
        RunFailed
            On this machine, if the run failed for another reason; the message names its log.
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
            checksum = self._require_fit(dataset, config) if check else None
            self._site.send(
                dataset,
                [Path(path) for path in databases],
                config,
                named,
                folder=folder,
                replace_other=replace_other,
                checksum=checksum,
            )
        return named

    def datasets(
        self,
        nameMask: str = "",  # noqa: N803 (METASPACE's name of it)
        *,
        status: str | None = None,
        last: int = 100,
    ) -> list[InboxDataset]:
        """Return the newest runs, failed and repeated ones too, the newest first.

        Parameters
        ----------
        nameMask : str
            Only datasets whose name has this text in it; upper and lower case differ.
        status : str, optional
            Only runs of this status: ``running``, ``succeeded``, ``failed``, ``invalid input``,
            ``timed out``, ``interrupted`` or ``cancelled``.
        last : int
            How many of the newest runs are looked at; fewer are returned if some do not fit.

        Returns
        -------
        list of InboxDataset
            Name, status, cost and, of those that failed, why; ``open()`` opens the results.

        Raises
        ------
        InvalidConfig
            If there is no such status.
        UserMustAct
            On AWS, if permissions are missing, or no stack has the bucket as its inbox.
        OperateError
            On AWS, if it cannot be reached; try again.
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

        Parameters
        ----------
        name : str
            Its whole name, as `submit_dataset` returned it.

        Returns
        -------
        Run
            That of the newest run that succeeded, among those that `datasets` looks at.

        Raises
        ------
        NotInResults
            If none of these runs is of the dataset, or none of its runs has results; the message
            says how the newest ended.
        """
        found = [each for each in self.datasets(name) if each.name == name]
        if not found:
            raise NotInResults(f"no run of a dataset named '{name}'; datasets() lists them")
        # without any results, opening the newest run raises with the reason it has none
        done = [each for each in found if each.results_uri]
        return (done or found)[0].open()

    def _require_fit(
        self, dataset: LocalDataset, config: Sequence[ConfigLayer]
    ) -> IbdChecksum | None:
        """Refuse a dataset that could not be annotated; a missing setting is a problem, too.

        Returns the checksum of the ibd, if it was read whole.
        """
        with tempfile.TemporaryDirectory() as folder:
            # the check finds an ibd beside its imzML only, and ibd_fn may be anywhere
            linked = link_dataset(dataset, Path(folder), dataset.imzml.stem)
            report = check_dataset(
                linked, config, defaults=self._site.default_config, sending=self._site.is_remote
            )
        missing = (f"{name}: the imzML does not say; give {name}=…" for name in report.missing)
        problems = [*report.errors, *missing]
        if problems:
            raise InvalidDataset("\n".join(problems))
        return report.checksum


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
