"""Isotope patterns of METASPACE's first analysis version: cpyMSpec 0.3.5.

The version cannot live beside the product's in one process, so it runs in processes of its own:
``make test`` installs it below ``.venv/oracles``. Run as a script, this file reads ion formulas
from standard input, one a line, and writes their patterns to the file it is given.

The recipe (METASPACE engine, ``isocalc_wrapper.py``): the model 'tof' with the resolving power
that the most abundant isotopologue has, four most intense centroids, ascending m/z.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.patience import RUN_S

PROJECT = Path(__file__).parents[2]
ORACLE = Path(sys.prefix) / "oracles" / "cpymspec-0.3.5"

N_PEAKS = 4
_FWHM_PER_SIGMA = 2.3548200450309493
_N_PROCESSES = 2


def generate_patterns_v1(
    ion_formulas: Sequence[str], sigma: float, charge: int = 1
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """Compute patterns as `generate_patterns` of ionbox_science returns them."""
    with tempfile.TemporaryDirectory() as folder:
        targets = [Path(folder) / f"{i}.npz" for i in range(_N_PROCESSES)]
        running = [
            _start(ion_formulas[i::_N_PROCESSES], sigma, charge, target)
            for i, target in enumerate(targets)
        ]
        codes = [process.wait(RUN_S) for process in running]
        assert codes == [0] * _N_PROCESSES, "cpyMSpec 0.3.5 failed; is it below .venv/oracles?"
        mz = np.zeros((len(ion_formulas), N_PEAKS))
        intensity = np.zeros((len(ion_formulas), N_PEAKS), np.float32)
        for i, target in enumerate(targets):
            with np.load(target) as part:
                mz[i::_N_PROCESSES] = part["mz"]
                intensity[i::_N_PROCESSES] = part["intensity"]
    return mz, intensity


def _start(
    ion_formulas: Sequence[str], sigma: float, charge: int, target: Path
) -> subprocess.Popen[str]:
    listed = target.with_suffix(".txt")
    listed.write_text("\n".join(ion_formulas), encoding="utf-8")
    with listed.open(encoding="utf-8") as source:
        return subprocess.Popen(
            [sys.executable, __file__, str(sigma), str(charge), str(target)],
            stdin=source,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ORACLE, PROJECT)))},
            text=True,
        )


def _main(sigma: float, charge: int, target: str) -> None:
    cpymspec: Any = importlib.import_module("cpyMSpec")
    assert Path(cpymspec.__file__).is_relative_to(ORACLE), cpymspec.__file__
    ion_formulas = sys.stdin.read().split()
    mz = np.zeros((len(ion_formulas), N_PEAKS))
    intensity = np.zeros((len(ion_formulas), N_PEAKS), np.float32)
    for row, ion_formula in enumerate(ion_formulas):
        peaks = _generate_pattern(cpymspec, ion_formula, sigma, charge)
        mz[row, : len(peaks)] = [peak_mz for peak_mz, _ in peaks]
        intensity[row, : len(peaks)] = [abundance * 100 for _, abundance in peaks]
    np.savez(target, mz=mz, intensity=intensity)


def _generate_pattern(
    cpymspec: Any, ion_formula: str, sigma: float, charge: int
) -> list[tuple[float, float]]:
    fine_structure = cpymspec.isotopePattern(ion_formula, 1e-4)
    fine_structure.addCharge(charge)
    resolving_power = fine_structure.masses[0] / (sigma * _FWHM_PER_SIGMA)
    model = cpymspec.InstrumentModel("tof", resolving_power)
    centroids = fine_structure.centroids(model, 1e-4, 25)
    centroids.trim(N_PEAKS)
    return sorted(zip(centroids.masses, centroids.intensities, strict=True))


if __name__ == "__main__":
    _main(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
