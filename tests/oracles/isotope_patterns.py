"""Isotope patterns by a plain loop over cpyMSpec 0.4.2, as METASPACE's engine computes them."""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from ionbox_science.theory.formulas import (
    ISOTOPE_LABELS,
    element_masses,
    format_formula,
    parse_formula,
)
from ionbox_science.theory.isotope_model import IsotopeModel


def generate_patterns_with_cpymspec(
    ion_formulas: Sequence[str], model: IsotopeModel
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """Compute patterns as `generate_patterns` of ionbox_science returns them."""
    instrument = cpymspec().InstrumentModel(model.analyzer, model.resolving_power)
    mz = np.zeros((len(ion_formulas), model.n_peaks))
    intensity = np.zeros((len(ion_formulas), model.n_peaks), np.float32)
    for row, ion_formula in enumerate(ion_formulas):
        counts = parse_formula(ion_formula)
        shift = sum(element_masses()[label] * counts.pop(label, 0) for label in ISOTOPE_LABELS)
        if not counts:
            continue
        try:
            fine_structure = cpymspec().isotopePattern(format_formula(counts), 1e-4)
        except Exception as error:
            if "too " not in str(error):
                raise
            continue
        fine_structure.addCharge(model.charge)
        centroids = fine_structure.centroids(instrument, 1e-4, 25)
        centroids.trim(model.n_peaks)
        peaks = sorted(zip(centroids.masses, centroids.intensities, strict=True))
        mz[row, : len(peaks)] = [mass + shift / abs(model.charge) for mass, _ in peaks]
        intensity[row, : len(peaks)] = [abundance * 100 for _, abundance in peaks]
    return mz, intensity


@functools.cache
def cpymspec() -> Any:
    """Import cpyMSpec, which leaves a file open while loading."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        return importlib.import_module("cpyMSpec")
