"""Where the data of local results are: the dataset's sorted peaks, and its ibd.

Nothing else in a folder of results knows a path of this machine.
"""

from __future__ import annotations

import json
from pathlib import Path

from ionbox_cloud.published import SOURCES

from ionbox.json_objects import read_object


def read_sources(folder: Path) -> dict[str, str]:
    """Read where the data of local results were; empty if it is not said."""
    return {key: str(item) for key, item in read_object(folder / SOURCES).items()}


def write_sources(folder: Path, results: Path, ibd: Path) -> None:
    """Write where the data of local results are.

    Parameters
    ----------
    folder : Path
        Of the run's results.
    results : Path
        What stands for the results bucket: segments are in it.
    ibd : Path
        The user's file.
    """
    value = {"results": str(results.resolve()), "ibd": str(ibd.resolve())}
    (folder / SOURCES).write_text(json.dumps(value, indent=1) + "\n", "utf-8")
