"""A bucket that refuses or is silent is an error that scripts can catch, and says what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ionbox.errors import OperateError, UserMustAct
from ionbox.reading.damage import asking_storage, reading
from ionbox.reading.folder import ResultsFolder
from ionbox_cloud.errors import AccessDenied, StoreUnavailable
from ionbox_cloud.store import Store
from obstore.exceptions import BaseError, PermissionDeniedError

REFUSALS = [
    (
        AccessDenied("object 'run.json': no permission", "AccessDenied"),
        UserMustAct,
        "no permission",
    ),
    (StoreUnavailable("object 'run.json': slow", "SlowDown"), OperateError, "wait a minute"),
    (PermissionDeniedError("as zarr meets it"), UserMustAct, "no permission for S3"),
    (BaseError("Generic S3 error: HTTP error"), OperateError, "AWS cannot be reached"),
]


@pytest.mark.parametrize(("error", "kind", "sentence"), REFUSALS)
def test_what_storage_refuses_is_an_error_of_the_client(
    error: Exception, kind: type[OperateError], sentence: str
) -> None:
    with pytest.raises(kind, match=sentence), reading("s3://bucket/results", "run.json"):
        raise error
    with pytest.raises(kind, match=sentence), asking_storage("run.json"):
        raise error


@pytest.mark.parametrize("method", ["exists", "read", "list"])
def test_every_question_to_a_folder_of_results_says_so(
    method: str, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ResultsFolder.find(results, None, None)

    def refuse(*_: object) -> None:
        raise AccessDenied("object 'x': no permission", "AccessDenied")

    monkeypatch.setattr(Store, method, refuse)
    ask: dict[str, Callable[[], object]] = {
        "exists": lambda: folder.has("annotations.csv"),
        "read": lambda: folder.read("annotations.csv"),
        "list": lambda: folder.copy_to(tmp_path / "copy"),
    }
    with pytest.raises(UserMustAct, match="no permission for S3"):
        ask[method]()
