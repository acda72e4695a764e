"""A work folder of this machine as an inbox: datasets are annotated here, without AWS.

For `Inbox`; what ``ionbox annotate`` does, only that results stay in the work folder.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ionbox_cloud.messages import ConfigLayer
from ionbox_cloud.stored.file_records import IbdChecksum
from ionbox_science.errors import (
    InvalidConfig,
    InvalidDatabase,
    InvalidDataset,
)

from ionbox.datasets.annotate import annotate_in
from ionbox.datasets.files import LocalDataset, find_dataset, link_dataset
from ionbox.datasets.outcome import is_other_data
from ionbox.errors import RunFailed
from ionbox.inbox.dataset import InboxDataset
from ionbox.operate.open_runs import folder_runs
from ionbox.reading.out_folder import read_dataset

_LOOKED_AT = 200
"""How many of the newest runs are searched for other data of the same name."""


class FolderInbox:
    """Where datasets go on this machine; a part of `ionbox.inbox.inbox.Inbox`.

    Parameters
    ----------
    work : Path
        The work folder: caches, intermediates, logs and results. It need not exist yet.
    """

    is_remote = False

    def __init__(self, work: Path) -> None:
        self._work = work
        self.default_config: Mapping[str, Any] = {}

    def __str__(self) -> str:
        return str(self._work)

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
        """Annotate a dataset; returns when it has been annotated.

        Raises
        ------
        InvalidInput
            If the run refused the input, by the class of what must be corrected: `InvalidDataset`,
            `InvalidDatabase`, `InvalidConfig`.
        InvalidConfig
            If ``folder`` is given, no database is, or other data of the name has been annotated
            here and ``replace_other`` is not set.
        RunFailed
            If the run failed for another reason; the message says what to do and names the log.
        """
        if folder:
            raise InvalidConfig("folder: an inbox on this machine has none; leave it out")
        if not replace_other:
            self._refuse_replacing(dataset, name)
        # a dataset is named as its files are, so files of that name are linked to the user's
        with tempfile.TemporaryDirectory() as linked:
            named = find_dataset(link_dataset(dataset, Path(linked), name))
            outcome = annotate_in(self._work, named, databases, config)
        status = outcome.status
        if status.status == "invalid_input":
            kinds = {kind.__name__: kind for kind in (InvalidConfig, InvalidDatabase)}
            raise kinds.get(status.error or "", InvalidDataset)(status.message)
        if not status.succeeded:
            told = f"{status.error}: {status.message} {status.advice or ''}".rstrip()
            raise RunFailed(f"{told} Log: {outcome.log}")

    def _refuse_replacing(self, dataset: LocalDataset, name: str) -> None:
        same = (each for each in self.recent(_LOOKED_AT) if each.name == name and each.results_uri)
        newest = next(same, None)
        if newest and is_other_data(read_dataset(Path(newest.results_uri)), dataset):
            raise InvalidConfig(
                f"name: '{name}' is the name of other data here; give another, or "
                "replace_other=True"
            )

    def recent(self, last: int) -> list[InboxDataset]:
        """Return the newest runs, newest first; ``last`` is how many at most."""
        if not self._work.is_dir():
            return []
        results = str(self._work / "results")
        return [InboxDataset.of(each, results) for each in folder_runs(self._work).recent(last)]
