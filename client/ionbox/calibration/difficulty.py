"""How hard data is to annotate: what its annotated ions, and its decoys, look like.

Real data is harder than what is easy to simulate: isotope peaks are missing, images are weak, m/z
are off. These figures say so of any run, so that simulated data can be compared with real data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ionbox_science.annotation.explanations import ScoredDatabase
from ionbox_science.scoring.scores import mass_error_ppm
from ionbox_science.theory.ions import NO_ION
from ionbox_science.theory.isotope_model import IsotopeModel
from ionbox_science.theory.isotope_patterns import generate_patterns

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class IonFigures:
    """Figures of a number of ions as columns, all (n_ions,) float64.

    Attributes
    ----------
    chaos, spatial, spectral, msm : array
        The metrics, and their product.
    isotope_ratio : array
        Intensity of the strongest further isotope peak to that of the first, measured over
        theoretical.
    n_missing : array
        Isotope images, of those after the first, that are empty.
    mz_error_ppm : array
        Measured less theoretical m/z of the first isotope peak.
    """

    chaos: Floats
    spatial: Floats
    spectral: Floats
    msm: Floats
    isotope_ratio: Floats
    n_missing: Floats
    mz_error_ppm: Floats

    @staticmethod
    def join(parts: Sequence[IonFigures]) -> IonFigures:
        """Put the ions of several runs together."""
        columns = zip(*(vars(part).values() for part in parts), strict=True)
        return IonFigures(*map(np.concatenate, columns))


@dataclass(frozen=True)
class Difficulty:
    """The figures that a run's data is judged by: of its annotated ions, and of its decoys."""

    annotated: IonFigures
    decoys: IonFigures

    @staticmethod
    def join(parts: Sequence[Difficulty]) -> Difficulty:
        """Put several runs together."""
        return Difficulty(
            IonFigures.join([part.annotated for part in parts]),
            IonFigures.join([part.decoys for part in parts]),
        )

    def summary(self) -> dict[str, float]:
        """Return the figures by name: medians, unless the name says otherwise."""
        ions, decoys = self.annotated, self.decoys
        low, middle, high = _quartiles(ions.mz_error_ppm)
        return {
            "msm": _quartiles(ions.msm)[1],
            "spatial": _quartiles(ions.spatial)[1],
            "spectral": _quartiles(ions.spectral)[1],
            "isotope_ratio": _quartiles(ions.isotope_ratio)[1],
            "mean_missing": float(ions.n_missing.mean()) if len(ions.n_missing) else 0.0,
            "mz_error_ppm": middle,
            "mz_error_width_ppm": high - low,
            "decoy_spatial": _quartiles(decoys.spatial)[1],
        }


def measure_difficulty(scored: ScoredDatabase, model: IsotopeModel, level: float) -> Difficulty:
    """Measure the ions of a run that were annotated, and its decoys that were found.

    Parameters
    ----------
    scored : ScoredDatabase
        What the run found out about a database.
    model : IsotopeModel
        Its isotope patterns.
    level : float
        FDR up to which ions count as annotated.
    """
    table, scores = scored.table, scored.scores
    annotated = np.unique(table.target_ion[(scored.fdr <= level) & (table.target_ion != NO_ION)])
    is_found = scores.chaos * scores.spatial * scores.spectral > 0
    is_decoy = is_found & ~table.is_target[scores.ion]
    return Difficulty(
        _measure(scored, np.flatnonzero(np.isin(scores.ion, annotated)), model),
        _measure(scored, np.flatnonzero(is_decoy), model),
    )


def _measure(scored: ScoredDatabase, rows: npt.NDArray[np.intp], model: IsotopeModel) -> IonFigures:
    scores = scored.scores
    mz, abundance = generate_patterns(scored.table.ion_formulas(scores.ion[rows]), model)
    intensity = scores.total_intensity[rows].astype(np.float64)
    n_peaks = min(mz.shape[1], intensity.shape[1])
    mz, abundance, intensity = mz[:, :n_peaks], abundance[:, :n_peaks], intensity[:, :n_peaks]
    row = np.arange(len(rows))
    strongest = 1 + abundance[:, 1:].argmax(axis=1) if len(rows) else row
    measured = intensity[row, strongest] / intensity[:, 0]
    theoretical = np.maximum(abundance[row, strongest], 1e-9) / abundance[:, 0]
    metrics = scores.chaos[rows], scores.spatial[rows], scores.spectral[rows]
    return IonFigures(
        *metrics,
        msm=metrics[0] * metrics[1] * metrics[2],
        isotope_ratio=measured / theoretical,
        n_missing=((abundance > 0) & (intensity == 0))[:, 1:].sum(axis=1).astype(np.float64),
        mz_error_ppm=mass_error_ppm(scores.mz_error_abs[rows], mz[:, 0]),
    )


def _quartiles(values: Floats) -> tuple[float, float, float]:
    if not len(values):
        return 0.0, 0.0, 0.0
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    return low, middle, high
