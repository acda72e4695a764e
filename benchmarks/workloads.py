"""What the whole pipeline is run on: simulated datasets of several sizes, and a reference one.

In: a name. Out: a `Workload`, with the files made in a folder. "large" is like the data that
METASPACE's engine was measured on, in size and settings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ionbox.simulation.simulate import simulate_dataset
from ionbox_science.theory.databases import parse_database
from ionbox_science.theory.lipids import enumerate_lipids

REFERENCE = Path(__file__).parents[2] / "shared" / "reference"
"""Data that METASPACE's engine was measured with, where it lies beside the checkout; it is not part
of it, and nothing here needs it."""

_HMDB = REFERENCE / "databases" / "hmdb_formulas.tsv"
_ENGINE_SIGMA = 0.000619  # METASPACE's entry "280K"


@dataclass(frozen=True)
class PipelineGoal:
    """What a run may cost.

    Attributes
    ----------
    kind : str
        Which run, ``cold`` or ``warm``.
    quantity : str
        Property of `benchmarks.pipeline.PipelineRun` that has a bound.
    at_most : float
        The bound, in the property's unit: CPU seconds, MB or %.
    engine : float or None
        What METASPACE's engine takes for the same, measured once on another machine.
    """

    kind: str
    quantity: str
    at_most: float
    engine: float | None = None


@dataclass(frozen=True)
class Workload:
    """A dataset, its database and settings.

    Attributes
    ----------
    name, note : str
        Words for the tables; the note says where the data comes from.
    imzml, database, config : Path
        Files: dataset, molecule table, settings; more settings may lie beside the dataset.
    goals : tuple of PipelineGoal
        What its runs may cost.
    """

    name: str
    note: str
    imzml: Path
    database: Path
    config: Path
    goals: tuple[PipelineGoal, ...] = ()


@dataclass(frozen=True)
class Simulation:
    """A dataset to simulate.

    Attributes
    ----------
    width, height : int
        Pixels.
    n_ions : int
        Ions that are there.
    n_noise_peaks : int
        Peaks of noise per spectrum.
    seed : int
        Of the random numbers.
    n_lipids : int or None
        Formulas in the database, the first built-in lipids; None for all of HMDB.
    settings : dict
        Settings of the run.
    goals : tuple of PipelineGoal
        What its runs may cost.
    """

    width: int
    height: int
    n_ions: int
    n_noise_peaks: int
    seed: int = 1
    n_lipids: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    goals: tuple[PipelineGoal, ...] = ()


_LIKE_ENGINE = {
    "adducts": ["+H", "+Na", "+K"],
    "decoys": 20,
    "fdr_method": "metaspace-v1",
    "isocalc_sigma": _ENGINE_SIGMA,
}
_LARGE_GOALS = (
    PipelineGoal("cold", "annotate_cpu_s", 8, engine=745),
    PipelineGoal("warm", "cpu_s", 14, engine=776),
    PipelineGoal("warm", "peak_memory_mb", 1500, engine=1700),
    PipelineGoal("cold", "cpu_s", 22, engine=1487),
)
_HUGE_GOALS = (
    PipelineGoal("warm", "cpu_s", 45),
    PipelineGoal("warm", "memory_off_plan_percent", 30),
)
_SIMULATIONS = {
    "tiny": Simulation(12, 10, n_ions=20, n_noise_peaks=50, n_lipids=60),
    "small": Simulation(40, 30, n_ions=100, n_noise_peaks=300, n_lipids=500),
    "medium": Simulation(80, 60, n_ions=200, n_noise_peaks=600, n_lipids=2000),
    "large": Simulation(100, 100, 600, 2200, 3, settings=_LIKE_ENGINE, goals=_LARGE_GOALS),
    "huge": Simulation(200, 200, 600, 2000, 3, settings=_LIKE_ENGINE, goals=_HUGE_GOALS),
}
_REFERENCE_NAME = "synth40edge"


def workload_names(*, tiny: bool, huge: bool) -> list[str]:
    """Return the names of the workloads of a run of the benchmarks."""
    if tiny:
        return ["tiny"]
    reference = [_REFERENCE_NAME] if REFERENCE.is_dir() else []
    return [*reference, "small", "medium", "large", *(["huge"] if huge else [])]


def make_workload(name: str, folder: Path) -> Workload:
    """Make the files of a workload in a folder; the reference dataset stays where it is."""
    if name == _REFERENCE_NAME:
        return _reference_workload(folder)
    return _simulate_workload(name, _SIMULATIONS[name], folder)


def hmdb_formulas() -> tuple[list[str], str]:
    """Return the formulas of HMDB, or of the built-in lipids where that is missing, and whose."""
    if _HMDB.is_file():
        return list(parse_database(_HMDB.read_bytes(), "hmdb").unique_formulas()), "HMDB"
    return _lipid_formulas(), "lipids, as HMDB's are not at hand: engine's figures do not compare"


def _lipid_formulas() -> list[str]:
    return list(dict.fromkeys(lipid.formula for lipid in enumerate_lipids()))


def _reference_workload(folder: Path) -> Workload:
    settings = {"polarity": "positive", "analyzer": "Orbitrap", "isocalc_sigma": _ENGINE_SIGMA}
    return Workload(
        name=_REFERENCE_NAME,
        note="the reference dataset, 2,000 formulas of HMDB, metaspace-v3",
        imzml=REFERENCE / "datasets" / f"{_REFERENCE_NAME}.imzML",
        database=REFERENCE / "databases" / "hmdb2k.tsv",
        config=_write_config(folder / f"{_REFERENCE_NAME}-config.json", settings),
        goals=(PipelineGoal("cold", "cpu_s", 40, engine=60),),
    )


def _simulate_workload(name: str, simulation: Simulation, folder: Path) -> Workload:
    if simulation.n_lipids is None:
        formulas, origin = hmdb_formulas()
    else:
        formulas, origin = _lipid_formulas()[: simulation.n_lipids], "lipids"
    made = simulate_dataset(
        folder / f"{name}.imzML",
        width=simulation.width,
        height=simulation.height,
        n_ions=simulation.n_ions,
        n_noise_peaks=simulation.n_noise_peaks,
        seed=simulation.seed,
        formulas=formulas,
    )
    what = f"{simulation.width} x {simulation.height} pixels, {made.n_peaks:,} peaks"
    return Workload(
        name=name,
        note=f"simulated, {what}; {len(formulas):,} formulas ({origin})",
        imzml=made.imzml_path,
        database=_write_database(folder / f"{name}-formulas.tsv", formulas),
        config=_write_config(folder / f"{name}-config.json", simulation.settings),
        goals=simulation.goals,
    )


def _write_database(path: Path, formulas: list[str]) -> Path:
    rows = (f"{formula}\t{formula}\t{formula}\n" for formula in formulas)
    path.write_text("id\tname\tformula\n" + "".join(rows), "utf-8")
    return path


def _write_config(path: Path, settings: Mapping[str, Any]) -> Path:
    path.write_text(json.dumps(settings), "utf-8")
    return path
