"""What the whole pipeline is run on: simulated datasets of several sizes, and a reference one.

In: a name. Out: a `Workload`, with the files made in a folder. "large" is like the data that
METASPACE's engine was measured on, in size and settings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ionbox.simulation.lipids import write_lipids
from ionbox.simulation.simulate import simulate_dataset

from benchmarks.formulas import REFERENCE, hmdb_formulas, lipid_formulas

_ENGINE_SIGMA = 0.000619  # METASPACE's entry "280K"


@dataclass(frozen=True)
class PipelineGoal:
    """What a run may cost.

    Attributes
    ----------
    kind : str
        Which run: see `Workload.kinds`.
    quantity : str
        Property of `benchmarks.pipeline.PipelineRun` that has a bound.
    at_most : float
        The bound, in the property's unit.
    column : str
        Column of ``history.tsv`` that keeps the figure; empty if none does.
    engine : str
        What METASPACE's engine takes for the same, if it was measured, with its unit.
    """

    kind: str
    quantity: str
    at_most: float
    column: str = ""
    engine: str = ""


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
    kinds : tuple of str
        How it is run, one after the other: ``cold`` if nothing is there, ``warm`` if isotope
        patterns are, ``finished`` if the run is.
    is_first : bool
        Whether it is the first on its machine: what runs of all datasets share, such as parsed
        state machines in the user's cache, is not there either.
    """

    name: str
    note: str
    imzml: Path
    database: Path
    config: Path
    goals: tuple[PipelineGoal, ...] = ()
    kinds: tuple[str, ...] = ("cold", "warm")
    is_first: bool = False


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
    kinds : tuple of str
        How it is run.
    """

    width: int
    height: int
    n_ions: int
    n_noise_peaks: int
    seed: int = 1
    n_lipids: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    goals: tuple[PipelineGoal, ...] = ()
    kinds: tuple[str, ...] = ("cold", "warm")


_ALL = 1 << 20  # more than there are
_LIKE_ENGINE = {
    "adducts": ["+H", "+Na", "+K"],
    "decoys": 20,
    "fdr_method": "metaspace-v1",
    "isotope_patterns": "cpymspec-0.4.2",  # as when the figures of history.tsv began
    "isocalc_sigma": _ENGINE_SIGMA,
}
_LARGE_GOALS = (
    PipelineGoal("cold", "loops", 75, "large_cold_loops", engine="1,487 CPU s"),
    PipelineGoal("warm", "loops", 45, "large_warm_loops", engine="776 CPU s"),
    PipelineGoal("cold", "annotate_loops", 53, engine="745 CPU s"),
    PipelineGoal("cold", "publish_loops", 6.7, "publish_loops"),
    PipelineGoal("cold", "peak_memory_mb", 500, "large_memory_mb", engine="1,700 MB"),
)
_EXAMPLE_GOALS = (
    PipelineGoal("cold", "wall_s", 3, "example_cold_s"),
    PipelineGoal("cold", "wall_loops", 14),
    PipelineGoal("finished", "wall_s", 1, "example_finished_s"),
    PipelineGoal("finished", "wall_loops", 4.6),
)
_HUGE_GOALS = (
    PipelineGoal("warm", "loops", 300),
    PipelineGoal("warm", "memory_off_plan_percent", 30),
)
_GIANT_GOALS = (
    PipelineGoal("cold", "file_copies", 11.5),
    PipelineGoal("cold", "loops", 510),
    PipelineGoal("cold", "peak_memory_mb", 3000),
)
SIMULATIONS = {
    "tiny": Simulation(
        12, 10, n_ions=20, n_noise_peaks=50, n_lipids=60, kinds=("cold", "warm", "finished")
    ),
    # what `make run` annotates
    "example": Simulation(
        80,
        60,
        n_ions=200,
        n_noise_peaks=300,
        n_lipids=_ALL,
        goals=_EXAMPLE_GOALS,
        kinds=("cold", "finished"),
    ),
    "small": Simulation(40, 30, n_ions=100, n_noise_peaks=300, n_lipids=500),
    "medium": Simulation(80, 60, n_ions=200, n_noise_peaks=600, n_lipids=2000),
    "large": Simulation(100, 100, 600, 2200, 3, settings=_LIKE_ENGINE, goals=_LARGE_GOALS),
    "huge": Simulation(200, 200, 600, 2000, 3, settings=_LIKE_ENGINE, goals=_HUGE_GOALS),
    "giant": Simulation(
        400, 400, 600, 1850, 3, settings=_LIKE_ENGINE, goals=_GIANT_GOALS, kinds=("cold",)
    ),
}
_REFERENCE_NAME = "synth40edge"
HELD_OUT = {
    "held_out_mid": Simulation(120, 90, 250, 800, 11, n_lipids=1500),
    "held_out_ions": Simulation(60, 60, 400, 1500, 12, settings=_LIKE_ENGINE),
    "held_out_pixels": Simulation(200, 100, 150, 400, 13, n_lipids=300),
}
"""What forecasts are tried on: their rates were fitted on others."""

ON_REQUEST = ("huge", "giant")
"""Workloads of a gigabyte and more."""


def workload_names(*, tiny: bool, more: Sequence[str] = ()) -> list[str]:
    """Return the names of the workloads of a run of the benchmarks.

    ``more`` are those that run only if they are asked for.
    """
    if tiny:
        return ["tiny"]
    reference = [_REFERENCE_NAME] if REFERENCE.is_dir() else []
    return ["example", *reference, "small", "medium", "large", *more]


def make_workload(name: str, folder: Path) -> Workload:
    """Make the files of a workload in a folder; the reference dataset stays where it is."""
    if name == _REFERENCE_NAME:
        return _reference_workload(folder)
    return _simulate_workload(name, (SIMULATIONS | HELD_OUT)[name], folder)


def _reference_workload(folder: Path) -> Workload:
    settings = {"polarity": "positive", "analyzer": "Orbitrap", "isocalc_sigma": _ENGINE_SIGMA}
    return Workload(
        name=_REFERENCE_NAME,
        note="the reference dataset, 2,000 formulas of HMDB, metaspace-v3",
        imzml=REFERENCE / "datasets" / f"{_REFERENCE_NAME}.imzML",
        database=REFERENCE / "databases" / "hmdb2k.tsv",
        config=_write_config(folder / f"{_REFERENCE_NAME}-config.json", settings),
        goals=(PipelineGoal("cold", "loops", 25, "synth40edge_loops", engine="349 L"),),
    )


def _simulate_workload(name: str, simulation: Simulation, folder: Path) -> Workload:
    if simulation.n_lipids is None:
        formulas, origin = hmdb_formulas()
    else:
        formulas, origin = lipid_formulas()[: simulation.n_lipids], "lipids"
    made = simulate_dataset(
        folder / f"{name}.imzML",
        width=simulation.width,
        height=simulation.height,
        n_ions=simulation.n_ions,
        n_noise_peaks=simulation.n_noise_peaks,
        seed=simulation.seed,
        formulas=formulas,
    )
    database = folder / f"{name}-formulas.tsv"
    if simulation.n_lipids == _ALL:
        write_lipids(database)
    else:
        _write_database(database, formulas)
    what = f"{simulation.width} x {simulation.height} pixels, {made.n_peaks:,} peaks"
    return Workload(
        name=name,
        note=f"simulated, {what}; {len(formulas):,} formulas ({origin})",
        imzml=made.imzml_path,
        database=database,
        config=_write_config(folder / f"{name}-config.json", simulation.settings),
        goals=simulation.goals,
        kinds=simulation.kinds,
        is_first=name == "example",
    )


def _write_database(path: Path, formulas: list[str]) -> None:
    rows = (f"{formula}\t{formula}\t{formula}\n" for formula in formulas)
    path.write_text("id\tname\tformula\n" + "".join(rows), "utf-8")


def _write_config(path: Path, settings: Mapping[str, Any]) -> Path:
    path.write_text(json.dumps(settings), "utf-8")
    return path
