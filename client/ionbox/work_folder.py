"""The folder in which local runs keep caches, intermediates and logs, if no other is given."""

from __future__ import annotations

import os
from pathlib import Path


def default_work_folder() -> Path:
    """Return ionbox's folder in the user's cache; it need not exist yet.

    As the XDG base directory specification has it, a relative ``XDG_CACHE_HOME`` does not count.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (cache if cache.is_absolute() else Path("~/.cache").expanduser()) / "ionbox"
