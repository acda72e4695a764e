"""``ionbox view`` over HTTP: the same answers from a folder, a work folder and a bucket."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import ionbox
import numpy as np
import pytest
import zarr
from ionbox.account import Account
from ionbox.cli.find_place import find_place, work_folder_place
from ionbox.operate.open_runs import folder_runs
from ionbox.reading.place import Data, bucket_place, folder_place
from ionbox.view.run_reader import RunReader
from ionbox.view.server import own_names
from ionbox.where import Where
from ionbox_cloud.store import Store
from ionbox_cloud.stored.segments import SegmentReader
from ionbox_science.imzml.header import read_header
from ionbox_science.imzml.spectra import read_peaks
from ionbox_science.scoring.ion_images import Grid, extract_images, find_windows

from tests import patience
from tests.client.operating import Command
from tests.oracles.peak_sorting import sort_peaks
from tests.patience import PATIENCE_S
from tests.viewing import (
    Client,
    LocalRun,
    hostile_run,
    make_infinite,
    make_run,
    serving,
    shorten_report,
)

PPM = 3.0


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> LocalRun:
    return make_run(tmp_path_factory.mktemp("viewed"))


@pytest.fixture
def client(run: LocalRun) -> Iterator[Client]:
    with serving(folder_place(run.out)) as client:
        yield client


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
    group = zarr.open_group(run.out / "ion_images.zarr", mode="r")
    return float(group["mz"][0, 0])


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
    assert served["version"] == 1
    assert len(served["annotations"]) == run.record["n_annotations"] > 10
    assert served["served"] == {"ppm": PPM, "anyMz": "", "spectrum": ""}


def test_annotations_that_the_report_has_no_room_for_are_listed(moved: LocalRun) -> None:
    expect_the_further_rows(moved)


def test_rows_are_read_whatever_their_names_are(tmp_path: Path) -> None:
    run = hostile_run(tmp_path)
    assert max(map(len, (run.out / "annotations.csv").read_text("utf-8").split("\n"))) > 150_000
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
    images = zarr.open_group(run.out / "ion_images.zarr", mode="r")["images"][...]
    for row in range(images.shape[0]):
        for isotope in range(images.shape[1]):
            found = client.get(f"/api/image/{row}/{isotope}").image
            np.testing.assert_array_equal(found, images[row, isotope])


def test_tic_and_mask(client: Client, run: LocalRun) -> None:
    group = zarr.open_group(run.out / "ion_images.zarr", mode="r")
    np.testing.assert_allclose(client.get("/api/tic").image, group["tic"][...], rtol=1e-6)
    np.testing.assert_array_equal(client.get("/api/mask").image, group["mask"][...])


@pytest.mark.parametrize("ppm", [None, 0.5, 40.0])
def test_an_image_of_any_mz_equals_that_from_all_peaks(
    client: Client, run: LocalRun, ppm: float | None
) -> None:
    header, peaks = peaks_of(run)
    mz = some_mz(run) + 0.0004
    query = {"mz": mz} if ppm is None else {"mz": mz, "ppm": ppm}
    windows = find_windows(peaks.mz, np.array([[mz]]), PPM if ppm is None else ppm)
    expected = extract_images(peaks, windows, Grid(header.mask))[0, 0]
    served = client.get("/api/anymz", **query).image
    np.testing.assert_array_equal(served, expected)
    np.testing.assert_array_equal(served, ionbox.open(run.out).mz_image(mz, ppm))


def test_an_image_of_any_mz_at_an_ion_is_its_isotope_image(client: Client, run: LocalRun) -> None:
    first = zarr.open_group(run.out / "ion_images.zarr", mode="r")["images"][0, 0]
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

QUESTIONS: list[tuple[str, dict[str, object]]] = [
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
    group = zarr.open_group(run.out / "ion_images.zarr", mode="r")
    stored_tic, images = group["tic"][...], group["images"][...]
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


# --- strangers and nonsense are refused ---


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1:1"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/run", "/api/image/0/0"])
def test_other_names_and_other_pages_are_refused(
    client: Client, path: str, headers: dict[str, str]
) -> None:
    refused = client.get(path, headers)
    assert refused.status == 403
    assert "this viewer answers " in refused.error


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://["}])
def test_an_address_that_is_none_is_refused(client: Client, headers: dict[str, str]) -> None:
    refused = client.ask("GET", "/" if headers else "http://[", headers)
    assert (refused.status, refused.error) == (400, "'http://[' is no address")


@pytest.mark.parametrize("path", ["/", "/api/run", "/api/tic", "/api/why?formula=CH4", "/nothing"])
@pytest.mark.parametrize(
    "cookie", ["", "ionbox=1", "{name}=", "{name}=guess", "{name}={cut}", "{name}"]
)
def test_others_on_this_machine_are_refused(client: Client, path: str, cookie: str) -> None:
    viewer = client.viewer
    given = cookie.format(name=viewer.cookie_name, cut=viewer.secret[:-1])
    refused = client.get(path, {"Cookie": given})
    assert (refused.status, refused.error) == (403, "open the address that 'ionbox view' printed")
    assert "Set-Cookie" not in refused.headers
    assert viewer.secret not in str(refused)
    query = "&" if "?" in path else "?"
    for token in ("", "guess", viewer.secret[1:], "%ff%00", "é".encode().hex()):
        assert client.get(f"{path}{query}token={token}", {"Cookie": given}).status == 403


def test_the_address_that_is_printed_opens_the_page_and_keeps_it_open(client: Client) -> None:
    viewer = client.viewer
    opened = client.get(viewer.url.removeprefix(viewer.address.rstrip("/")), {"Cookie": ""})
    assert opened.status == 200
    kept = opened.headers["Set-Cookie"]
    assert kept == f"{viewer.cookie}; Path=/; HttpOnly; SameSite=Strict"
    assert client.get("/api/run", {"Cookie": f"a=b; {kept.partition(';')[0]}"}).status == 200


def test_a_refusal_does_not_tell_the_secret(client: Client) -> None:
    refused = client.get("/", {"Host": "evil.example", "Cookie": ""})
    assert refused.status == 403
    assert client.viewer.secret not in str(refused)


def test_at_port_80_browsers_say_no_port(client: Client) -> None:
    named = {"Host": "127.0.0.1", "Origin": "http://127.0.0.1"}
    assert client.get("/", named).status == 403
    client.viewer.hosts = own_names(80)
    assert client.get("/", named).status == 200
    assert client.get("/", {"Host": "localhost:80"}).status == 200


def test_this_machine_may_be_called_localhost(client: Client) -> None:
    port = client.viewer.server_port
    assert client.get("/", {"Host": f"LocalHost:{port}"}).status == 200
    assert client.get("/", {"Origin": f"http://localhost:{port}"}).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/../run.json",
        "/run.json",
        "/js/../../../../etc/passwd",
        "/js/%2e%2e/page.html",
        "//etc/passwd",
        "/etc/passwd",
        "/api/image/../../run.json",
        "/api/image/0",
        "/api/image/0/0/0",
        "/api/run/0",
        "/api/__class__",
        "/api",
        "*",
    ],
)
def test_nothing_else_can_be_fetched(client: Client, path: str) -> None:
    refused = client.get(path)
    assert refused.status in {400, 404}
    assert b"run_id" not in refused.body
    assert b"root:" not in refused.body


@pytest.mark.parametrize(
    ("path", "query", "status", "words"),
    [
        ("/api/image/x/0", {}, 400, "image: expected a whole number, got 'x'"),
        ("/api/image/-1/0", {}, 400, "image: expected a whole number, got '-1'"),
        ("/api/image/99999/0", {}, 404, "there is no image 99999/0"),
        ("/api/anymz", {}, 400, "mz: expected a number, got ''"),
        ("/api/anymz", {"mz": "nan"}, 400, "m/z: expected a number above 0"),
        ("/api/anymz", {"mz": "-4"}, 400, "m/z: expected a number above 0"),
        ("/api/anymz", {"mz": "300", "ppm": "inf"}, 400, "ppm: expected a number above 0"),
        ("/api/anymz", {"mz": "300", "ppm": "0"}, 400, "ppm: expected a number above 0"),
        ("/api/spectrum", {"x": "1"}, 400, "y: expected a whole number"),
        (
            "/api/spectrum",
            {"x": "18", "y": "0"},
            404,
            "there is no pixel 18, 0: images have 18 x 13",
        ),
        ("/api/why", {"formula": "Q", "adduct": "+H"}, 400, "'Q' is not an element"),
        ("/api/why", {"formula": "CH4", "adduct": "H"}, 400, "adduct: 'H' is none"),
        (
            "/api/why",
            {"formula": "CH4", "adduct": "+H", "database": "../../run"},
            404,
            "no database '../../run', only acids",
        ),
    ],
)
def test_questions_that_make_no_sense(
    client: Client, path: str, query: dict[str, object], status: int, words: str
) -> None:
    refused = client.get(path, **query)
    assert refused.status == status
    assert words in refused.error


def test_a_window_of_too_many_peaks_is_refused_before_it_is_read(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ionbox.reading.measured_data.MAX_WINDOW_PEAKS", 100)
    refused = client.get("/api/anymz", mz=300, ppm=100_000)
    assert refused.status == 400
    assert "peaks lie in that window; give a narrower one" in refused.error


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "NONSENSE"])
def test_other_methods_are_refused_in_plain_text(client: Client, method: str) -> None:
    request = urllib.request.Request(client.viewer.url, data=b"{}", method=method)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    with refused.value as answer:
        assert answer.code == 405
        assert answer.headers["Allow"] == "GET, HEAD"
        assert answer.headers["Connection"] == "close"
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.read() == b"only GET, HEAD are answered\n"


@pytest.mark.parametrize("path", ["/", "/api/run", "/api/nothing"])
def test_head_is_get_without_a_body(client: Client, path: str) -> None:
    got, asked = client.get(path), client.ask("HEAD", path)
    assert (asked.status, asked.body) == (got.status, b"")
    for name in ("Content-Type", "Content-Length", "X-Content-Type-Options"):
        assert asked.headers[name] == got.headers[name]


def test_what_is_no_http_is_refused_without_a_page(client: Client) -> None:
    with socket.create_connection(("127.0.0.1", client.viewer.server_port), 10) as plug:
        plug.sendall(b"GET / HTTP/nine\r\n\r\n")
        answer = plug.makefile("rb").read()
    assert answer == b"Bad request version ('HTTP/nine')\n"


# --- the commands ---


@pytest.mark.usefixtures("ctrl_c")
def test_view_serves_until_it_is_interrupted(run: LocalRun) -> None:
    code = "import sys; from ionbox.cli.main import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "view", str(run.out), "--no-browser"]
    with patience.started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as view:
        assert view.stdout is not None
        line = view.stdout.readline()
        assert line.startswith("tissue is at http://127.0.0.1:")
        address, _, query = line.split()[3].partition("?")
        url = f"{address}api/run?{query}"
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as response:
            assert response.status == 200
        view.send_signal(signal.SIGINT)
        out, err = view.communicate(timeout=PATIENCE_S)
    assert (view.returncode, out, err) == (0, "ended\n", "")


def test_a_port_that_is_taken_is_said(client: Client, run: LocalRun, operate: Command) -> None:
    ended = operate("view", run.out, "--no-browser", "--port", client.viewer.server_port)
    assert ended.code == 1
    assert "without --port a free one is found" in ended.err
    assert operate("view", run.out, "--port", 70000).code == 1


def test_a_folder_without_results_is_refused(tmp_path: Path, operate: Command) -> None:
    ended = operate("view", tmp_path, "--no-browser")
    assert ended.code == 1
    assert "holds no results (no run.json)" in ended.err


def test_why_prints_the_same(client: Client, run: LocalRun, operate: Command) -> None:
    query = {"formula": "C10H20O2", "adduct": "+H"}
    (expected,) = client.get("/api/why", **query).json["answers"]
    ended = operate("why", run.out, "--formula", "C10H20O2", "--adduct", "+H")
    assert ended.code == 0
    assert ended.out.splitlines()[0] == expected["verdict"]
    for finding in expected["findings"]:
        assert finding["sentence"] in ended.out
    same = operate("why", run.out, "--formula", "C10H20O2", "--adduct=+H", "--json")
    assert json.loads(same.out) == [expected]
    best = client.get("/api/run").json["annotations"][0]
    ion = ("--formula", best["formula"], f"--adduct={best['adduct']}")
    assert " × " in operate("why", run.out, *ion, "--json").out  # no \\u00d7
    local = operate("why", "tissue", "--work", run.work, "--formula", "C10H20O2", "--adduct=+H")
    assert local.out == ended.out


def test_why_without_an_adduct_is_asked_of_each(run: LocalRun, operate: Command) -> None:
    formula = ("--formula", "C10H20O2")
    every = json.loads(operate("why", run.out, *formula, "--json").out)
    adducts = run.record["config"]["adducts"]
    each = [
        json.loads(operate("why", run.out, *formula, f"--adduct={adduct}", "--json").out)
        for adduct in adducts
    ]
    assert len(adducts) > 1
    assert every == [answer for answers in each for answer in answers]


def test_why_says_how_formulas_and_adducts_are_given(run: LocalRun, operate: Command) -> None:
    ended = operate("why", run.out, "--formula", "c10h20o2")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.endswith("; write elements as C, H, Na\n")
    ended = operate("why", run.out, "--formula", "C10H20O2+H+")
    assert (ended.code, ended.out) == (1, "")
    assert "'C10H20O2+H+' is more than a formula; put the adduct into --adduct" in ended.err


def test_why_of_nonsense(run: LocalRun, operate: Command) -> None:
    ended = operate("why", run.out, "--formula", "Q", "--adduct=+H")
    assert (ended.code, ended.err) == (1, "error: 'Q': 'Q' is not an element\n")
    ended = operate("why", run.out, "--formula", "", "--adduct=+H")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: no formula given; write that of the molecule")


def test_segments_read_one_image_like_the_others(run: LocalRun) -> None:
    store = Store.open((run.work / "results").as_uri())
    reader = SegmentReader(store, run.record["segments_id"])
    group = zarr.open_group(run.out / "ion_images.zarr", mode="r")
    image = reader.read_image(float(group["mz"][3, 0]), PPM, group["mask"][...])
    np.testing.assert_array_equal(image, group["images"][3, 0])
