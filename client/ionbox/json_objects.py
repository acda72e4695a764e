"""JSON that people may have deleted or a run only half written: an object, or an empty one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def as_object(value: Any) -> dict[str, Any]:
    """Return what JSON held; empty if that was no object."""
    return value if isinstance(value, dict) else {}


def parse_object(text: str) -> dict[str, Any]:
    """Parse an object; empty if the text is none."""
    try:
        return as_object(json.loads(text))
    except ValueError:
        return {}


def read_object(path: Path) -> dict[str, Any]:
    """Read an object; empty if there is no such file, or it is damaged."""
    try:
        return parse_object(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
