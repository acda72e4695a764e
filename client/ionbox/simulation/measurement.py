"""Measures a simulated section as an instrument would: counts, m/z that are off, a detection limit.

Planted ions follow spatial patterns; each isotope peak is a Poisson count around pattern x
amplitude x abundance, so weak isotopes sink below the detection limit. Chemical background (the
same m/z in many pixels) and random noise come on top, and peaks the analyzer cannot resolve are
merged.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from ionbox_science.theory.isotope_model import FWHM_PER_SIGMA, IsotopeModel, peak_sigma

from ionbox.simulation.mass_errors import MassErrors
from ionbox.simulation.real_section import REAL_NOISE_SHAPE
from ionbox.simulation.section import (
    DETECTION_LIMIT,
    Background,
    Floats,
    Integers,
    PlantedIons,
    Section,
)

_ION_NOISE_SHAPE = 20.0  # gamma shape: 22 % between neighbouring pixels
_PIXEL_GAIN_SHAPE = 30.0  # gamma shape: 18 %, shared by all peaks of a pixel
_MAX_OFFSET_PPM = 0.5  # calibration error of the whole dataset
_DRIFT_PPM = 0.2  # change of calibration from first to last pixel
_JITTER_FLOOR_PPM = 0.1  # standard deviation of the strongest peaks
_JITTER_AT_LIMIT_PPM = 0.4  # comes on top, and falls with the square root of the counts
_BLOCK_CELLS = 1 << 20  # peaks considered at a time; about 100 MB
_LEAST_EXPECTED = 1.0  # of real peaks: what is weaker never reaches the limit
_LEAST_COUNTS = 3  # nor adds to another that does


@dataclass(frozen=True)
class Peaks:
    """Peaks of a block of pixels as columns.

    Attributes
    ----------
    pixel : (n_peaks,) int64
        0 is the first of the block.
    mz, counts : (n_peaks,) float64
        Position and height.
    """

    pixel: Integers
    mz: Floats
    counts: Floats

    def take(self, chosen: npt.NDArray[Any]) -> Peaks:
        """Return some of the peaks."""
        return Peaks(self.pixel[chosen], self.mz[chosen], self.counts[chosen])


def next_generator(seeds: np.random.SeedSequence) -> np.random.Generator:
    """Return a generator of its own stream; each call spawns the next."""
    return np.random.Generator(np.random.PCG64(seeds.spawn(1)[0]))


def measure_blocks(
    section: Section,
    ions: PlantedIons,
    background: Background,
    errors: MassErrors | None,
    model: IsotopeModel,
    seeds: np.random.SeedSequence,
) -> Iterator[tuple[int, Peaks, Integers]]:
    """Measure a section, some pixels at a time.

    Parameters
    ----------
    section : Section
        The pixels.
    ions : PlantedIons
        What is in them.
    background : Background
        What is measured besides.
    errors : MassErrors or None
        How far m/z are off, in data as hard as real data; a small offset and drift if None.
    model : IsotopeModel
        Which peaks the analyzer can tell apart.
    seeds : SeedSequence
        Each block spawns a stream of random numbers of its own.

    Yields
    ------
    n_pixels : int
        In the block.
    peaks : Peaks
        Of the block, sorted by pixel and m/z, as the instrument would report them.
    n_visible : (n_ions,) int64
        How many of its pixels show each ion.
    """
    offset_ppm = next_generator(seeds).uniform(-_MAX_OFFSET_PPM, _MAX_OFFSET_PPM)
    if errors:
        off_ppm = errors.line_ppm(ions.mz) + ions.bias_ppm[:, None]
        ions, offset_ppm = replace(ions, mz=ions.mz * (1 + 1e-6 * off_ppm)), 0.0
    n_cells_per_pixel = ions.mz.size + len(background.mz) + background.n_random
    n_block_pixels = max(1, int(_BLOCK_CELLS // max(1, n_cells_per_pixel)))
    for first in range(0, section.n_pixels, n_block_pixels):
        block = slice(first, min(first + n_block_pixels, section.n_pixels))
        n_pixels = block.stop - first
        # a stream per block, so that blocks could be made in parallel without changing a byte
        rng = next_generator(seeds)
        images = {name: pattern[block] for name, pattern in section.patterns.items()}
        if errors:
            planted, visible = _plant_sparsely(ions, images, n_pixels, rng)
            planted = _drift_with_tic(planted, n_pixels, errors)
        else:
            planted, visible = _plant_ions(ions, images, n_pixels, rng)
        lines = _draw_line_peaks(background, n_pixels, rng)
        drift_ppm = _DRIFT_PPM * (first / section.n_pixels - 0.5)
        measured = _add_mass_error(_join_peaks(planted, lines), offset_ppm + drift_ppm, rng)
        # random peaks have no true m/z, so they get no error
        peaks = _join_peaks(measured, _draw_random_peaks(background, n_pixels, rng))
        yield n_pixels, _detect_peaks(peaks, model), visible


def _drift_with_tic(peaks: Peaks, n_pixels: int, errors: MassErrors) -> Peaks:
    """Shift the m/z of pixels with many ions: they repel each other."""
    tic = np.bincount(peaks.pixel, peaks.counts, n_pixels).astype(np.float64)
    off_ppm = errors.drift_ppm(tic)[peaks.pixel]
    return Peaks(peaks.pixel, peaks.mz * (1 + 1e-6 * off_ppm), peaks.counts)


def _add_mass_error(peaks: Peaks, offset_ppm: float, rng: np.random.Generator) -> Peaks:
    """Shift all m/z by the calibration error, and each by an error that is larger if it is weak."""
    spread_ppm = _JITTER_FLOOR_PPM + _JITTER_AT_LIMIT_PPM * np.sqrt(DETECTION_LIMIT / peaks.counts)
    error_ppm = offset_ppm + spread_ppm * rng.standard_normal(len(peaks.mz))
    return Peaks(peaks.pixel, peaks.mz * (1 + 1e-6 * error_ppm), peaks.counts)


def _plant_ions(
    ions: PlantedIons, images: dict[str, Floats], n_pixels: int, rng: np.random.Generator
) -> tuple[Peaks, Integers]:
    """Draw the counts of all ions' isotope peaks; also count the pixels where each can be seen."""
    shape = (len(ions.names), n_pixels)
    gain = rng.standard_gamma(_PIXEL_GAIN_SHAPE, n_pixels) / _PIXEL_GAIN_SHAPE
    signal = rng.standard_gamma(_ION_NOISE_SHAPE, shape) / _ION_NOISE_SHAPE
    signal *= ions.amplitude[:, None] * gain
    for row, pattern in enumerate(ions.pattern):
        signal[row] *= images[pattern]
    expected = signal[:, :, None] * ions.abundance[:, None, :]
    # a twentieth of the limit never reaches it, and most cells are that weak or empty
    ion, pixel, isotope = np.nonzero(expected > DETECTION_LIMIT / 20)
    counts = rng.poisson(expected[ion, pixel, isotope])
    first_seen = (isotope == 0) & (counts >= DETECTION_LIMIT)
    visible = np.bincount(ion[first_seen], minlength=len(ions.names))
    some = counts > 0
    mz = ions.mz[ion[some], isotope[some]]
    return Peaks(pixel[some], mz, counts[some].astype(np.float64)), visible


def _plant_sparsely(
    ions: PlantedIons, images: dict[str, Floats], n_pixels: int, rng: np.random.Generator
) -> tuple[Peaks, Integers]:
    """Do as `_plant_ions` for thousands of ions that are too weak to be seen in most pixels."""
    gain = rng.standard_gamma(_PIXEL_GAIN_SHAPE, n_pixels) / _PIXEL_GAIN_SHAPE
    rows = {name: row for row, name in enumerate(images)}
    of_pattern = np.array([rows[name] for name in ions.pattern], np.int64)
    stacked = np.array(list(images.values())) * gain
    ion, pixel = np.nonzero(ions.amplitude[:, None] * stacked[of_pattern] > _LEAST_EXPECTED)
    signal = ions.amplitude[ion] * stacked[of_pattern[ion], pixel]
    signal *= rng.standard_gamma(REAL_NOISE_SHAPE, len(ion)) / REAL_NOISE_SHAPE
    parts = []
    for isotope in range(ions.mz.shape[1]):
        expected = signal * ions.abundance[ion, isotope]
        some = np.flatnonzero(expected > _LEAST_EXPECTED)
        counts = rng.poisson(expected[some])
        kept = counts >= _LEAST_COUNTS
        some, counts = some[kept], counts[kept].astype(np.float64)
        if isotope == 0:
            seen = ion[some[counts >= DETECTION_LIMIT]]
            visible = np.bincount(seen, minlength=len(ions.names))
        parts.append(Peaks(pixel[some], ions.mz[ion[some], isotope], counts))
    return functools.reduce(_join_peaks, parts), visible


def _draw_line_peaks(background: Background, n_pixels: int, rng: np.random.Generator) -> Peaks:
    shown = rng.random((len(background.mz), n_pixels)) < background.prevalence[:, None]
    line, pixel = np.nonzero(shown)
    counts = DETECTION_LIMIT + rng.poisson(background.level[line])
    return Peaks(pixel, background.mz[line], counts.astype(np.float64))


def _draw_random_peaks(background: Background, n_pixels: int, rng: np.random.Generator) -> Peaks:
    per_pixel = rng.poisson(background.n_random, n_pixels)
    pixel = np.repeat(np.arange(n_pixels), per_pixel)
    mz = rng.uniform(*background.mz_range, len(pixel))
    counts = DETECTION_LIMIT + rng.poisson(DETECTION_LIMIT / 2, len(pixel))
    return Peaks(pixel, mz, counts.astype(np.float64))


def _join_peaks(a: Peaks, b: Peaks) -> Peaks:
    return Peaks(
        np.concatenate((a.pixel, b.pixel)),
        np.concatenate((a.mz, b.mz)),
        np.concatenate((a.counts, b.counts)),
    )


def _detect_peaks(peaks: Peaks, model: IsotopeModel) -> Peaks:
    """Sort by pixel and m/z, merge what the analyzer cannot resolve, drop what is too weak."""
    if not len(peaks.mz):
        return peaks
    peaks = peaks.take(np.lexsort((peaks.mz, peaks.pixel)))
    width = FWHM_PER_SIGMA * peak_sigma(model, peaks.mz[1:])
    apart = (np.diff(peaks.mz) > width) | (np.diff(peaks.pixel) > 0)
    starts = np.concatenate(([0], np.flatnonzero(apart) + 1))
    counts = np.add.reduceat(peaks.counts, starts)
    mz = np.add.reduceat(peaks.mz * peaks.counts, starts) / counts
    merged = Peaks(peaks.pixel[starts], mz, counts)
    return merged.take(merged.counts >= DETECTION_LIMIT)
