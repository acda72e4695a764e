"""Results close to a place that holds none: what somebody may have meant."""

from __future__ import annotations

from pathlib import Path

from ionbox.reading.damage import RECORD
from ionbox.reading.folder import STATUS, ResultsFolder
from ionbox.run_errors import NoResults


def find_nearby(path: Path) -> Path | None:
    """Return the results in or around a path that is there, None if there are none."""
    if not path.exists():
        return None
    near = (path / "results", path.parent)
    return next((folder for folder in near if (folder / RECORD).is_file()), None)


def find_results(
    place: str, profile: str | None, region: str | None, inbox: str | None = None
) -> ResultsFolder:
    """Open results as `ResultsFolder.find` does, and point to those nearby if there are none.

    Raises
    ------
    NoResults
        If there are none, or they cannot be read.
    """
    path = Path(place).expanduser()
    near = find_nearby(path)
    if near is not None and not any((path / name).is_file() for name in (RECORD, STATUS)):
        what = "holds" if path.is_dir() else "is a file and holds"
        raise NoResults(f"{path} {what} no results (no {RECORD}); did you mean {near}?")
    return ResultsFolder.find(place, profile, region, inbox)
