"""Yardsticks: fixed amounts of other libraries' work, some of them on the data of a run.

CPU seconds differ from machine to machine; how many times a run costs what cpyMSpec's patterns, or
numpy's sort of its peaks, cost in the same hour, hardly does.
"""

from __future__ import annotations

import contextlib
import functools
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ionbox.datasets.files import find_dataset
from ionbox_cloud import keys
from ionbox_cloud.store import Store
from ionbox_science.config import RunConfig
from ionbox_science.imzml.header import read_header
from ionbox_science.imzml.spectra import read_peaks
from ionbox_science.theory.ions import IonTable
from ionbox_science.theory.isotope_model import FWHM_PER_SIGMA, IsotopeModel

from benchmarks.formulas import hmdb_formulas
from benchmarks.measure import measure_side_by_side

_SAMPLED_IONS = 1000
_LOOP_FORMULAS = 1000
_LOOP_SIGMA = 0.000619  # Da at m/z 200: METASPACE's entry "280K" for Orbitraps


@dataclass(frozen=True)
class Yardsticks:
    """CPU seconds of other libraries on a workload.

    Attributes
    ----------
    pattern_loop_s : float
        cpyMSpec's plain loop over all ions, extrapolated from a sample of them.
    argsort_s : float
        numpy's stable argsort of all m/z.
    copy_s : float
        numpy's copy of all peaks: m/z, intensity and pixel of each.
    n_ions, n_peaks : int
        Ions and peaks above zero of the workload.
    peak_bytes : int
        Bytes per peak that are copied.
    file_copy_s : float
        Wall-clock seconds of a copy of the ibd to a file beside it.
    """

    pattern_loop_s: float
    argsort_s: float
    copy_s: float
    n_ions: int
    n_peaks: int
    peak_bytes: int
    file_copy_s: float


def measure_yardsticks(imzml: Path, work: Path, record: dict[str, Any]) -> Yardsticks:
    """Measure the yardsticks on the data and the ions of a finished run.

    Parameters
    ----------
    imzml : Path
        The dataset.
    work : Path
        The run's work folder, where its ions are.
    record : dict
        The run's record, ``run.json``.
    """
    model = RunConfig.from_json(record["config"]).isotope_model
    store = Store.open((work / "work").resolve().as_uri())
    (database,) = record["databases"]
    ions = IonTable.from_arrays(store.read_arrays(keys.ions(database["patterns_id"])))
    chosen = np.linspace(0, ions.n_ions - 1, min(_SAMPLED_IONS, ions.n_ions)).astype(int)
    formulas = ions.ion_formulas(chosen)
    mz = _read_mz(imzml)
    peaks = np.ones(mz.size, np.dtype([("mz", mz.dtype), ("intensity", "f4"), ("pixel", "u4")]))
    target = np.zeros_like(peaks)
    _, (loop_s, argsort_s, copy_s) = measure_side_by_side(
        [
            lambda: loop_patterns(formulas, model),
            lambda: np.argsort(mz, kind="stable"),
            lambda: np.copyto(target.view(np.uint8), peaks.view(np.uint8)),
        ]
    )
    pattern_loop_s = loop_s * ions.n_ions / len(chosen)
    return Yardsticks(
        pattern_loop_s,
        argsort_s,
        copy_s,
        ions.n_ions,
        mz.size,
        peaks.itemsize,
        _copy_file_s(find_dataset(imzml).ibd, work),
    )


def measure_loop(n_formulas: int = _LOOP_FORMULAS) -> float:
    """Return L: CPU seconds of cpyMSpec's plain loop over 1,000 of HMDB's formulas with H added.

    The same work on every machine and for every workload, at METASPACE's setting for Orbitraps; the
    least of three turns. Where HMDB's formulas are not at hand, those made up like them take the
    same to within a few percent.
    """
    _, (loop_s,) = measure_side_by_side([functools.partial(_loop_formulas, n_formulas)])
    return loop_s * _LOOP_FORMULAS / n_formulas


def _loop_formulas(n_formulas: int) -> None:
    import cpyMSpec

    power = 200 / (_LOOP_SIGMA * FWHM_PER_SIGMA)
    instrument = cpyMSpec.InstrumentModel("orbitrap", power, 200.0)
    for formula in _formulas_of_loop()[:n_formulas]:
        # those with too many isotopologues: cpyMSpec raises a bare Exception
        with contextlib.suppress(Exception):
            pattern = cpyMSpec.isotopePattern(f"{formula}H")
            pattern.addCharge(1)
            pattern.centroids(instrument)


@functools.cache
def _formulas_of_loop() -> list[str]:
    """Return every fourth of HMDB's first 4,000 formulas, in the order of the alphabet."""
    return hmdb_formulas()[0][: 4 * _LOOP_FORMULAS : 4]


def _copy_file_s(path: Path, folder: Path) -> float:
    """Return the wall-clock seconds of a copy of a file into a folder."""
    target = folder / "copy"
    started = time.perf_counter()
    shutil.copyfile(path, target)
    spent = time.perf_counter() - started
    target.unlink()
    return spent


def loop_patterns(
    ion_formulas: Sequence[str], model: IsotopeModel
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """Compute isotope patterns as a user of cpyMSpec would, one ion after the other.

    Returns
    -------
    mz : (n_ions, n_peaks) float64
        m/z, ascending, zero padded.
    intensity : (n_ions, n_peaks) float32
        Abundance relative to a base peak of 100, zero padded.
    """
    import cpyMSpec

    instrument = cpyMSpec.InstrumentModel(model.analyzer, model.resolving_power)
    mz = np.zeros((len(ion_formulas), model.n_peaks))
    intensity = np.zeros((len(ion_formulas), model.n_peaks), np.float32)
    for row, formula in enumerate(ion_formulas):
        # ions with too many isotopologues: cpyMSpec raises a bare Exception
        with contextlib.suppress(Exception):
            pattern = cpyMSpec.isotopePattern(formula, 1e-4)
            pattern.addCharge(model.charge)
            peaks = pattern.centroids(instrument, 1e-4, 25)
            peaks.trim(model.n_peaks)
            pairs = sorted(zip(peaks.masses, peaks.intensities, strict=True))
            mz[row, : len(pairs)], intensity[row, : len(pairs)] = np.transpose(pairs)
    return mz, intensity * np.float32(100)


def _read_mz(imzml: Path) -> npt.NDArray[np.floating[Any]]:
    header = read_header(imzml.read_bytes(), imzml.name)
    with find_dataset(imzml).ibd.open("rb") as ibd:

        def read_range(offset: int, n_bytes: int) -> bytes:
            ibd.seek(offset)
            return ibd.read(n_bytes)

        return read_peaks(header, read_range).mz
