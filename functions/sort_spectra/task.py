"""SortSpectra: sort a dataset of any size on the disk of one Fargate task, in bounded memory.

One of three ways to the same bytes (see ``ionbox_cloud/planning/sort_plan.py``), for datasets that
fit no function. Reads the ibd in the inbox and the stored header; writes ``segments/<segments>/``:
segments, ``tic.npz`` and ``manifest.json``. Answers by task token instead of returning.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from ionbox_cloud.environment import count_threads
from ionbox_cloud.fargate_task import state_task
from ionbox_cloud.handlers import peak_memory_mb
from ionbox_cloud.messages import RunRef, SortedDataset
from ionbox_cloud.run_plan import read_plan
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.dataset import open_planned_dataset
from ionbox_cloud.stored.segment_writing import SegmentWriter
from ionbox_science.imzml.ibd import PassingDigest
from ionbox_science.sorting.disk_sorting import sort_on_disk

_MB = 1 << 20
# The part of the task's memory that this process may take; the rest is for the system, and for
# buffers of what is being read and written.
_SHARE = 0.85


@state_task("SortSpectra", RunRef)
def main(message: RunRef, stores: Stores, memory_mb: int) -> SortedDataset:
    """Write the segments and the total ion current, the manifest last."""
    plan = read_plan(stores.work, message.execution_id)
    header, read_range = open_planned_dataset(stores, plan)
    digest = PassingDigest(header.checksum_algorithm, read_range)
    segments = SegmentWriter(stores.results, plan, header)
    with tempfile.TemporaryDirectory(prefix="ionbox-sort-") as folder:
        tic = sort_on_disk(
            header,
            read_range,
            np.array(plan.segment_bounds),
            segments.write,
            # less what interpreter, libraries and header have taken already
            memory_bytes=int((_SHARE * memory_mb - peak_memory_mb()) * _MB),
            folder=Path(folder),
            n_threads=count_threads(),
            watch=digest,
        )
    return segments.close(tic, digest.finish(plan.ibd_bytes))


if __name__ == "__main__":
    main()
