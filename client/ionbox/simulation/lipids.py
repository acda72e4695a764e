"""The built-in lipid database as a file; ``ionbox lipids``.

The species are enumerated by `ionbox_science.theory.lipids`.
"""

from __future__ import annotations

import os
from pathlib import Path

from ionbox_science.theory.lipids import enumerate_lipids, write_table


def write_lipids(path: Path) -> int:
    """Write the built-in lipid species as a tab-separated database with columns id, name, formula.

    The file appears complete or not at all; one that is there is replaced.

    Parameters
    ----------
    path : Path
        The file; its folder is made if it is not there.

    Returns
    -------
    int
        Number of species written.
    """
    lipids = enumerate_lipids()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(write_table(lipids))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return len(lipids)
