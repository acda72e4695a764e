"""Results close to a place that holds none: what somebody may have meant."""

from __future__ import annotations

from pathlib import Path

from ionbox_cloud.published import RECORD, STATUS

from ionbox.errors import NoResults, UserMustAct
from ionbox.reading.folder import ResultsFolder

ADVICE = (
    "give the results folder, --local for a run in this machine's work folder, or --region for an "
    "installation in AWS"
)
_LOCAL_ADVICE = "give the results folder, or a name that 'ionbox list --local' shows"


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


def require_results_folder(path: Path, *, local: bool = False) -> None:
    """Refuse a path that is no results folder.

    Parameters
    ----------
    path : Path
        What was named.
    local : bool
        Whether --local was given, which is no advice then.

    Raises
    ------
    NoResults
        If a run ended there without results.
    UserMustAct
        If it is something else.
    """
    if (path / RECORD).is_file():
        return
    if (path / STATUS).is_file():
        ResultsFolder.find(path, None, None)
    raise UserMustAct(f"{describe_path(path)}; {_LOCAL_ADVICE if local else ADVICE}")


def describe_path(path: Path) -> str:
    """Say what is at a path that holds no results, and where results are close by."""
    if not path.exists():
        return f"there is no folder '{path}' here"
    near = find_nearby(path)
    hint = f"; did you mean {near}?" if near else ""
    what = "holds" if path.is_dir() else "is a file and holds"
    return f"{path} {what} no results (no {RECORD}{hint})"
