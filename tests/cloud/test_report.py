"""What report.html carries."""

from __future__ import annotations

import base64
import json
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from ionbox_cloud.report import page_assembly
from ionbox_cloud.report.report_file import read_report
from ionbox_cloud.report.rows import MAX_PARTNERS, Partner
from ionbox_cloud.stored.pictures import GOOD_FDR

from cdk.node import NODE
from tests import patience
from tests.reports import CODE, MadeUp, hostile


def test_a_report_has_the_schema_that_the_page_reads() -> None:
    run = read_report(MadeUp().report())
    assert run["version"] == 2
    assert run["omitted"] == {"annotations": 0, "images": 0, "isotopes": 0}
    assert run["dataset"]["pixelSize"] == [20.0, 20.0]
    assert [len(run["msm"]["lipids"][kind]) for kind in ("targets", "decoys")] == [50, 50]
    assert run["fdrCurve"]["lipids"][-1][0] == 40
    first = run["annotations"][0]
    assert first["ion"] == "C10H20O1+H+"
    assert first["adduct"] == "M+H"
    assert first["molecules"] == [{"id": "ID0-0", "name": "molecule 0"}]
    assert first["image"] == 0
    assert len(first["patternMz"]) == len(first["abundance"]) == len(first["observed"]) == 4
    assert [row["fdr"] for row in run["annotations"]] == sorted(
        row["fdr"] for row in run["annotations"]
    )


def test_equal_runs_make_equal_reports() -> None:
    assert MadeUp().report() == MadeUp().report()


def test_partners_are_named() -> None:
    made_up = MadeUp(n=3, partners={"C10H20O1+H+": [Partner("C11H22O2+Na+", 0.91234567)]})
    rows = read_report(made_up.report())["annotations"]
    assert rows[0]["partners"] == [{"ion": "C11H22O2+Na+", "coefficient": 0.912346}]
    assert rows[1]["partners"] == []


def test_a_row_keeps_its_best_partners() -> None:
    many = [Partner(f"C{i}H4+H+", 1 - i / 100) for i in range(1, 50)]
    made_up = MadeUp(n=1, partners={"C10H20O1+H+": many})
    (row,) = read_report(made_up.report())["annotations"]
    assert [each["ion"] for each in row["partners"]] == [each.ion for each in many[:MAX_PARTNERS]]


@pytest.mark.parametrize("max_bytes", [250_000, 400_000, 10**6])
def test_a_report_stays_within_its_size_and_says_what_is_left_out(max_bytes: int) -> None:
    data = MadeUp(n=600, max_bytes=max_bytes).report()
    run = read_report(data)
    assert len(data) <= max_bytes
    n_images = len(re.findall(rb'id="image-', data))
    assert len(run["annotations"]) + run["omitted"]["annotations"] == 600
    assert n_images + run["omitted"]["images"] == len(run["annotations"])
    assert [row["image"] for row in run["annotations"]] == list(range(len(run["annotations"])))


_IMAGES = re.compile(rb'id="image-(\d+)">(.*?)</script>')


@pytest.mark.parametrize("databases", [("lipids",), ("lipids", "acids")])
def test_bad_annotations_leave_room_for_all_isotopes_of_good_ones(
    databases: tuple[str, ...],
) -> None:
    whole = MadeUp(n=60, databases=databases).report()
    n_bytes = sum(len(found[0]) for found in _IMAGES.finditer(whole))
    data = MadeUp(n=60, databases=databases, max_bytes=len(whole) - n_bytes * 2 // 3).report()
    run = read_report(data)
    good = {row["image"] for row in run["annotations"] if row["fdr"] <= GOOD_FDR}
    assert 5 < len(good) < 15
    stored = {int(row): json.loads(images)["packed"] for row, images in _IMAGES.findall(data)}
    complete = {row for row, images in stored.items() if None not in images}
    assert complete == good
    assert good < set(stored)
    assert run["omitted"]["isotopes"] == len(stored) - len(good)


def test_hostile_names_stay_inside_their_data() -> None:
    made_up = hostile()
    data = made_up.report()
    assert data.count(b"<script") == data.count(b"</script>") == 2 + made_up.n
    assert b"<img" not in data
    run = read_report(data)
    assert run["dataset"]["name"] == f"data {CODE}"
    assert run["annotations"][0]["molecules"][1]["name"] == f"{CODE}0"


def test_the_page_reads_images_of_reports_of_version_1() -> None:
    """They have two bytes of every pixel, as whoever kept such a report still has."""
    image = np.array([0, 1, 65535, 20], "<u2")
    compressor = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = compressor.compress(image.tobytes()) + compressor.flush()
    old = {"max": 131070.0, "data": base64.b64encode(packed).decode()}
    module = (Path(page_assembly.__file__).parent / "page/js/sources/source.js").as_uri()
    code = (
        f"import({json.dumps(module)})"
        f".then((source) => source.decodeImage({json.dumps(old)}, 4))"
        ".then((image) => console.log(JSON.stringify([...image])));"
    )
    done = patience.run([NODE, "-e", code])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [0, 2, 131070, 40]
