"""Simulates the datasets of scenarios, annotates them as ``ionbox annotate`` does, and compares."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ionbox_cloud.messages import ConfigLayer
from ionbox_cloud.published import TABLE, diagnostics
from ionbox_cloud.records.run_record import RunRecord
from ionbox_cloud.stored.annotations import unpack_diagnostics
from ionbox_science.errors import InvalidConfig, InvalidDatabase
from ionbox_science.scoring.recalibration import Recalibration
from ionbox_science.setting_table import SETTINGS
from ionbox_science.theory.databases import parse_database
from ionbox_science.theory.isotope_model import IsotopeModel, sigma_from_resolving_power

from ionbox.calibration.difficulty import Difficulty, measure_difficulty
from ionbox.calibration.scenarios import Scenario, Settings, name_variant
from ionbox.calibration.truth import (
    LEVELS,
    Annotation,
    Counts,
    Truth,
    count,
    read_annotations,
    read_truth,
    without_competition,
)
from ionbox.datasets.annotate import annotate
from ionbox.local.errors import LocalError
from ionbox.local.worker_process import Reserve
from ionbox.simulation.lipids import write_lipids
from ionbox.simulation.simulate import SimulatedDataset, simulate_dataset

ANNOTATED_LEVEL = 0.1
"""FDR up to which ions count as annotated where it is said how hard data is."""

_PATTERNS = "patterns"  # what a database costs is kept from dataset to dataset, and nothing else


class TrialFailed(LocalError):  # noqa: N818 (named like the local runner's errors)
    """A simulated dataset could not be annotated."""


@dataclass(frozen=True)
class LineErrors:
    """How far m/z were off along the instrument's line, over the planted ions that are seen.

    Attributes
    ----------
    planted_ppm : float
        Root of the mean square, as simulated.
    left_ppm : float
        The same after what the run took off: its recalibration.
    """

    planted_ppm: float
    left_ppm: float


@dataclass(frozen=True)
class Trial:
    """One dataset, annotated in one way.

    Attributes
    ----------
    scenario, variant : str
        Their names.
    seed : int
        Of the simulation.
    counts : dict of float to Counts
        By claimed FDR: annotations against what was planted.
    alone : dict of float to Counts
        The same with the FDR without competition; empty where the table does not say so.
    difficulty : Difficulty
        How hard the data was.
    line : LineErrors or None
        How well the run found the line of m/z errors; None if none was simulated.
    """

    scenario: str
    variant: str
    seed: int
    counts: Mapping[float, Counts]
    alone: Mapping[float, Counts]
    difficulty: Difficulty
    line: LineErrors | None = None


def count_trials(scenarios: Sequence[Scenario], seeds: Sequence[int]) -> int:
    """Return how many trials there will be."""
    return len(seeds) * sum(len(scenario.variants) for scenario in scenarios)


def run_trials(
    scenario: Scenario,
    seeds: Sequence[int],
    folder: Path,
    *,
    n_workers: int | None = None,
    reserve: Reserve | None = None,
    tell: Callable[[str], None] = lambda words: None,
) -> Iterator[Trial]:
    """Run a scenario: for each seed one dataset, annotated in all its variants.

    Parameters
    ----------
    scenario : Scenario
        What to simulate, and with which settings to annotate it.
    seeds : sequence of int
        A dataset each.
    folder : Path
        For what is computed. Isotope patterns stay in it, for the next scenario; the rest goes.
    n_workers : int or None
        Worker processes; one per core if None.
    reserve : Reserve, optional
        Worker processes that were started before, and may be used after.
    tell : callable, optional
        Called with a few words before each simulation and each run.

    Raises
    ------
    InvalidConfig
        If settings or arguments of the simulation are out of range.
    InvalidDatabase
        If the database cannot be read.
    TrialFailed
        If a run failed.
    """
    database = scenario.database or folder / "lipids.tsv"
    if scenario.database is None:
        write_lipids(database)
    formulas = _read_formulas(database)
    model = _model(scenario.simulation)
    for seed in seeds:
        tell(f"{scenario.name}, seed {seed}: simulating")
        made = simulate_dataset(
            folder / "simulated.imzML", seed=seed, formulas=formulas, **scenario.simulation
        )
        truth = read_truth(made.truth_path, model)
        for variant in scenario.variants:
            name = name_variant(variant)
            tell(f"{scenario.name}, seed {seed}: annotating, {name}")
            settings = {**scenario.settings, **variant}
            out = folder / "results"
            record = _annotate(made, database, out, settings, folder / "work", n_workers, reserve)
            rows = read_annotations(out / TABLE)
            ppm = float(settings.get("ppm", SETTINGS["ppm"].default))
            alone = without_competition(rows)
            with np.load(out / diagnostics(database.stem)) as arrays:
                scored = unpack_diagnostics(database.stem, dict(arrays))
            yield Trial(
                scenario.name,
                name,
                seed,
                _count_levels(rows, truth, ppm),
                {} if alone is None else _count_levels(alone, truth, ppm),
                measure_difficulty(scored, model, ANNOTATED_LEVEL),
                _compare_lines(truth, record),
            )
            shutil.rmtree(out)
        _forget_all_but_patterns(folder / "work")


def _read_formulas(database: Path) -> list[str]:
    try:
        data = database.read_bytes()
    except OSError as error:
        raise InvalidDatabase(
            f"{database} cannot be read ({error.strerror}); give the path of a CSV or TSV table"
        ) from None
    return list(parse_database(data, database.stem).unique_formulas())


def _model(simulation: Mapping[str, Any]) -> IsotopeModel:
    """Return what a simulation makes isotope patterns with."""
    analyzer = simulation.get("analyzer", "orbitrap")
    sigma = sigma_from_resolving_power(analyzer, simulation.get("resolving_power", 140_000))
    charge = -1 if simulation.get("polarity") == "negative" else 1
    return IsotopeModel(analyzer, sigma, charge=charge)


def _annotate(
    made: SimulatedDataset,
    database: Path,
    out: Path,
    settings: Settings,
    work: Path,
    n_workers: int | None,
    reserve: Reserve | None,
) -> RunRecord:
    outcome = annotate(
        made.imzml_path,
        [database],
        out,
        [ConfigLayer("the scenario", dict(settings))],
        work=work,
        n_workers=n_workers,
        reserve=reserve,
        shown_on=io.StringIO(),
    )
    if outcome.record is not None:
        return outcome.record
    message = outcome.status.message or "the run failed"
    if outcome.status.status == "invalid_input":
        raise InvalidConfig(message)
    raise TrialFailed(
        f"{outcome.status.error or 'failed'}: {message} {outcome.status.advice or ''}"
    )


def _compare_lines(truth: Truth, record: RunRecord) -> LineErrors | None:
    if not len(truth.line):
        return None
    mz, line_ppm = truth.line.T
    found = record.recalibration
    expected_ppm = np.zeros(len(mz))
    if found is not None:
        line = Recalibration(found.offset_ppm, found.slope_ppm, found.mz_min, found.mz_max)
        expected_ppm = line.expected_ppm(mz)
    planted, left = (float(np.sqrt((off**2).mean())) for off in (line_ppm, line_ppm - expected_ppm))
    return LineErrors(planted, left)


def _count_levels(rows: Sequence[Annotation], truth: Truth, ppm: float) -> dict[float, Counts]:
    return {level: count(rows, truth, level, ppm) for level in LEVELS}


def _forget_all_but_patterns(work: Path) -> None:
    shutil.rmtree(work / "results")
    shutil.rmtree(work / "inbox")
    for entry in (work / "work").iterdir():
        if entry.name != _PATTERNS:
            shutil.rmtree(entry)
