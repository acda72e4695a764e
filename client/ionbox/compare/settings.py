"""What two runs were made with: settings, databases and versions that differ.

Scores that differ have a reason here, or the data differ; ``ionbox compare`` prints these lines
below its counts if both sides are runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_NONE = "none"


def describe_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """Return a line for each kind of difference between two run records (``run.json``).

    >>> a = {"config": {"ppm": 3.0}, "databases": [], "versions": {}}
    >>> describe_differences(a, {**a, "config": {"ppm": 1.0}})
    ['settings differ: ppm 3 → 1']
    """
    kinds = {
        "settings": _changes(a["config"], b["config"]),
        "databases": _changes(_checksums(a), _checksums(b)),
        "versions": _changes(a.get("versions", {}), b.get("versions", {})),
    }
    return [f"{kind} differ: {'; '.join(found)}" for kind, found in kinds.items() if found]


def _checksums(record: Mapping[str, Any]) -> dict[str, str]:
    return {str(each["name"]): str(each["content_id"])[:8] for each in record["databases"]}


def _changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    return list(_each_change(a, b))


def _each_change(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[str]:
    for name in dict.fromkeys([*a, *b]):
        if a.get(name) != b.get(name):
            yield f"{name} {_write(a.get(name))} → {_write(b.get(name))}"


def _write(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_write, value)) or _NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return _NONE if value is None or value == "" else str(value)
