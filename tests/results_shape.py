"""What the files of a run's results hold, apart from the values, and the page they are shown in.

``make golden`` writes it again, once ``RESULTS_VERSION`` is raised.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from ionbox_cloud.identity import RESULTS_VERSION
from ionbox_cloud.report.page_assembly import assemble_page

GOLDEN = Path(__file__).parent / "golden" / "results_shape.json"

_KEYS_ARE_DATA = {"states", "counts", "image_of", "files"}
"""Entries that name states, FDR levels, ions, files: only one of them is described."""


def describe_results(results: Path) -> dict[str, Any]:
    """Return what runs of one identity must have in common."""
    paths = sorted(path for path in results.rglob("*") if path.is_file())
    described = {path.relative_to(results).as_posix(): _describe_file(path) for path in paths}
    page = b"".join(assemble_page("report", "title"))
    return {
        "results_version": RESULTS_VERSION,
        "page": hashlib.sha256(page).hexdigest()[:16],
        "files": {name: shape for name, shape in described.items() if shape},
    }


def _describe_file(path: Path) -> list[str]:
    """Return what a file has, line by line; nothing of chunks of images."""
    if path.name == "zarr.json":
        array = json.loads(path.read_text("utf-8"))
        return [
            f"{name}: {array[name]}" for name in ("data_type", "dimension_names") if name in array
        ]
    if path.suffix == ".json":
        return sorted(_walk(json.loads(path.read_text("utf-8"))))
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return [f"{name}: {array.dtype.kind}, {array.ndim}d" for name, array in arrays.items()]
    if path.suffix == ".csv":
        with path.open(encoding="utf-8") as lines:
            return next(csv.reader(line for line in lines if line[0] != "#"))
    if path.suffix == ".html":
        block = r'<script type="application/json" id="(.*?)">(.*?)</script>'
        found = re.findall(block, path.read_text("utf-8"))
        blocks = [{re.sub(r"\d+", "*", name): json.loads(text)} for name, text in found]
        return sorted(set().union(*map(_walk, blocks)))
    return []


def _walk(value: Any, path: str = "") -> set[str]:
    """Return paths and types of all values in a JSON document; entries of a list are alike."""
    if isinstance(value, dict):
        named = path.rpartition(".")[2] in _KEYS_ARE_DATA
        children = [_walk(entry, f"{path}.{'*' if named else key}") for key, entry in value.items()]
    elif isinstance(value, list):
        children = [_walk(entry, f"{path}[]") for entry in value]
    else:
        kind = "number" if type(value) in (int, float) else type(value).__name__
        return {f"{path.removeprefix('.')}: {kind}"}
    return set().union(*children) if children else {f"{path.removeprefix('.')}: empty"}


def renew(known: dict[str, Any], found: dict[str, Any]) -> None:
    """Write the shape of today's results, if it has a version of its own."""
    version = found["results_version"]
    if found != known and version == known["results_version"]:
        raise SystemExit(
            f"results have another shape, but RESULTS_VERSION is still {version}: raise it in "
            "layers/cloud/python/ionbox_cloud/identity.py, then run 'make golden' again"
        )
    GOLDEN.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def main() -> None:
    from tests.client.small_run import make_run

    with tempfile.TemporaryDirectory() as folder:
        found = describe_results(make_run(Path(folder)))
    renew(json.loads(GOLDEN.read_text("utf-8")), found)


if __name__ == "__main__":
    main()
