"""Scores of ions in numpy: what ``kernels/scoring/scores.c`` must equal, to rounding."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.scoring.ion_images import Grid, Windows, drop_small_images
from ionbox_science.scoring.options import ImageOptions
from ionbox_science.scoring.scores import Float32s, Float64s, IonScores, Patterns

from tests.oracles.chaos import measure_chaos
from tests.oracles.ion_images import extract_images, find_windows

N_CHAOS_LEVELS = 30
SPATIAL_ROUNDING = 1e-12

_CELLS_PER_BATCH = 1 << 21  # about 16 MB of float64 images at a time


def score_ions(
    peaks: Peaks,
    patterns: Patterns,
    grid: Grid,
    options: ImageOptions,
    mz_range: tuple[float, float],
    first_ion: int = 0,
) -> IonScores:
    """Score a run of ions against the measured peaks.

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
        Number of the first ion of the run.

    Notes
    -----
    This is the hot path: cost follows the pixels of ions that were found at all.
    """
    windows = drop_small_images(find_windows(peaks.mz, patterns.mz, options.ppm), options.min_px)
    found = windows.n_found > 0
    inside = ((patterns.mz > mz_range[0]) & (patterns.mz < mz_range[1])).any(axis=1)
    wanted = inside & found[:, 0] & (found[:, 1:].any(axis=1) | patterns.is_target)
    n_batch = max(1, _CELLS_PER_BATCH // (patterns.mz.shape[1] * grid.n_pixels))
    parts = [
        _score_batch(peaks, patterns.take(ions), windows.take(ions), grid, ions + first_ion)
        for ions in _batches(np.flatnonzero(wanted), n_batch)
    ]
    return IonScores.concatenate(parts)


def _batches(ions: npt.NDArray[np.intp], size: int) -> Iterator[npt.NDArray[np.intp]]:
    """Cut a selection of ions into batches; at least one, so that there is a result to join."""
    for start in range(0, max(len(ions), 1), size):
        yield ions[start : start + size]


def _score_batch(
    peaks: Peaks, patterns: Patterns, windows: Windows, grid: Grid, ions: npt.NDArray[np.intp]
) -> IonScores:
    images = extract_images(peaks, windows, grid)
    measured = images[:, :, grid.mask]
    with np.errstate(invalid="ignore", over="ignore"):  # infinite intensities score zero
        spectral = measure_spectral(measured, patterns.intensity)
        spatial = np.zeros_like(spectral)
        go_on = (spectral > 0) | patterns.is_target
        spatial[go_on] = measure_spatial(measured[go_on], patterns.intensity[go_on])
    chaos = np.zeros_like(spectral)
    go_on &= (spatial > 0) | patterns.is_target
    chaos[go_on] = measure_chaos(images[go_on, 0], N_CHAOS_LEVELS)
    mz_mean, mz_stddev = measure_mz(peaks, windows, patterns.mz)
    error_abs, error_rel = compare_mz(mz_mean, patterns)
    return IonScores(
        ion=ions.astype(np.int32),
        chaos=chaos,
        spatial=spatial,
        spectral=spectral,
        msm=chaos * spatial * spectral,
        mz_error_abs=error_abs,
        mz_error_rel=error_rel,
        total_intensity=measured.sum(axis=2, dtype=np.float64).astype(np.float32),
        min_intensity=measured.min(axis=2),
        max_intensity=measured.max(axis=2),
        mz_mean=mz_mean,
        mz_stddev=mz_stddev,
    )


def measure_spectral(images: Float32s, abundance: Float32s) -> Float64s:
    """Compare isotope image intensities with the isotope pattern.

    Parameters
    ----------
    images : (n_ions, n_peaks, n_pixels) float32
        Intensities of the measured pixels.
    abundance : (n_ions, n_peaks) float32
        The isotope pattern, zero padded.

    Returns
    -------
    (n_ions,) float64
        1 minus the mean absolute difference of the two, each scaled to unit length, over the
        pixels where the first image is not empty. A perfect 1 counts as 0, as in METASPACE: it
        only occurs when there is nothing to compare.
    """
    present = images[:, :1] > 0
    observed: Float64s = np.sum(images, axis=2, where=present, dtype=np.float64)
    # single precision, as in METASPACE: faint images (sums below about 1e-23) count as nothing
    unit = _unit_length(observed.astype(np.float32))
    difference = np.abs(_unit_length(abundance.astype(np.float64)) - unit)
    spectral = 1 - difference.mean(axis=1)
    return np.where(np.isfinite(spectral) & (spectral != 1.0), spectral, 0.0)


def _unit_length(rows: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    with np.errstate(invalid="ignore", divide="ignore", over="ignore", under="ignore"):
        unit: npt.NDArray[np.floating] = rows / np.sqrt((rows * rows).sum(axis=1, keepdims=True))
        return unit


def measure_spatial(images: Float32s, abundance: Float32s) -> Float64s:
    """Correlate the further isotope images with the first one.

    Parameters
    ----------
    images : (n_ions, n_peaks, n_pixels) float32
        Intensities of the measured pixels.
    abundance : (n_ions, n_peaks) float32
        The isotope pattern, zero padded: the weights of the mean.

    Returns
    -------
    (n_ions,) float64
        Mean Pearson correlation, clipped to 0..1; 0 if the first image has fewer than two pixels,
        or the mean is but rounding error.
    """
    centred = images - images.mean(axis=2, keepdims=True, dtype=np.float64)
    covariance = (centred[:, :1] * centred[:, 1:]).sum(axis=2)
    variance = (centred * centred).sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = covariance / np.sqrt(variance[:, :1] * variance[:, 1:])
    correlation = np.where(np.isfinite(correlation), correlation, 0.0)
    weight = abundance[:, 1:].astype(np.float64)
    total_weight = weight.sum(axis=1)
    defined = (total_weight > 0) & (np.count_nonzero(images[:, 0], axis=1) > 1)
    mean = (correlation * weight).sum(axis=1) / np.where(defined, total_weight, 1.0)
    return np.where(defined & (mean > SPATIAL_ROUNDING), np.clip(mean, 0.0, 1.0), 0.0)


def measure_mz(peaks: Peaks, windows: Windows, pattern_mz: Float64s) -> tuple[Float64s, Float64s]:
    """Return the intensity-weighted mean and standard deviation of m/z in each window.

    Returns
    -------
    mean, stddev : (n_ions, n_peaks) float64
        In Da; the theoretical m/z and 0 where a window is empty.
    """
    window, row = windows.rows()
    n_windows = pattern_mz.size
    weight = peaks.intensity[row].astype(np.float64)
    # offsets from theory keep all digits of the squares
    offset = peaks.mz[row] - pattern_mz.ravel()[window]
    total = np.bincount(window, weight, n_windows)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(window, weight * offset, n_windows) / total
        spread = np.bincount(window, weight * (offset - mean[window]) ** 2, n_windows) / total
    known = np.isfinite(mean) & np.isfinite(spread)
    mean = np.where(known, mean, 0.0).reshape(pattern_mz.shape)
    stddev = np.sqrt(np.where(known, spread, 0.0)).reshape(pattern_mz.shape)
    return pattern_mz + mean, stddev


def compare_mz(mz_mean: Float64s, patterns: Patterns) -> tuple[Float64s, Float64s]:
    """Return (`mz_error_abs`, `mz_error_rel`) of `IonScores`: (n_ions,) float64 each, in Da."""
    error = mz_mean - patterns.mz
    error_abs = error[:, 0]
    weight = patterns.intensity[:, 1:].astype(np.float64)
    total_weight = weight.sum(axis=1)
    relative = ((error[:, 1:] - error_abs[:, None]) * weight).sum(axis=1)
    return error_abs, np.divide(
        relative, total_weight, out=np.zeros_like(relative), where=total_weight > 0
    )
