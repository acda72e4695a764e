"""A run to look at, and a viewer to ask."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import numpy.typing as npt
from ionbox.datasets.annotate import annotate
from ionbox.reading.place import Place
from ionbox.view.run_reader import RunReader
from ionbox.view.server import Viewer
from ionbox_cloud.messages import ConfigLayer
from ionbox_cloud.report.page_assembly import encode_block
from ionbox_science.imzml.header import read_header

from tests.cloud_builders import database_table, lipid_like_formulas, simulate
from tests.patience import PATIENCE_S
from tests.shared_workers import WORKERS

FORMULAS = lipid_like_formulas(8, 20)
SETTINGS = {
    "polarity": "positive",
    "analyzer": "Orbitrap",
    "resolving_power": 140_000,
    "adducts": ["+H", "+Na"],
    "decoys": 4,
}


@dataclass(frozen=True)
class LocalRun:
    """A small run on this machine."""

    root: Path
    name: str = "tissue"

    @property
    def imzml(self) -> Path:
        return self.root / "data" / f"{self.name}.imzML"

    @property
    def ibd(self) -> Path:
        return self.imzml.with_suffix(".ibd")

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def record(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads((self.out / "run.json").read_text("utf-8"))
        return record

    @property
    def results_folder(self) -> str:
        """Key of the results in the results bucket."""
        record = self.record
        return f"results/{record['dataset']['id']}/{record['run_id']}"


def make_run(
    root: Path,
    name: str = "tissue",
    table: bytes = database_table(FORMULAS),
    database_name: str = "acids",
    edit: Callable[[LocalRun], None] = lambda run: None,
) -> LocalRun:
    """Simulate a dataset, change it if a test wants that, and annotate it."""
    run = LocalRun(root, name)
    simulate(run.imzml, FORMULAS, width=18, height=13, n_ions=60, n_noise_peaks=60)
    edit(run)
    database = root / f"{database_name}.tsv"
    database.write_bytes(table)
    config = [ConfigLayer("the test", SETTINGS)]
    outcome = annotate(
        run.imzml, [database], run.out, config, work=run.work, n_workers=1, reserve=WORKERS
    )
    assert outcome.succeeded, outcome.status
    return run


HOSTILE_NAME = "<img src=x onerror=window.ran=1> 100 %s \u2028\u0085\u202egnp&"
"""Markup, ends of lines to some, and letters that run from right to left; a file may have it."""


def hostile_run(root: Path) -> LocalRun:
    """Make a run whose every name is odd, and one of whose formulas has thousands of isomers."""
    ends = f'{HOSTILE_NAME}</script><script>window.ran=1</script> "quoted", and more'
    rows = [f"{ends} {row}\t=molecule {row} {ends}\t{each}" for row, each in enumerate(FORMULAS)]
    best = FORMULAS[len(FORMULAS) // 2]
    rows += [
        f"I{row}\tan isomer with a rather long name {row} {ends}\t{best}" for row in range(2000)
    ]
    return make_run(root, HOSTILE_NAME, "\n".join(["id\tname\tformula", *rows, ""]).encode())


def shorten_report(run: LocalRun, n: int) -> None:
    """Leave the first annotations in the report, as where there is no room for more."""
    report = run.out / "report.html"
    head, start, rest = report.read_text("utf-8").partition('id="run">')
    block, end, tail = rest.partition("</script>")
    carried = json.loads(block)
    carried["omitted"]["annotations"] = len(carried["annotations"]) - n
    carried["annotations"] = carried["annotations"][:n]
    report.write_text(f"{head}{start}{encode_block(carried)}{end}{tail}", "utf-8")
    list_again(run.out, report.name)


def list_again(results: Path, name: str) -> None:
    """Let the run record list a file of the results as it is now."""
    data, record = (results / name).read_bytes(), json.loads((results / "run.json").read_text())
    digest = hashlib.sha256(data).hexdigest()
    record["files"][name] = {"n_bytes": len(data), "sha256": digest}
    (results / "run.json").write_text(json.dumps(record))


def make_infinite(run: LocalRun, x: int, y: int) -> None:
    """Make the highest intensity of a pixel infinite, and the checksum right again."""
    ibd = bytearray(run.ibd.read_bytes())
    digest = hashlib.sha1(ibd).hexdigest()
    header = read_header(run.imzml.read_bytes(), run.imzml.name)
    (index,) = np.flatnonzero(header.pixel_index == y * header.width + x)
    stored = np.frombuffer(
        ibd, "<f4", header.intensity_count[index], header.intensity_offset[index]
    )
    at = int(header.intensity_offset[index]) + 4 * int(stored.argmax())
    del stored
    ibd[at : at + 4] = np.float32(np.inf).tobytes()
    run.ibd.write_bytes(ibd)
    imzml = run.imzml.read_text("utf-8")
    assert digest in imzml
    run.imzml.write_text(imzml.replace(digest, hashlib.sha1(ibd).hexdigest()), "utf-8")


@dataclass(frozen=True)
class Answer:
    """What a viewer sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def image(self) -> npt.NDArray[np.float32]:
        width, height = (int(self.headers[f"X-Image-{side}"]) for side in ("Width", "Height"))
        return np.frombuffer(self.body, "<f4").reshape(height, width)

    @property
    def error(self) -> str:
        assert self.status >= 400, self.body[:200]
        error: str = self.json["error"]
        return error


@dataclass(frozen=True)
class Client:
    """Asks a viewer."""

    viewer: Viewer

    def get(self, path: str, headers: Mapping[str, str] | None = None, **query: object) -> Answer:
        return self.ask("GET", f"{path}?{urlencode(query)}" if query else path, headers)

    def ask(self, method: str, address: str, headers: Mapping[str, str] | None = None) -> Answer:
        port = self.viewer.server_port
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        with contextlib.closing(connection):
            connection.putrequest(method, address, skip_host=True)
            usual = {"Host": f"127.0.0.1:{port}", "Cookie": self.viewer.cookie}
            for name, value in {**usual, **(headers or {})}.items():
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())


@contextlib.contextmanager
def serving(place: Place, *, debug: bool = False) -> Iterator[Client]:
    """Serve a run for as long as a test needs it."""
    with Viewer(RunReader(place), debug=debug) as viewer:
        thread = threading.Thread(target=viewer.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Client(viewer)
        finally:
            viewer.shutdown()
            thread.join(PATIENCE_S)
