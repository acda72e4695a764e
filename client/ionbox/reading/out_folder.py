"""The folder people name with --out: whose results it has, and whether new ones may go there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ionbox_cloud.published import RECORD, STATUS
from ionbox_science.errors import InvalidConfig

from ionbox.json_objects import as_object, read_object


def check_folder(out: Path, name: str = "--out") -> None:
    """Refuse a results folder that holds something else, before any work.

    Parameters
    ----------
    out : Path
        The folder.
    name : str
        What people gave it as.
    """
    if out.is_dir():
        ours = "run_id" in read_object(out / RECORD) or "status" in read_object(out / STATUS)
        if not ours and any(out.iterdir()):
            raise InvalidConfig(f"{name}: {out} is not empty and no results folder; give another")
    elif out.exists():
        raise InvalidConfig(f"{name}: {out} is a file; give a folder")
    existing = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InvalidConfig(f"{name}: cannot write to {existing}; give another folder")


def read_run_id(out: Path) -> str:
    """Return whose results a folder has; empty if it has none that can be read."""
    return str(read_object(out / RECORD).get("run_id", ""))


def read_dataset(folder: Path) -> dict[str, Any]:
    """Return what results know of their dataset; empty if there are none that can be read."""
    return as_object(read_object(folder / RECORD).get("dataset"))
