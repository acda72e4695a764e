"""Fixed amounts of work of other libraries on the same data, so that ratios hold on any machine."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ionbox.dataset_files import find_dataset
from ionbox_cloud import keys
from ionbox_cloud.store import Store
from ionbox_science.config import RunConfig
from ionbox_science.imzml import read_header
from ionbox_science.ions import IonTable
from ionbox_science.isotope_patterns import IsotopeModel
from ionbox_science.spectra import read_peaks

from benchmarks.measure import measure_best

_SAMPLED_IONS = 1000
_REPEATS = 3


@dataclass(frozen=True)
class Yardsticks:
    """CPU seconds of other libraries on a workload.

    Attributes
    ----------
    pattern_loop_s : float
        cpyMSpec's plain loop over all ions, extrapolated from a sample of them.
    argsort_s : float
        numpy's stable argsort of all m/z.
    n_ions, n_peaks : int
        How much that is.
    """

    pattern_loop_s: float
    argsort_s: float
    n_ions: int
    n_peaks: int


def measure_yardsticks(imzml: Path, work: Path, record: dict[str, Any]) -> Yardsticks:
    """Measure the yardsticks on the data and the ions of a finished run.

    Parameters
    ----------
    imzml : Path
        The dataset.
    work : Path
        Where the run kept its ions.
    record : dict
        Its run record.
    """
    model = RunConfig.from_json(record["config"]).isotope_model
    store = Store.open((work / "work").resolve().as_uri())
    pattern_loop_s, n_ions = 0.0, 0
    for database in record["databases"]:
        table = IonTable.from_arrays(store.read_arrays(keys.ions(database["patterns_id"])))
        chosen = np.linspace(0, table.n_ions - 1, min(_SAMPLED_IONS, table.n_ions)).astype(int)
        formulas = table.ion_formulas(chosen)
        _, cpu_s = measure_best(functools.partial(loop_patterns, formulas, model), _REPEATS)
        pattern_loop_s += cpu_s * table.n_ions / len(chosen)
        n_ions += table.n_ions
    mz = _read_mz(imzml)
    _, argsort_s = measure_best(lambda: np.argsort(mz, kind="stable"), _REPEATS)
    return Yardsticks(pattern_loop_s, argsort_s, n_ions, mz.size)


def loop_patterns(ion_formulas: Sequence[str], model: IsotopeModel) -> None:
    """Compute isotope patterns as a user of cpyMSpec would, one ion after the other."""
    import cpyMSpec

    instrument = cpyMSpec.InstrumentModel(model.analyzer, model.resolving_power)
    for formula in ion_formulas:
        # ions with too many isotopologues: cpyMSpec raises a bare Exception
        with contextlib.suppress(Exception):
            pattern = cpyMSpec.isotopePattern(formula, 1e-4)
            pattern.addCharge(model.charge)
            pattern.centroids(instrument, 1e-4, 25).trim(model.n_peaks)


def _read_mz(imzml: Path) -> np.ndarray:
    header = read_header(imzml.read_bytes(), imzml.name)
    with find_dataset(imzml).ibd.open("rb") as ibd:

        def read_range(offset: int, n_bytes: int) -> bytes:
            ibd.seek(offset)
            return ibd.read(n_bytes)

        return read_peaks(header, read_range).mz
