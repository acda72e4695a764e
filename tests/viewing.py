"""A run to look at, and a viewer to ask."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import numpy.typing as npt
from cloud_builders import database_table, lipid_like_formulas, simulate
from ionbox.annotate import annotate
from ionbox.view.places import Place
from ionbox.view.run_reader import RunReader
from ionbox.view.server import Viewer
from ionbox_cloud.messages import ConfigLayer

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

    @property
    def imzml(self) -> Path:
        return self.root / "data" / "tissue.imzML"

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


def make_run(root: Path) -> LocalRun:
    """Simulate a dataset and annotate it."""
    run = LocalRun(root)
    simulate(run.imzml, FORMULAS, width=18, height=13, n_ions=60, n_noise_peaks=60)
    database = root / "acids.tsv"
    database.write_bytes(database_table(FORMULAS))
    config = [ConfigLayer("the test", SETTINGS)]
    outcome = annotate(run.imzml, [database], run.out, config, work=run.work, n_workers=1)
    assert outcome.succeeded, outcome.status
    return run


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
            for name, value in {"Host": f"127.0.0.1:{port}", **(headers or {})}.items():
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())


@contextlib.contextmanager
def serving(place: Place) -> Iterator[Client]:
    """Serve a run for as long as a test needs it."""
    with Viewer(RunReader(place)) as viewer:
        thread = threading.Thread(target=viewer.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Client(viewer)
        finally:
            viewer.shutdown()
            thread.join()
