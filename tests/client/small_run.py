"""A small run for tests of what people do with results, on disk and in a bucket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ionbox.datasets.annotate import annotate
from ionbox_cloud.messages import ConfigLayer

from tests.cloud_builders import database_table, lipid_like_formulas, simulate
from tests.shared_workers import WORKERS

DATABASES = {"acids": lipid_like_formulas(8, 22), "waxes": lipid_like_formulas(18, 36)}
SETTINGS: dict[str, Any] = {
    "polarity": "positive",
    "analyzer": "orbitrap",
    "resolving_power": 140_000,
    "decoys": 4,
}


def make_run(folder: Path, **settings: Any) -> Path:
    """Simulate a dataset, annotate it, return the results folder."""
    formulas = sorted({formula for table in DATABASES.values() for formula in table})
    dataset = simulate(
        folder / "tissue.imzML", formulas, width=16, height=12, n_ions=60, n_noise_peaks=60
    )
    tables = []
    for name, of_database in DATABASES.items():
        tables.append(folder / f"{name}.tsv")
        tables[-1].write_bytes(database_table(of_database))
    out = folder / "results"
    config = [ConfigLayer("the test", {**SETTINGS, **settings})]
    outcome = annotate(
        dataset, tables, out, config, work=folder / "work", n_workers=2, reserve=WORKERS
    )
    assert outcome.succeeded, outcome.status
    return out


def upload(folder: Path, s3: Any, bucket: str, prefix: str) -> str:
    """Copy a results folder into a bucket; return its URI."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            key = f"{prefix}/{path.relative_to(folder).as_posix()}"
            s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
    return f"s3://{bucket}/{prefix}"
