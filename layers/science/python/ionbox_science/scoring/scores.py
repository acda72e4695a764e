"""Score ions: MSM = chaos × spatial × spectral (Palmer et al. 2017, doi:10.1038/nmeth.4072).

*spectral*: do the intensities of the isotope images follow the isotope pattern?
*spatial*: do the isotope images look like the first one?
*chaos*: is the first image an object or noise?

Every metric equals METASPACE's to rounding (there: partly float32, here: float64 throughout, so
that one spatial metric serves both FDR methods). A metric that cannot be computed is zero. The
computing is done by ``kernels/scoring/scores.c``.
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
from ionbox_science.setting_table import DEFAULTS

MAX_ISOTOPE_PEAKS = 16

_PARTS_PER_THREAD = 8  # so that threads end at about the same time

Float64s = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]

Masses = TypeVar("Masses", float, Float64s)


def mass_error_ppm(error_da: Masses, mz: Masses) -> Masses:
    """Return mass errors as the column ``massError`` has them.

    Parameters
    ----------
    error_da : (n,) float64 or float
        Measured minus theoretical m/z, Da.
    mz : (n,) float64 or float
        Theoretical.

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
        Ascending, zero padded.
    intensity : (n_ions, n_peaks) float32
        Relative to a base peak of 100, zero padded.
    is_target : (n_ions,) bool
        Targets get all metrics, decoys stop at the first that is zero.
    """

    mz: Float64s
    intensity: Float32s
    is_target: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ImageOptions:
    """How images are cut from the data and when they count.

    Attributes
    ----------
    ppm : float
        Half width of an m/z window.
    min_px : int
        Measured peaks an image needs.
    """

    ppm: float = DEFAULTS["ppm"]
    min_px: int = DEFAULTS["min_px"]


@dataclass(frozen=True)
class IonScores(Columns):
    """Metrics of the ions whose first isotope image is not empty; all others score zero.

    Attributes
    ----------
    ion : (n,) int32
        Ion number, ascending.
    chaos, spatial, spectral, msm : (n,) float64
        Between 0 and 1.
    mz_error_abs : (n,) float64
        Mean measured minus theoretical m/z of the first isotope peak, in Da.
    mz_error_rel : (n,) float64
        Abundance-weighted mean of the same for the further isotope peaks, less `mz_error_abs`.
    total_intensity, min_intensity, max_intensity : (n, n_peaks) float32
        Over the pixels that were measured.
    mz_mean, mz_stddev : (n, n_peaks) float64
        Intensity-weighted; the theoretical m/z and 0 where an image is empty.
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
        What to look for.
    grid : Grid
        Where spectra were measured.
    options : ImageOptions
        Window width and minimal image.
    mz_range : (float, float)
        Lowest and highest m/z of the whole dataset. An ion counts only if one of its isotope peaks
        lies strictly inside, as in METASPACE.
    first_ion : int
        Number of the first ion of the range.
    n_threads : int
        Threads to spread the ions over; the scores do not depend on it.

    Raises
    ------
    ValueError
        If there are more than 16 isotope peaks, or a peak lies outside the grid.

    Notes
    -----
    This is the hot path: cost follows the measured peaks in the windows of ions that were found at
    all. A spatial metric up to 1e-12 is rounding error and counts as 0.
    """
    if patterns.mz.shape[1] > MAX_ISOTOPE_PEAKS:
        raise ValueError(f"{patterns.mz.shape[1]} isotope peaks; at most {MAX_ISOTOPE_PEAKS}")
    windows = drop_small_images(find_windows(peaks.mz, patterns.mz, options.ppm), options.min_px)
    found = windows.n_found > 0
    inside = ((patterns.mz > mz_range[0]) & (patterns.mz < mz_range[1])).any(axis=1)
    wanted = inside & found[:, 0] & (found[:, 1:].any(axis=1) | patterns.is_target)
    return _score_selected(
        peaks, patterns, windows, grid, np.flatnonzero(wanted), n_threads, first_ion
    )


def _score_selected(
    peaks: Peaks,
    patterns: Patterns,
    windows: Windows,
    grid: Grid,
    ions: npt.NDArray[np.intp],
    n_threads: int,
    first_ion: int,
) -> IonScores:
    """Score the selected ions, given by number in the range, ascending."""
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
    """Allocate the scores of ions given by number."""
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
    """Return the order in which ions share measured peaks with those before: (n_ions,) uint32."""
    order = np.empty(len(mz), np.uint32)
    call_kernel("ionbox_order_values", mz, len(mz), order)
    return order
