"""What the whole pipeline is run on."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ionbox.lipids import Lipid, enumerate_lipids
from ionbox.simulate import simulate_dataset
from ionbox_cloud.messages import ConfigLayer

REFERENCE = Path(__file__).parents[2] / "shared" / "reference"
"""Datasets with known answers of METASPACE's engine; not part of this repository."""

TARGET_CPU_S = 40.0
METASPACE_CPU_S = 60.0
"""CPU seconds of METASPACE's engine on the reference workload."""


@dataclass(frozen=True)
class Workload:
    """A dataset, its databases and settings.

    Attributes
    ----------
    name, note : str
        For the table; the note says where the data comes from.
    imzml : Path
        The dataset; settings that are not in ``config`` lie beside it.
    databases : tuple of Path
        Molecule tables.
    config : tuple of ConfigLayer
        Settings.
    target_cpu_s : float or None
        CPU seconds a cold run may take.
    """

    name: str
    note: str
    imzml: Path
    databases: tuple[Path, ...]
    config: tuple[ConfigLayer, ...] = ()
    target_cpu_s: float | None = None


@dataclass(frozen=True)
class Size:
    """Size of a simulated workload; the database is the first ``n_formulas`` of the lipids'."""

    width: int
    height: int
    n_ions: int
    n_noise_peaks: int
    n_formulas: int


TINY = Size(width=12, height=10, n_ions=20, n_noise_peaks=50, n_formulas=60)
LIKE_REFERENCE = Size(width=40, height=40, n_ions=400, n_noise_peaks=400, n_formulas=2000)
SIZES = {
    "small": Size(width=40, height=30, n_ions=100, n_noise_peaks=300, n_formulas=500),
    "medium": Size(width=80, height=60, n_ions=200, n_noise_peaks=600, n_formulas=2000),
}


def make_workloads(folder: Path, *, tiny: bool) -> Iterator[Workload]:
    """Make one workload after the other in a folder, the reference first."""
    if tiny:
        yield simulate_workload(folder, "tiny", TINY)
        return
    yield reference_workload(folder)
    for name, size in SIZES.items():
        yield simulate_workload(folder, name, size)


def reference_workload(folder: Path) -> Workload:
    """Return the workload the CPU target is set for, or a stand-in where its data is missing."""
    if not REFERENCE.is_dir():
        note = "reference data not found; simulated data of about its size, so no target"
        return simulate_workload(folder, "like-reference", LIKE_REFERENCE, note)
    settings = {
        "polarity": "positive",
        "analyzer": "Orbitrap",
        "isocalc_sigma": 0.000619,
        "fdr_method": "metaspace-v3",
    }
    return Workload(
        name="synth40edge",
        note=f"with hmdb2k, metaspace-v3; METASPACE's engine: {METASPACE_CPU_S:g} CPU s",
        imzml=REFERENCE / "datasets" / "synth40edge.imzML",
        databases=(REFERENCE / "databases" / "hmdb2k.tsv",),
        config=(ConfigLayer("benchmark", settings),),
        target_cpu_s=TARGET_CPU_S,
    )


def simulate_workload(folder: Path, name: str, size: Size, note: str = "simulated") -> Workload:
    """Simulate a dataset and write a database of the lipids planted in it, and more."""
    lipids = enumerate_lipids()
    chosen = dict.fromkeys(lipid.formula for lipid in lipids)
    formulas = list(chosen)[: size.n_formulas]
    made = simulate_dataset(
        folder / f"{name}.imzML",
        width=size.width,
        height=size.height,
        n_ions=size.n_ions,
        n_noise_peaks=size.n_noise_peaks,
        seed=1,
        formulas=formulas,
    )
    database = folder / f"{name}-lipids.tsv"
    _write_database(database, [lipid for lipid in lipids if lipid.formula in set(formulas)])
    what = f"{size.width} x {size.height} pixels, {made.n_peaks:,} peaks, {len(formulas)} formulas"
    return Workload(name, f"{note}: {what}", made.imzml_path, (database,))


def _write_database(path: Path, lipids: list[Lipid]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(("id", "name", "formula"))
        writer.writerows((lipid.id, lipid.name, lipid.formula) for lipid in lipids)
