"""``ionbox view`` over HTTP: the same answers from a folder, a work folder and a bucket."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import ionbox
import numpy as np
import pytest
from ionbox.account import Account
from ionbox.cli.find_place import find_place, work_folder_place
from ionbox.operate.open_runs import folder_runs
from ionbox.reading.place import Data, bucket_place, folder_place
from ionbox.view.run_reader import RunReader
from ionbox.where import Where
from ionbox_science.imzml.header import read_header
from ionbox_science.imzml.spectra import read_peaks
from ionbox_science.scoring.ion_images import Grid, extract_images, find_windows

from tests.client.ion_images import read_array
from tests.client.view.questions import PPM, Query
from tests.cloud_builders import database_table
from tests.oracles.peak_sorting import sort_peaks
from tests.viewing import (
    FORMULAS,
    Client,
    LocalRun,
    hostile_run,
    make_infinite,
    make_run,
    serving,
    shorten_report,
)


@pytest.fixture
def moved(run: LocalRun, tmp_path: Path) -> LocalRun:
    """A copy of the run that a test may spoil."""
    shutil.copytree(run.root, tmp_path / "run")
    copy = LocalRun(tmp_path / "run")
    sources = {"results": str(copy.work / "results"), "ibd": str(copy.ibd)}
    (copy.out / "sources.json").write_text(json.dumps(sources))
    return copy


@pytest.fixture(scope="module")
def bucket(run: LocalRun, aws_server: str) -> Iterator[Account]:
    """The same run in a bucket, which the environment alone does not lead to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_ENDPOINT_URL_S3", aws_server)
        account = Account(region="eu-central-1")
        s3 = account.client("s3")
        for name in ("the-results", "the-inbox"):
            where = {"LocationConstraint": "eu-central-1"}
            s3.create_bucket(Bucket=name, CreateBucketConfiguration=where)
        for path in (run.work / "results").rglob("*"):
            if path.is_file():
                key = path.relative_to(run.work / "results").as_posix()
                s3.upload_file(str(path), "the-results", key)
        s3.upload_file(str(run.ibd), "the-inbox", run.record["sources"]["ibd"])
        assert account.session.get_credentials() is not None  # from now on, the session's own
    yield account
    s3.close()


def peaks_of(run: LocalRun) -> tuple[Any, Any]:
    """The dataset's header and sorted peaks, straight from its files."""
    header = read_header(run.imzml.read_bytes(), "tissue.imzML")
    ibd = run.ibd.read_bytes()
    return header, sort_peaks(read_peaks(header, lambda offset, n: ibd[offset : offset + n]))


def some_mz(run: LocalRun) -> float:
    """First isotope peak of the best annotation."""
    return float(read_array(run.out, "mz")[0, 0])


# --- answers ---


def test_the_page_is_served_under_a_policy_that_allows_nothing_else(client: Client) -> None:
    page = client.get("/")
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "Access-Control-Allow-Origin" not in page.headers
    assert page.headers["X-Content-Type-Options"] == "nosniff"


def test_the_run_is_that_of_the_report(client: Client, run: LocalRun) -> None:
    served = client.get("/api/run").json
    assert served["version"] == 2
    assert len(served["annotations"]) == run.record["n_annotations"] > 10
    assert served["served"] == {"ppm": PPM, "anyMz": "", "spectrum": ""}


def test_annotations_that_the_report_has_no_room_for_are_listed(moved: LocalRun) -> None:
    expect_the_further_rows(moved)


def test_rows_are_read_whatever_their_names_are(tmp_path: Path) -> None:
    run = hostile_run(tmp_path)
    assert max(map(len, (run.out / "annotations.csv").read_text("utf-8").split("\n"))) > 150_000
    expect_the_further_rows(run)


def test_of_further_rows_it_is_known_who_explains_them(tmp_path: Path) -> None:
    """M'+H is 2.4 mDa heavier than M+Na, where M' has two C more than M and two H less."""

    def widen(run: LocalRun) -> None:
        run.imzml.with_suffix(".json").write_text('{"ppm": 8}')

    changed = [re.fullmatch(r"C(\d+)H(\d+)(.*)", formula) for formula in FORMULAS]
    heavier = [f"C{int(m[1]) + 2}H{int(m[2]) - 2}{m[3]}" for m in changed if m]
    run = make_run(tmp_path, table=database_table([*FORMULAS, *heavier]), edit=widen)
    rows = ionbox.open(run.out).results()
    assert (rows["explainedBy"] != "").sum() > 5
    assert (rows["fdr"] != rows["fdrAlone"]).any()
    expect_the_further_rows(run)


def expect_the_further_rows(run: LocalRun) -> None:
    with serving(folder_place(run.out)) as client:
        whole = client.get("/api/run").json["annotations"]
    shorten_report(run, 7)
    with serving(folder_place(run.out)) as client:
        served = client.get("/api/run").json
    assert served["omitted"]["annotations"] == 0
    assert served["annotations"][:7] == whole[:7]
    for found, expected in zip(served["annotations"], whole, strict=True):
        joined = {
            key: ", ".join(molecule[key] for molecule in expected["molecules"])
            for key in ("id", "name")
        }
        if found not in whole[:7]:
            expected |= {"molecules": [joined]}
        assert found == expected


def test_every_image_equals_the_stored_one(client: Client, run: LocalRun) -> None:
    images = read_array(run.out)
    for row in range(images.shape[0]):
        for isotope in range(images.shape[1]):
            found = client.get(f"/api/image/{row}/{isotope}").image
            np.testing.assert_array_equal(found, images[row, isotope])


def test_tic_and_mask(client: Client, run: LocalRun) -> None:
    np.testing.assert_allclose(client.get("/api/tic").image, read_array(run.out, "tic"), rtol=1e-6)
    np.testing.assert_array_equal(client.get("/api/mask").image, read_array(run.out, "mask"))


@pytest.mark.parametrize("ppm", [None, 0.5, 40.0])
def test_an_image_of_any_mz_equals_that_from_all_peaks(
    client: Client, run: LocalRun, ppm: float | None
) -> None:
    header, peaks = peaks_of(run)
    mz = some_mz(run) + 0.0004
    query: Query = {"mz": mz} if ppm is None else {"mz": mz, "ppm": ppm}
    windows = find_windows(peaks.mz, np.array([[mz]]), PPM if ppm is None else ppm)
    expected = extract_images(peaks, windows, Grid(header.mask))[0, 0]
    served = client.get("/api/anymz", **query).image
    np.testing.assert_array_equal(served, expected)
    np.testing.assert_array_equal(served, ionbox.open(run.out).mz_image(mz, ppm))


def test_an_image_of_any_mz_at_an_ion_is_its_isotope_image(client: Client, run: LocalRun) -> None:
    first = read_array(run.out)[0, 0]
    np.testing.assert_array_equal(client.get("/api/anymz", mz=some_mz(run)).image, first)
    assert first.any()


def test_the_spectrum_of_every_pixel(client: Client, run: LocalRun) -> None:
    header, peaks = peaks_of(run)
    for y in range(header.height):
        for x in range(header.width):
            here = peaks.pixel == y * header.width + x
            found = client.get("/api/spectrum", x=x, y=y).json
            np.testing.assert_array_equal(found["mz"], peaks.mz[here])
            np.testing.assert_array_equal(
                np.array(found["intensity"], np.float32), peaks.intensity[here]
            )


def test_why(client: Client, run: LocalRun) -> None:
    best = client.get("/api/run").json["annotations"][0]
    (answer,) = client.get("/api/why", formula=best["formula"], adduct=best["adduct"]).json[
        "answers"
    ]
    assert answer["annotated"]
    assert answer["ion"] == best["ion"]
    assert answer["metrics"]["msm"] == pytest.approx(best["msm"], rel=1e-5)
    image = client.get(f"/api/image/{best['image']}/0").image
    assert answer["n_pixels"][0] == np.count_nonzero(image)
    (answer,) = client.get("/api/why", formula="C6H12O6", adduct="+K").json["answers"]
    assert "C6H12O6 is not in database acids" in answer["verdict"]


# --- a bucket, a work folder: the same bytes ---

QUESTIONS: list[tuple[str, Query]] = [
    ("/api/run", {}),
    ("/api/tic", {}),
    ("/api/mask", {}),
    ("/api/image/0/0", {}),
    ("/api/image/5/3", {}),
    ("/api/anymz", {"mz": 300.2, "ppm": 5000}),
    ("/api/spectrum", {"x": 4, "y": 5}),
    ("/api/why", {"formula": "C10H20O2", "adduct": "+H"}),
]


def test_a_bucket_answers_with_the_same_bytes(
    client: Client, run: LocalRun, bucket: Account
) -> None:
    place = bucket_place(bucket, f"s3://the-results/{run.results_folder}")
    place = replace(place, ibd=Data(bucket.open_bucket("the-inbox")))
    with serving(place) as remote:
        for path, query in QUESTIONS:
            expected, found = client.get(path, **query), remote.get(path, **query)
            assert (found.status, found.body) == (200, expected.body), path


def test_in_a_bucket_given_by_its_address_the_inbox_is_not_known(
    run: LocalRun, bucket: Account
) -> None:
    with serving(bucket_place(bucket, f"s3://the-results/{run.results_folder}/")) as remote:
        assert (
            "which inbox the ibd is in is not known" in remote.get("/api/spectrum", x=0, y=0).error
        )


def test_with_the_inbox_an_address_in_a_bucket_has_spectra(
    client: Client, run: LocalRun, bucket: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ionbox.cli.find_place.open_account", lambda where: bucket)
    wanted = f"s3://the-results/{run.results_folder}"
    with serving(find_place(wanted, Where(), "s3://the-inbox/")) as remote:
        assert remote.get("/api/run").json["served"]["spectrum"] == ""
        spectrum = remote.get("/api/spectrum", x=4, y=5)
        assert spectrum.body == client.get("/api/spectrum", x=4, y=5).body


def test_a_work_folder_answers_with_the_same_bytes(client: Client, run: LocalRun) -> None:
    found = folder_runs(run.work).find("tissue")
    with serving(work_folder_place(run.work, found)) as other:
        for path, query in QUESTIONS:
            assert other.get(path, **query).body == client.get(path, **query).body, path


def test_many_ask_at_once(client: Client) -> None:
    expected = {path: client.get(path, **query).body for path, query in QUESTIONS}

    def ask(turn: int) -> bool:
        path, query = QUESTIONS[turn % len(QUESTIONS)]
        return client.get(path, **query).body == expected[path]

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(ask, range(160)))


# --- what is gone is said plainly ---


def test_without_an_adduct_each_of_the_run_is_asked_for(client: Client, run: LocalRun) -> None:
    answers = client.get("/api/why", formula="C10H20O2").json["answers"]
    assert len(answers) == len(run.record["config"]["adducts"]) > 1


def test_two_runs_are_never_mixed(moved: LocalRun) -> None:
    with serving(folder_place(moved.out)) as client:
        assert client.get("/api/image/0/0").status == 200
        record = json.loads((moved.out / "run.json").read_text())
        (moved.out / "run.json").write_text(json.dumps({**record, "run_id": "another"}))
        for path in ("/api/image/0/0", "/api/run", "/api/tic"):
            refused = client.get(path)
            assert refused.status == 410
            assert "has the results of another run by now" in refused.json["error"]


def test_segments_that_expired(moved: LocalRun) -> None:
    with serving(folder_place(moved.out)) as client:
        assert client.get("/api/anymz", mz=300).status == 200
        shutil.rmtree(moved.work / "results" / "segments")
        late = client.get("/api/anymz", mz=300)
        assert late.status == 410
        assert late.error == (
            "the dataset's sorted peaks have expired or were deleted; 'ionbox annotate … --force' "
            "makes them anew"
        )
    with serving(folder_place(moved.out)) as client:
        assert client.get("/api/run").json["served"]["anyMz"] == late.error
        (why,) = client.get("/api/why", formula="C10H20O2", adduct="+H").json["answers"]
        assert why["n_pixels"] is None


def test_a_work_folder_that_is_gone(moved: LocalRun) -> None:
    shutil.rmtree(moved.work)
    with serving(folder_place(moved.out)) as client:
        assert f"the work folder {moved.work} is gone" in client.get("/api/anymz", mz=300).error
        assert client.get("/api/image/0/0").status == 200


def test_results_without_their_sources(moved: LocalRun) -> None:
    (moved.out / "sources.json").unlink()
    with serving(folder_place(moved.out)) as client:
        assert (
            "not beside these results; 'ionbox view RUN'" in client.get("/api/anymz", mz=300).error
        )
        assert (
            "where the ibd is, these results do not say"
            in client.get("/api/spectrum", x=0, y=0).error
        )


def test_an_ibd_that_was_moved_is_found_again(moved: LocalRun) -> None:
    elsewhere = moved.ibd.rename(moved.root / "elsewhere.ibd")
    with serving(folder_place(moved.out)) as client:
        missing = client.get("/api/spectrum", x=0, y=0)
        assert (missing.status, missing.error) == (
            410,
            f"the ibd is no longer at {moved.ibd}; move it back there",
        )
    elsewhere.rename(moved.ibd)
    with serving(folder_place(moved.out)) as client:
        assert client.get("/api/spectrum", x=0, y=0).status == 200


def test_an_ibd_of_another_size(moved: LocalRun) -> None:
    moved.ibd.write_bytes(moved.ibd.read_bytes() + b"more")
    with serving(folder_place(moved.out)) as client:
        assert (
            "tissue.ibd is another file than the one" in client.get("/api/spectrum", x=0, y=0).error
        )


def test_an_ibd_with_another_identifier(moved: LocalRun) -> None:
    data = moved.ibd.read_bytes()
    moved.ibd.write_bytes(bytes(16) + data[16:])
    with serving(folder_place(moved.out)) as client:
        assert (
            "tissue.ibd is another file than the one" in client.get("/api/spectrum", x=0, y=0).error
        )


def test_an_ibd_with_other_peaks(moved: LocalRun) -> None:
    data = moved.ibd.read_bytes()
    moved.ibd.write_bytes(data[:16] + bytes(len(data) - 16))
    with serving(folder_place(moved.out)) as client:
        assert "tissue.ibd was changed since" in client.get("/api/spectrum", x=0, y=0).error


def test_an_ibd_that_is_cut_short_while_it_is_looked_at(moved: LocalRun) -> None:
    with serving(folder_place(moved.out)) as client:
        assert client.get("/api/spectrum", x=0, y=0).status == 200
        moved.ibd.write_bytes(b"short")
        late = client.get("/api/spectrum", x=17, y=12)
        assert late.status == 410
        assert "tissue.ibd was deleted or cut short" in late.error
        assert "tissue.ibd is another file" in client.get("/api/spectrum", x=17, y=12).error


# --- what nobody expected ---


def test_infinite_intensities_are_shown_as_the_highest_finite_ones(tmp_path: Path) -> None:
    run = make_run(tmp_path, edit=lambda run: make_infinite(run, 9, 6))
    stored_tic, images = read_array(run.out, "tic"), read_array(run.out)
    assert np.isinf(stored_tic[6, 9])
    with serving(folder_place(run.out)) as client:
        tic = client.get("/api/tic").image
        assert tic[6, 9] == np.float32(stored_tic[np.isfinite(stored_tic)].max())
        assert np.isfinite(tic).all()
        spectrum = client.get("/api/spectrum", x=9, y=6).json
        assert spectrum["intensity"].count(None) == 1
        at = spectrum["intensity"].index(None)
        image = client.get("/api/anymz", mz=spectrum["mz"][at], ppm=1).image
        assert np.isfinite(image).all()
        assert image[6, 9] == image.max() > 0
        for row, isotope in np.argwhere(np.isinf(images).any(axis=(2, 3))).tolist():
            image = client.get(f"/api/image/{row}/{isotope}").image
            finite = images[row, isotope][np.isfinite(images[row, isotope])]
            assert image[6, 9] == finite.max()


def test_an_unexpected_error_is_an_answer_and_a_line_in_the_terminal(
    run: LocalRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("what nobody\nexpected")

    monkeypatch.setattr(RunReader, "spectrum", fail)
    with serving(folder_place(run.out)) as client:
        failed = client.get("/api/spectrum", x=0, y=0)
        assert failed.status == 500
        assert failed.error == "KeyError: 'what nobody\\nexpected'"
        assert client.get("/api/tic").status == 200
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "error: GET '/api/spectrum?x=0&y=0' failed: KeyError: 'what nobody\\nexpected'; --debug "
        "shows the traceback\n"
    )
    with serving(folder_place(run.out), debug=True) as client:
        assert client.get("/api/spectrum", x=0, y=0).status == 500
    assert "Traceback (most recent call last)" in capsys.readouterr().err
