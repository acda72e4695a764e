"""The folder people name with --out: whose results it has, and whether new ones may go there.

Results may replace results, but never somebody's other files. Used before annotating and copying,
so that a wrong folder is refused in a second, not after an hour.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ionbox_cloud.published import RECORD, STATUS
from ionbox_science.errors import InvalidConfig

from ionbox.json_objects import as_object, read_object


def check_folder(out: Path, name: str = "--out") -> None:
    """Refuse a folder for results that holds something else, before any work.

    Parameters
    ----------
    out : Path
        The folder; it need not exist.
    name : str
        The flag or argument it was given as, for the message.

    Raises
    ------
    InvalidConfig
        If it holds files but no results, is a file, or cannot be written to.
    """
    if out.is_dir():
        ours = "run_id" in read_object(out / RECORD) or "status" in read_object(out / STATUS)
        if not ours and any(out.iterdir()):
            raise InvalidConfig(f"{name}: {out} is not empty and no results folder; give another")
    elif out.exists():
        raise InvalidConfig(f"{name}: {out} is a file; give a folder")
    # what does not exist yet is made in the nearest folder that does
    existing = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InvalidConfig(f"{name}: cannot write to {existing}; give another folder")


def read_run_id(out: Path) -> str:
    """Return the id of the run whose results a folder has; empty if none can be read."""
    return str(read_object(out / RECORD).get("run_id", ""))


def read_dataset(folder: Path) -> dict[str, Any]:
    """Return what results say of their dataset, as in ``run.json``; empty if none can be read."""
    return as_object(read_object(folder / RECORD).get("dataset"))
