"""JSON objects that may be missing, damaged or half written: read as empty instead of failing.

For files that say something useful if they can be read but whose loss must not stop anything: a
run that is being written, a folder that people tidied up. What must be whole is read by
`ionbox.reading.folder`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def as_object(value: Any) -> dict[str, Any]:
    """Return a parsed JSON value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def parse_object(text: str) -> dict[str, Any]:
    """Parse a JSON object; empty if the text is not one."""
    try:
        return as_object(json.loads(text))
    except ValueError:
        return {}


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object; empty if there is no such file, or it cannot be read as one."""
    try:
        return parse_object(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
