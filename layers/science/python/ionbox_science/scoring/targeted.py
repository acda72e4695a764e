"""Targeted databases: every ion of a small database is kept, found or not.

In: the scores of a database, m/z of all its ions. Out: the scores with a row for
each ion that could have been seen, those without a signal at an MSM of 0 (``EstimateFdr`` in a run,
before ranking).

METASPACE takes a database of at most 1,000 formulas for a panel of molecules that somebody is
interested in, whether they are there or not. Its rules: all target ions within the measured m/z
range are reported, whatever their MSM and FDR, and all of them, as all their decoys, take part in
ranking, those with an MSM of 0 too.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ionbox_science.scoring.scores import IonScores
from ionbox_science.setting_table import Targeted

MOST_FORMULAS = 1000
"""Different formulas that a targeted database has at most, as in METASPACE."""


def is_targeted(setting: Targeted, n_formulas: int) -> bool:
    """Say whether all ions of a database of so many different formulas are kept."""
    return setting == "auto" and n_formulas <= MOST_FORMULAS


def add_silent_ions(
    scores: IonScores, pattern_mz: npt.NDArray[np.float64], is_inside: npt.NDArray[np.bool_]
) -> IonScores:
    """Give a row to every ion within the m/z range that has none yet.

    Parameters
    ----------
    scores : IonScores
        Metrics of the ions of a database, in any order.
    pattern_mz : (n_ions, n_peaks) float64
        Theoretical m/z of all ions of the database.
    is_inside : (n_ions,) bool
        Which of them lie within the measured range (`lie_inside`).

    Returns
    -------
    IonScores
        By ascending ion. Metrics, errors and intensities of added ions are 0, and their measured
        m/z the theoretical ones, as of an image without peaks.
    """
    is_silent = is_inside.copy()
    is_silent[scores.ion] = False
    ions = np.flatnonzero(is_silent)
    zeros = np.zeros(len(ions))
    no_images = np.zeros((len(ions), pattern_mz.shape[1]), np.float32)
    silent = IonScores(
        ion=ions.astype(np.int32),
        chaos=zeros,
        spatial=zeros,
        spectral=zeros,
        msm=zeros,
        mz_error_abs=zeros,
        mz_error_rel=zeros,
        total_intensity=no_images,
        min_intensity=no_images,
        max_intensity=no_images,
        mz_mean=pattern_mz[ions],
        mz_stddev=np.zeros(no_images.shape),
    )
    both = IonScores.concatenate([scores, silent])
    return both.take(np.argsort(both.ion, kind="stable"))
