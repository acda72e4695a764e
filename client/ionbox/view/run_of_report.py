"""The run as the page wants it: what its report carries, but for the images.

The page takes the same JSON whether it is inside a report or served by ``ionbox view``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ionbox_cloud.errors import MissingObject
from ionbox_cloud.published import REPORT
from ionbox_cloud.report.report_file import DATA_VERSION, read_report
from ionbox_cloud.stored.file_records import PublishedFile

from ionbox.errors import Gone
from ionbox.reading.damage import reading, require_listed
from ionbox.reading.place import ANNOTATE_AGAIN, Place


def read_run(place: Place, listed: Mapping[str, PublishedFile]) -> dict[str, Any]:
    """Read the run from its report; one that a newer ionbox wrote has a warning more.

    Raises
    ------
    Gone
        If there is no report, or it cannot be read; annotating with ``--force`` writes it anew.
    DamagedResults
        If it is not the file that the run record lists.
    """
    try:
        data = place.results.read(place.key(REPORT))
        with reading(place.name, REPORT):
            require_listed(data, REPORT, listed)
        run = read_report(data)
    except (MissingObject, ValueError):
        raise Gone(f"these results have no {REPORT}; {ANNOTATE_AGAIN}") from None
    if run.get("version", DATA_VERSION) > DATA_VERSION:
        warning = f"a newer ionbox wrote {REPORT}, of which this page may not show all; update"
        run["warnings"] = [warning, *run.get("warnings", [])]
    return run
