"""The viewer shows reports of any version in its own page."""

from __future__ import annotations

from pathlib import Path

import pytest
from ionbox.reading.place import Data, Place
from ionbox.view.run_of_report import read_run
from ionbox_cloud.report.report_file import DATA_VERSION
from ionbox_cloud.store import Store

from tests.reports import MadeUp


@pytest.mark.parametrize(("version", "n_warnings"), [(DATA_VERSION, 0), (DATA_VERSION + 1, 1)])
def test_a_report_of_a_newer_version_is_shown_with_a_warning(
    version: int, n_warnings: int, tmp_path: Path
) -> None:
    said, found = f'"version":{DATA_VERSION},'.encode(), MadeUp().report()
    assert said in found
    newer = found.replace(said, f'"version":{version},'.encode())
    (tmp_path / "report.html").write_bytes(newer)
    gone = Data(None, missing="gone")
    run = read_run(Place(Store.open(tmp_path.as_uri()), "", gone, gone, "here"), {})
    assert len([text for text in run["warnings"] if "a newer ionbox wrote" in text]) == n_warnings
