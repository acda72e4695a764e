"""``sources.json``: where the data of local results are, the dataset's sorted peaks and its ibd.

Nothing else in a folder of results has a path of this machine in it, so a folder that is passed on
loses only this. Written by ``ionbox annotate``, read by `ionbox.reading.place`.
"""

from __future__ import annotations

import json
from pathlib import Path

from ionbox_cloud.published import SOURCES

from ionbox.json_objects import read_object


def read_sources(folder: Path) -> dict[str, str]:
    """Read where the data of local results were.

    Returns
    -------
    dict of str to str
        Absolute paths under ``results`` and ``ibd``; empty if the folder has no such file.
    """
    return {key: str(item) for key, item in read_object(folder / SOURCES).items()}


def write_sources(folder: Path, results: Path, ibd: Path) -> None:
    """Write where the data of local results are.

    Parameters
    ----------
    folder : Path
        Folder of the run's results.
    results : Path
        The work folder's part that stands for the results bucket; segments are in it.
    ibd : Path
        The user's file.
    """
    value = {"results": str(results.resolve()), "ibd": str(ibd.resolve())}
    (folder / SOURCES).write_text(json.dumps(value, indent=1) + "\n", "utf-8")
