"""Theoretical isotope patterns as an analyzer of finite resolving power sees them.

In: ions, by formula or by their atoms, and the model (analyzer, peak width, charge). Out: m/z and
abundances of each ion's most intense isotope peaks. Needs no measured data: patterns are generated
beside the sorting (``GenerateIsotopePatterns``), cached for other runs, and scored when both are
there.

The recipe is METASPACE's (``isocalc_wrapper.py``, analysis version 2 and later) on cpyMSpec 0.4.2:
fine structure down to 1e-4 of the top peak, a Gaussian envelope sampled on a grid of 25 points per
full width at half maximum, local maxima of that envelope, the ``n_peaks`` most intense of them.
The grid leaves a bias of about 0.1 ppm against exact masses. It is kept: METASPACE's annotations
were made with it, and results stay comparable.

A kernel of our own (``kernels/patterns/isotope_patterns.c``) computes the same samples, leaving out
those that cannot matter. An ion whose answer hangs on the last digits of floating point numbers is
left to cpyMSpec (none met so far).

METASPACE's first analysis version had its patterns from cpyMSpec 0.3.5, whose grid reaches farther
and whose exponentials are exact, and gave all peaks of an ion one width. The same kernel makes
them, for results that are to be those of that version.
"""

from __future__ import annotations

import contextlib
import importlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from ionbox_science.kernel_calls import call_kernel
from ionbox_science.progress import ProgressCount
from ionbox_science.setting_table import PATTERN_VERSIONS, PatternVersion
from ionbox_science.theory.compositions import DECLINED, Compositions, parse_compositions
from ionbox_science.theory.formulas import (
    ISOTOPE_LABELS,
    element_masses,
    format_formula,
    parse_formula,
)
from ionbox_science.theory.isotope_model import ANALYZERS, IsotopeModel
from ionbox_science.theory.isotopes import read_isotopes

# METASPACE's arguments to cpyMSpec: least abundance, samples per peak; and the base peak it stores
_MIN_ABUNDANCE = 1e-4
_POINTS_PER_FWHM = 25
_BASE_PEAK = 100.0
_ASKABLE: PatternVersion = "cpymspec-0.4.2"  # of which ions may be asked: the one that is installed
IONS_PER_CALL = 2048  # enough to make the call cheap, few enough for threads to end together


class ReferenceMissing(ImportError):  # noqa: N818 (the class name is what users read)
    """An ion has to be left to cpyMSpec, and cpyMSpec is not installed."""


def generate_patterns(
    ion_formulas: Sequence[str], model: IsotopeModel, n_threads: int = 1
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """Compute the isotope patterns of ions.

    Parameters
    ----------
    ion_formulas : sequence of str
        Formulas with all modifiers applied.
    model : IsotopeModel
        Analyzer, peak width, number of peaks and charge.
    n_threads : int
        Threads to spread the ions over; the result does not depend on it.

    Returns
    -------
    mz : (n_ions, n_peaks) float64
        m/z in Da per elementary charge, ascending, padded with zeros where there are fewer peaks.
    intensity : (n_ions, n_peaks) float32
        Abundance relative to a base peak of 100, padded likewise. An ion without a pattern (only
        labels, or too many isotopologues to enumerate) is a row of zeros.

    Raises
    ------
    InvalidFormula
        If an ion formula cannot be read.
    ReferenceMissing
        If an ion hangs on the last digits and cpyMSpec is not installed to decide.
    """
    compositions = parse_compositions(ion_formulas)
    return generate_patterns_of(compositions, model, ion_formulas.__getitem__, n_threads)


def generate_patterns_of(
    compositions: Compositions,
    model: IsotopeModel,
    ion_formula: Callable[[int], str],
    n_threads: int = 1,
    *,
    plain: bool = False,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """Compute the isotope patterns of ions whose atoms are counted already.

    Parameters
    ----------
    compositions : Compositions
        Atoms of the ions.
    model : IsotopeModel
        Analyzer, peak width, number of peaks and charge.
    ion_formula : callable
        Returns the formula of an ion by its row, for the rare one that is left to cpyMSpec.
    n_threads : int
        Threads to spread the ions over; the result does not depend on it.
    plain : bool
        Whether to do without what this processor has beyond others; the result is the same.

    Returns
    -------
    mz : (n_ions, n_peaks) float64
        As `generate_patterns` returns it.
    intensity : (n_ions, n_peaks) float32
        As `generate_patterns` returns it.

    Raises
    ------
    ReferenceMissing
        If an ion hangs on the last digits and cpyMSpec is not installed to decide.
    """
    n_ions = len(compositions.label_mass)
    mz = np.zeros((n_ions, model.n_peaks))
    intensity = np.zeros((n_ions, model.n_peaks), np.float32)
    declined = np.zeros(n_ions, np.bool_)
    progress = ProgressCount(n_ions, "ions")

    def compute_share(thread: int) -> None:
        """Compute every n_threads-th range of ions, with a context of the thread's own."""
        with _open_context(model.version, int(plain)) as context:
            for start in range(thread * IONS_PER_CALL, len(mz), n_threads * IONS_PER_CALL):
                ions = slice(start, start + IONS_PER_CALL)
                declined[ions] = _run_kernel(
                    context, compositions, ions, model, mz[ions], intensity[ions]
                )
                progress.add(len(mz[ions]))

    if n_threads == 1:
        compute_share(0)
    else:
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(compute_share, range(n_threads)))
    # In this thread: cpyMSpec is slow to import, and next to no ion comes here.
    for row in np.flatnonzero(declined).tolist():
        peaks = generate_pattern_with_cpymspec(ion_formula(row), model)
        mz[row, : len(peaks)] = [peak_mz for peak_mz, _ in peaks]
        intensity[row, : len(peaks)] = [abundance * _BASE_PEAK for _, abundance in peaks]
    return mz, intensity


@contextlib.contextmanager
def _open_context(version: PatternVersion, is_plain: int) -> Iterator[int]:
    """Make and free a kernel context: tables and memory that the ions of one thread share."""
    isotopes = read_isotopes()
    arrays = isotopes.starts, isotopes.masses, isotopes.abundances
    number = PATTERN_VERSIONS.index(version)
    context = call_kernel(
        "ionbox_make_pattern_context", isotopes.n_elements, *arrays, number, is_plain
    )
    try:
        yield context
    finally:
        call_kernel("ionbox_free_pattern_context", context)


def _run_kernel(
    context: int,
    compositions: Compositions,
    ions: slice,
    model: IsotopeModel,
    mz: npt.NDArray[np.float64],
    intensity: npt.NDArray[np.float32],
) -> npt.NDArray[np.bool_]:
    """Fill in the patterns of a range of ions, zeros before; return which are left to cpyMSpec."""
    shift = compositions.label_mass[ions] / abs(model.charge)
    outcome = np.zeros(len(shift), np.uint8)
    call_kernel(
        "ionbox_generate_patterns",
        context,
        len(shift),
        compositions.starts[ions.start :],
        compositions.elements,
        compositions.counts,
        shift,
        ANALYZERS.index(model.analyzer),
        model.sigma,
        model.charge,
        model.n_peaks,
        mz,
        intensity,
        outcome,
    )
    left: npt.NDArray[np.bool_] = (outcome == DECLINED) | (compositions.outcome[ions] == DECLINED)
    return left if model.version == _ASKABLE else np.zeros_like(left)


def generate_pattern_with_cpymspec(
    ion_formula: str, model: IsotopeModel
) -> list[tuple[float, float]]:
    """Compute one ion's pattern with cpyMSpec, whose results are the definition.

    Parameters
    ----------
    ion_formula : str
        Formula with all modifiers applied.
    model : IsotopeModel
        Analyzer, peak width, number of peaks and charge.

    Returns
    -------
    list of (float, float)
        m/z and abundance (at most 1) of the most intense peaks, by ascending m/z.

    Raises
    ------
    ReferenceMissing
        If cpyMSpec is not installed.
    """
    unlabelled, label_mass = _split_labels(ion_formula)
    if not unlabelled:
        return []
    reference = _cpymspec(ion_formula)
    instrument = reference.InstrumentModel(model.analyzer, model.resolving_power)
    try:
        fine_structure = reference.isotopePattern(unlabelled, _MIN_ABUNDANCE)
        fine_structure.addCharge(model.charge)
        centroids = fine_structure.centroids(instrument, _MIN_ABUNDANCE, _POINTS_PER_FWHM)
    except Exception:  # noqa: BLE001 (cpyMSpec raises no other class)
        return []  # too many isotopologues, atoms or samples: METASPACE drops these ions as well
    centroids.trim(model.n_peaks)
    shift = label_mass / abs(model.charge)
    masses = [mass + shift for mass in centroids.masses]
    return sorted(zip(masses, centroids.intensities, strict=True))


def _cpymspec(ion_formula: str) -> Any:
    """Import cpyMSpec on first use: it is slow to load and leaves a file open while doing so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            return importlib.import_module("cpyMSpec")
        except ImportError as error:
            raise ReferenceMissing(
                f"the isotope pattern of {ion_formula} hangs on the last digits and is left to "
                "cpyMSpec, which cannot be loaded here: pip install cpyMSpec==0.4.2"
            ) from error


def _split_labels(ion_formula: str) -> tuple[str, float]:
    """Return the formula without isotope labels, and the mass of all its labels in Da."""
    if "x" not in ion_formula:
        return ion_formula, 0.0
    counts = parse_formula(ion_formula)
    label_mass = sum(element_masses()[label] * counts.pop(label, 0) for label in ISOTOPE_LABELS)
    return format_formula(counts), label_mass
