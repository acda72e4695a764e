"""What commands are tried on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.imzml_builder import build_pair


def write_dataset(folder: Path, **kind: Any) -> Path:
    pair = build_pair(**kind)
    path = folder / "small.imzML"
    path.write_bytes(pair.source)
    path.with_suffix(".ibd").write_bytes(pair.ibd)
    return path


def write_database(folder: Path, rows: Sequence[str] = ("1\tglucose\tC6H12O6",)) -> Path:
    path = folder / "sugars.tsv"
    path.write_text("\n".join(["id\tname\tformula", *rows]) + "\n")
    return path
