"""The folder in which local runs keep caches, intermediates and logs."""

from __future__ import annotations

import os
from pathlib import Path


def default_work_folder() -> Path:
    """Return the user's cache folder for ionbox."""
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "ionbox"
