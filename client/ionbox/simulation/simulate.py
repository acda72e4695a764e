"""Simulated imaging mass spectrometry datasets with known ions: test and benchmark workload.

A section of tissue lies on a grid of pixels; its ions and background are drawn
(`ionbox.simulation.section`, or `real_section` to be as hard as real data), measured
(`ionbox.simulation.measurement`) and written. On request they are written as the profiles an
instrument would record (`ionbox.simulation.profile`), without noise between them.

Equal arguments give equal bytes: nothing is taken from the clock, and random numbers come from
PCG64. `simulate_dataset` is all that others use; the rest of the module are its steps.
"""

from __future__ import annotations

import csv
import json
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from ionbox_science.errors import InvalidConfig
from ionbox_science.setting_table import DEFAULT_ADDUCTS, Polarity
from ionbox_science.theory.isotope_model import (
    ANALYZERS,
    Analyzer,
    IsotopeModel,
    sigma_from_resolving_power,
)

from ionbox.simulation.imzml_writer import ImzmlWriter, MzDtype
from ionbox.simulation.mass_errors import MassErrors, draw_mass_errors
from ionbox.simulation.measurement import Peaks, measure_blocks, next_generator
from ionbox.simulation.profile import ProfileAxis
from ionbox.simulation.real_section import (
    add_everywhere,
    draw_random_background,
    draw_real_ions,
)
from ionbox.simulation.section import (
    DETECTION_LIMIT,
    Background,
    Integers,
    PlantedIons,
    draw_background,
    draw_ions,
    draw_section,
)

Realism = Literal["plain", "real"]
REALISMS: tuple[Realism, ...] = get_args(Realism)

INTENSITY_PER_COUNT = 100
"""Intensity in the ibd per simulated count, so that values are of the order of Orbitrap files."""

_REAL_COLUMNS = ("kind", "loss", "line_ppm", "bias_ppm")  # of the truth table, where there are any
_PROFILE_CELLS = 1 << 16  # of which each becomes two dozen points
_PROFILE_CUT = DETECTION_LIMIT * INTENSITY_PER_COUNT / 20
_PROFILE_MARGIN = 1.01  # how far the axis goes on beyond the lowest and highest m/z


@dataclass(frozen=True)
class SimulatedDataset:
    """Which files were written, and how much is in them.

    Attributes
    ----------
    imzml_path, ibd_path, truth_path, config_path : Path
        Header, arrays, table of planted ions (CSV) and sidecar config (JSON).
    n_pixels, n_peaks, n_ions : int
        Number of spectra, of peaks (or points, if profiles were written) in all spectra, and of
        planted ions.
    """

    imzml_path: Path
    ibd_path: Path
    truth_path: Path
    config_path: Path
    n_pixels: int
    n_peaks: int
    n_ions: int


def simulate_dataset(
    path: Path,
    *,
    width: int,
    height: int,
    n_ions: int,
    n_noise_peaks: int,
    seed: int,
    formulas: Sequence[str],
    adducts: Sequence[str] | None = None,
    polarity: Polarity = "positive",
    analyzer: Analyzer = "orbitrap",
    resolving_power: float = 140_000,
    missing_corners: bool = False,
    mz_dtype: MzDtype = "f8",
    profile: bool = False,
    realism: Realism = "plain",
    progress: Callable[[int, int], None] | None = None,
) -> SimulatedDataset:
    """Write a dataset with planted ions, their truth table and a sidecar config.

    The truth table gives per ion the theoretical m/z of its first isotope peak, spatial pattern,
    amplitude (counts of the base peak where the pattern is 1) and the number of pixels in which
    its first isotope peak reached the detection limit. Files appear complete or not at all, the
    imzML last.

    Parameters
    ----------
    path : Path
        The imzML file; ``.ibd``, ``_truth.csv`` and ``.json`` stand beside it.
    width, height : int
        Grid, in pixels.
    n_ions : int
        Ions to plant, drawn from all pairs of formula and adduct.
    n_noise_peaks : int
        Mean number per pixel of peaks that belong to no planted ion: half of them background
        lines, half random.
    seed : int
        Seed of the random numbers, 0 or more; equal seeds give equal bytes.
    formulas : sequence of str
        Molecules to draw from; order and repetition do not matter.
    adducts : sequence of str, optional
        Adducts to draw from, as ``+H``; the usual ones of the polarity if not given.
    polarity : {"positive", "negative"}
        Sign of the charge.
    analyzer : {"orbitrap", "fticr", "tof"}
        How resolving power changes with m/z.
    resolving_power : float
        m/z over full width at half maximum, at m/z 200.
    missing_corners : bool
        Whether to leave the corner pixels out, as of a measured region that is not a rectangle.
    mz_dtype : {"f4", "f8"}
        Type of m/z in the ibd.
    profile : bool
        Whether to write profile spectra that have the peaks, instead of the peaks.
    realism : {"plain", "real"}
        Whether ions are strong, apart and well measured, or as in real data.
    progress : callable, optional
        Called after each block with the numbers of pixels done and of pixels in all.

    Returns
    -------
    SimulatedDataset
        Paths and sizes of what was written.

    Raises
    ------
    InvalidConfig
        If a value is out of range, ``path`` does not end in ``.imzML``, or fewer ions can be formed
        of formulas and adducts than ``n_ions``.
    """
    adducts = tuple(adducts or DEFAULT_ADDUCTS.get(polarity, ()))
    config = {
        "polarity": polarity,
        "analyzer": analyzer,
        "resolving_power": float(resolving_power),
    }
    names = ("width", "height", "ions", "noise", "seed")
    sizes = dict(zip(names, (width, height, n_ions, n_noise_peaks, seed), strict=True))
    _check_arguments(path, {**config, "realism": realism}, sizes)
    molecules = sorted(set(formulas))
    identity = [config, sizes, adducts, missing_corners, mz_dtype, molecules]
    identity += ["profile"] * profile + [realism] * (realism != "plain")
    # the UUID is a hash of all that decides on the content, so that equal datasets are equal files
    file_id = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(identity))

    sigma = sigma_from_resolving_power(analyzer, resolving_power)
    model = IsotopeModel(analyzer, sigma, charge=1 if polarity == "positive" else -1)
    seeds = np.random.SeedSequence(seed)
    rng = next_generator(seeds)
    section = draw_section(width, height, rng, missing_corners=missing_corners)
    errors = None
    if realism == "plain":
        ions = draw_ions(molecules, adducts, n_ions, model, list(section.patterns), rng)
        background = draw_background(n_noise_peaks, ions, rng)
    else:
        section = add_everywhere(section)
        ions = draw_real_ions(molecules, adducts, n_ions, n_noise_peaks, model, section, rng)
        background = draw_random_background(n_noise_peaks, ions)
        errors = draw_mass_errors(ions, section, rng)

    n_done = 0
    n_visible = np.zeros(len(ions.names), np.int64)
    with _staged(_target_paths(path)) as (ibd_path, truth_path, config_path, imzml_path):
        with imzml_path.open("w+b") as imzml, ibd_path.open("wb") as ibd:
            writer = ImzmlWriter(imzml, ibd, mz_dtype, profile=profile)
            writer.start(file_id, model, section.x, section.y)
            axis = _profile_axis(ions, background, model) if profile else None
            for n_pixels, peaks, visible in measure_blocks(
                section, ions, background, errors, model, seeds
            ):
                _write_block(writer, n_pixels, peaks, axis)
                n_done += n_pixels
                n_visible += visible
                if progress:
                    progress(n_done, section.n_pixels)
            writer.finish()
        _write_truth(truth_path, ions, errors, n_visible)
        config_path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    ibd_path, truth_path, config_path, imzml_path = _target_paths(path)
    return SimulatedDataset(
        imzml_path, ibd_path, truth_path, config_path, section.n_pixels, writer.n_peaks, n_ions
    )


def _profile_axis(ions: PlantedIons, background: Background, model: IsotopeModel) -> ProfileAxis:
    lowest, highest = background.mz_range
    lowest, highest = min(lowest, ions.mz.min(initial=lowest)), max(highest, ions.mz.max(initial=0))
    return ProfileAxis.over(lowest / _PROFILE_MARGIN, highest * _PROFILE_MARGIN, model)


def _write_block(
    writer: ImzmlWriter, n_pixels: int, peaks: Peaks, axis: ProfileAxis | None
) -> None:
    """Write the spectra of a block: as they are, or as profiles, some pixels at a time."""
    intensity = peaks.counts * INTENSITY_PER_COUNT
    if axis is None:
        writer.write_spectra(n_pixels, peaks.pixel, peaks.mz, intensity)
        return
    step = max(1, _PROFILE_CELLS * n_pixels // max(len(intensity), 1))
    for first in range(0, n_pixels, step):
        stop = min(first + step, n_pixels)
        rows = slice(*np.searchsorted(peaks.pixel, (first, stop)))
        pixel = peaks.pixel[rows] - first
        points = axis.draw(pixel, peaks.mz[rows], intensity[rows], _PROFILE_CUT)
        writer.write_spectra(stop - first, *points)


def _check_arguments(path: Path, settings: dict[str, Any], sizes: dict[str, int]) -> None:
    problems = [
        f"{name} is {value}, must be at least {least}"
        for (name, value), least in zip(sizes.items(), (1, 1, 0, 0, 0), strict=True)
        if value < least
    ]
    if settings["polarity"] not in DEFAULT_ADDUCTS:
        problems.append(f"polarity is {settings['polarity']!r}, must be positive or negative")
    if settings["analyzer"] not in ANALYZERS:
        problems.append(f"analyzer is {settings['analyzer']!r}, must be {', '.join(ANALYZERS)}")
    if settings["realism"] not in REALISMS:
        problems.append(f"realism is {settings['realism']!r}, must be {', '.join(REALISMS)}")
    if not settings["resolving_power"] > 0:
        problems.append(f"resolving_power is {settings['resolving_power']}, must be positive")
    if path.suffix.lower() != ".imzml":
        problems.append(f"output is '{path.name}', must end in .imzML")
    if problems:
        raise InvalidConfig("cannot simulate: " + "; ".join(problems))


def _target_paths(path: Path) -> tuple[Path, Path, Path, Path]:
    """Return ibd, truth table, sidecar and imzML, in the order in which they get their names."""
    truth_path = path.with_name(f"{path.stem}_truth.csv")
    return path.with_suffix(".ibd"), truth_path, path.with_suffix(".json"), path


@contextmanager
def _staged(targets: Sequence[Path]) -> Iterator[list[Path]]:
    """Yield temporary paths; on success they take the targets' names in turn, else they vanish."""
    targets[0].parent.mkdir(parents=True, exist_ok=True)
    staged = [target.with_name(f".{target.name}.{os.getpid()}.tmp") for target in targets]
    try:
        yield staged
        for temporary, target in zip(staged, targets, strict=True):
            temporary.replace(target)
    finally:
        for temporary in staged:
            temporary.unlink(missing_ok=True)


def _write_truth(
    path: Path, ions: PlantedIons, errors: MassErrors | None, n_visible: Integers
) -> None:
    columns = ["formula", "adduct", "ion", "mz", "pattern", "amplitude", "n_pixels"]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns + [*_REAL_COLUMNS] * (errors is not None))
        line_ppm = errors.line_ppm(ions.mz[:, 0]) if errors else np.zeros(0)
        for row, (formula, adduct, ion) in enumerate(ions.names):
            mz, amplitude = f"{ions.mz[row, 0]:.6f}", f"{ions.amplitude[row]:.1f}"
            cells = [formula, adduct, ion, mz, ions.pattern[row], amplitude, n_visible[row]]
            if errors:
                ppm = f"{line_ppm[row]:.4f}", f"{ions.bias_ppm[row]:.4f}"
                cells += [ions.kind[row], ions.loss[row], *ppm]
            writer.writerow(cells)
