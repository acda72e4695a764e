"""Score ions: MSM = chaos × spatial × spectral (Palmer et al. 2017, doi:10.1038/nmeth.4072).

In: peaks sorted by m/z (segments) and the isotope patterns of a range of ions, targets and decoys.
Out: their metrics, for the FDR. This is the heart of a run (``AnnotateSegments``).

*chaos*: is the first image an object or noise? 1 - (mean number of its connected objects over 30
thresholds) / (its number of filled pixels).

*spatial*: do the isotope images look like the first one? Mean of their Pearson correlations with
it, weighted by abundance, within 0 to 1.

*spectral*: do the intensities of the isotope images follow the isotope pattern? 1 - mean absolute
difference of expected and observed, each scaled to unit length; observed are sums over the pixels
of the first image.

Every metric equals METASPACE's to rounding (there: partly float32, here: float64 throughout, so
that one spatial metric serves both FDR methods). A metric that cannot be computed is zero.
``kernels/scoring/scores.c`` does the computing and defines each metric;
``tests/oracles/obvious.py`` says the same in a few lines of numpy each.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ionbox_science.columns import Columns
from ionbox_science.imzml.spectra import Peaks, contiguous_peaks, peak_columns
from ionbox_science.kernel_calls import call_kernel, fill_struct
from ionbox_science.scoring.ion_images import (
    Grid,
    Windows,
    drop_small_images,
    find_windows,
)
from ionbox_science.scoring.options import ImageOptions

MAX_ISOTOPE_PEAKS = 16
"""The same number as in ``scores.c``, whose arrays have this size."""

_PARTS_PER_THREAD = 8  # so that threads end at about the same time

MSM_CITATION = "doi:10.1038/nmeth.4072"
"""Of the metabolite-signal match: Palmer et al. 2017."""

Float64s = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]

Masses = TypeVar("Masses", float, Float64s)


def mass_error_ppm(error_da: Masses, mz: Masses) -> Masses:
    """Return m/z errors in ppm, as the column ``massError`` of the table has them.

    Parameters
    ----------
    error_da : (n,) float64 or float
        Measured minus theoretical m/z, Da.
    mz : (n,) float64 or float
        Theoretical m/z, above zero.

    Returns
    -------
    (n,) float64 or float
        In ppm of the theoretical m/z.
    """
    return error_da / mz * 1e6


@dataclass(frozen=True)
class Patterns(Columns):
    """Isotope patterns of a range of ions.

    Attributes
    ----------
    mz : (n_ions, n_peaks) float64
        Theoretical m/z, ascending, zero padded.
    intensity : (n_ions, n_peaks) float32
        Abundance relative to a base peak of 100, zero padded.
    is_target : (n_ions,) bool
        Targets get all metrics, for people to look at. Of decoys only MSM counts, so theirs stop at
        the first metric that is zero.
    """

    mz: Float64s
    intensity: Float32s
    is_target: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class IonScores(Columns):
    """Metrics of the ions that were found, by `score_ions`; all others have an MSM of zero.

    Attributes
    ----------
    ion : (n,) int32
        Ion number, ascending.
    chaos, spatial, spectral : (n,) float64
        The three metrics, 0 to 1.
    msm : (n,) float64
        What ions are ranked by, 0 to 1: their product, unless a learned score is put in its place
        (`ionbox_science.scoring.learned_score.rank_by`).
    mz_error_abs : (n,) float64
        Intensity-weighted mean of the measured m/z of the first isotope peak, less the theoretical,
        in Da.
    mz_error_rel : (n,) float64
        Abundance-weighted mean of the same for the further isotope peaks, less `mz_error_abs`, in
        Da.
    total_intensity, min_intensity, max_intensity : (n, n_peaks) float32
        Of each isotope image over the pixels that have a spectrum, counts.
    mz_mean, mz_stddev : (n, n_peaks) float64
        Intensity-weighted mean and standard deviation of the measured m/z in each window, Da; the
        theoretical m/z and 0 where an image is empty.
    """

    ion: npt.NDArray[np.int32]
    chaos: Float64s
    spatial: Float64s
    spectral: Float64s
    msm: Float64s
    mz_error_abs: Float64s
    mz_error_rel: Float64s
    total_intensity: Float32s
    min_intensity: Float32s
    max_intensity: Float32s
    mz_mean: Float64s
    mz_stddev: Float64s

    @property
    def is_found(self) -> npt.NDArray[np.bool_]:
        """Whether the product of the three metrics is above zero: (n,) bool."""
        return np.asarray(self.chaos * self.spatial * self.spectral > 0)


def score_ions(
    peaks: Peaks,
    patterns: Patterns,
    grid: Grid,
    options: ImageOptions,
    mz_range: tuple[float, float],
    first_ion: int = 0,
    n_threads: int = 1,
) -> IonScores:
    """Score a range of ions against the measured peaks.

    Parameters
    ----------
    peaks : Peaks
        Sorted by m/z; must cover the windows of all patterns.
    patterns : Patterns
        Isotope patterns of the ions.
    grid : Grid
        Pixels of the dataset, and where spectra were measured.
    options : ImageOptions
        Width of windows, and when an image counts.
    mz_range : (float, float)
        Lowest and highest m/z of the whole dataset. An ion counts only if one of its isotope peaks
        lies strictly inside, as in METASPACE.
    first_ion : int
        Number of the first ion of the range.
    n_threads : int
        Threads to spread the ions over; the scores do not depend on it.

    Returns
    -------
    IonScores
        Of the ions within ``mz_range`` that have an image of their first isotope peak and, unless
        they are targets, of a further one: a decoy without scores zero.

    Raises
    ------
    ValueError
        If there are more than 16 isotope peaks, or a peak lies outside the grid.

    Notes
    -----
    This is the hot path: cost follows the measured peaks in the windows of the ions that are
    scored. A spatial metric up to 1e-12 is rounding error and counts as 0.
    """
    if patterns.mz.shape[1] > MAX_ISOTOPE_PEAKS:
        raise ValueError(f"{patterns.mz.shape[1]} isotope peaks; at most {MAX_ISOTOPE_PEAKS}")
    windows = drop_small_images(find_windows(peaks.mz, patterns.mz, options.ppm), options.min_px)
    found = windows.n_found > 0
    inside = lie_inside(patterns.mz, mz_range)
    # A decoy without a second image has a spatial metric of 0 and need not be scored to know it.
    wanted = inside & found[:, 0] & (found[:, 1:].any(axis=1) | patterns.is_target)
    return _score_selected(
        peaks, patterns, windows, grid, np.flatnonzero(wanted), n_threads, first_ion
    )


def lie_inside(pattern_mz: Float64s, mz_range: tuple[float, float]) -> npt.NDArray[np.bool_]:
    """Say of which ions a peak lies strictly inside an m/z range: (n_ions,) bool."""
    inside = (pattern_mz > mz_range[0]) & (pattern_mz < mz_range[1])
    return np.asarray(inside.any(axis=1))


def _score_selected(
    peaks: Peaks,
    patterns: Patterns,
    windows: Windows,
    grid: Grid,
    ions: npt.NDArray[np.intp],
    n_threads: int,
    first_ion: int,
) -> IonScores:
    """Score selected ions, given by their row in ``patterns``, ascending."""
    scores = _empty_scores(ions + first_ion, patterns.mz.shape[1])
    n_ions, n_peaks = patterns.mz.shape
    height, width = grid.mask.shape
    job = fill_struct(
        "score_job",
        peaks=peak_columns(contiguous_peaks(peaks)),
        start=np.ascontiguousarray(windows.start, np.int64),
        stop=np.ascontiguousarray(windows.stop, np.int64),
        pattern_mz=np.ascontiguousarray(patterns.mz, np.float64),
        pattern_intensity=np.ascontiguousarray(patterns.intensity, np.float32),
        is_target=np.ascontiguousarray(patterns.is_target, np.bool_),
        selected=np.ascontiguousarray(ions, np.int64),
        n_ions=n_ions,
        n_peaks=n_peaks,
        n_selected=len(ions),
        height=height,
        width=width,
        n_measured=np.count_nonzero(grid.mask),
        chaos=scores.chaos,
        spatial=scores.spatial,
        spectral=scores.spectral,
        msm=scores.msm,
        mz_error_abs=scores.mz_error_abs,
        mz_error_rel=scores.mz_error_rel,
        total=scores.total_intensity,
        minimum=scores.min_intensity,
        maximum=scores.max_intensity,
        mz_mean=scores.mz_mean,
        mz_stddev=scores.mz_stddev,
    )

    def score_part(order: npt.NDArray[np.uint32]) -> None:
        call_kernel("ionbox_score_ions", job, order, order.size)

    order = _order_by_mz(patterns.mz[ions, 0])
    n_parts = _PARTS_PER_THREAD * n_threads if n_threads > 1 else 1
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(score_part, np.array_split(order, n_parts)))
    return scores


def _empty_scores(ions: npt.NDArray[np.intp], n_peaks: int) -> IonScores:
    """Allocate the scores of ions given by their number; the kernel fills in all but that."""
    # empty, not zeros: the kernel writes every row
    shape = (len(ions), n_peaks)
    return IonScores(
        ion=ions.astype(np.int32),
        chaos=np.empty(len(ions)),
        spatial=np.empty(len(ions)),
        spectral=np.empty(len(ions)),
        msm=np.empty(len(ions)),
        mz_error_abs=np.empty(len(ions)),
        mz_error_rel=np.empty(len(ions)),
        total_intensity=np.empty(shape, np.float32),
        min_intensity=np.empty(shape, np.float32),
        max_intensity=np.empty(shape, np.float32),
        mz_mean=np.empty(shape),
        mz_stddev=np.empty(shape),
    )


def _order_by_mz(mz: Float64s) -> npt.NDArray[np.uint32]:
    """Return the order in which to score ions: nearly ascending m/z, (n_ions,) uint32.

    Ions next to each other then share measured peaks, which are still in the processor's cache.
    """
    order = np.empty(len(mz), np.uint32)
    call_kernel("ionbox_order_values", mz, len(mz), order)
    return order
