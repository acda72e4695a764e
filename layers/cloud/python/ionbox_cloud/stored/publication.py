"""Files of the results as they are written, with size and SHA-256 of each.

States write results through a `Publication`, which keeps both; PublishResults gathers them into
``run.json``, by which `ionbox_cloud.report.published_run` later finds damage.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from ionbox_cloud import keys
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.storage.array_bytes import encode_arrays
from ionbox_cloud.storage.side_by_side import SideBySide
from ionbox_cloud.store import Store
from ionbox_cloud.stored.file_records import PublishedFile

if TYPE_CHECKING:  # collections.abc has it from Python 3.12 on
    from typing_extensions import Buffer


class Publication:
    """Writes files of a run's results, and knows what it wrote.

    Parameters
    ----------
    results : Store
        The results bucket.
    plan : RunPlan
        The run.

    Attributes
    ----------
    files : dict of str to PublishedFile
        What was written, by its name in the folder of the run.
    """

    def __init__(self, results: Store, plan: RunPlan) -> None:
        self._results = results
        self._plan = plan
        self._writes: SideBySide | None = None
        self.files: dict[str, PublishedFile] = {}

    def key(self, name: str) -> str:
        """Return the key of a file of the run."""
        return keys.results(self._plan.dataset_id, self._plan.run_id, name)

    def write(self, name: str, data: Buffer) -> None:
        """Write a file."""
        content = memoryview(data).cast("B")
        if self._writes is None:
            self._results.write_whole(self.key(name), content)
        else:
            self._writes.start(self._results.write_whole, self.key(name), content)
        self.files[name] = PublishedFile(len(content), hashlib.sha256(content).hexdigest())

    @contextlib.contextmanager
    def written_by(self, writes: SideBySide) -> Iterator[None]:
        """Let the files of a block be written side by side, for those none of which names others.

        They are there when the calls of ``writes`` are made, not before.
        """
        before, self._writes = self._writes, writes
        try:
            yield
        finally:
            self._writes = before

    def write_arrays(
        self, name: str, arrays: Mapping[str, npt.NDArray[Any]], *, compressed: bool = False
    ) -> None:
        """Write an ``.npz`` file."""
        self.write(name, encode_arrays(arrays, compressed=compressed))

    def note(self, work: Store, execution_id: str, state: str, item: int = 0) -> None:
        """Leave what was written for PublishResults."""
        listed = {name: file.to_json() for name, file in self.files.items()}
        work.write_json(keys.published_files(execution_id, state, item), listed)


def gather_files(work: Store, execution_id: str) -> dict[str, PublishedFile]:
    """Bring together what the states of an execution published, by name."""
    noted = work.read_many_json(work.list(keys.all_published_files(execution_id)))
    listed = itertools.chain.from_iterable(files.items() for files in noted)
    return {name: PublishedFile.from_json(file) for name, file in sorted(listed)}
