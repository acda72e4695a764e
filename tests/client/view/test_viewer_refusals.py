"""The viewer refuses strangers and nonsense, and its commands say what they do."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from ionbox.view.server import own_names
from ionbox_cloud.store import Store
from ionbox_cloud.stored.segments import SegmentReader

from tests import patience
from tests.client.ion_images import read_array
from tests.client.operating import Command
from tests.client.view.questions import PPM, Query
from tests.patience import PATIENCE_S
from tests.viewing import (
    Client,
    LocalRun,
)

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
    client: Client, path: str, query: Query, status: int, words: str
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
    query: Query = {"formula": "C10H20O2", "adduct": "+H"}
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
    mz, mask = read_array(run.out, "mz"), read_array(run.out, "mask")
    image = reader.read_image(float(mz[3, 0]), PPM, mask)
    np.testing.assert_array_equal(image, read_array(run.out)[3, 0])
