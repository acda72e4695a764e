"""Simulated imaging mass spectrometry datasets with known ions: test and benchmark workload.

A section of tissue lies on a grid of pixels. Planted ions follow spatial patterns; each isotope
peak is a Poisson count around pattern x amplitude x abundance, so weak isotopes sink below the
detection limit. Chemical background (the same m/z in many pixels) and random noise come on top,
and peaks the analyzer cannot resolve are merged.

Equal arguments give equal bytes: nothing is taken from the clock, random numbers come from PCG64,
and patterns use arithmetic and square roots only, which round alike on every processor.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt
from ionbox_science.errors import InvalidConfig, InvalidFormula
from ionbox_science.formulas import build_ion_formula, join_modifier
from ionbox_science.isotope_patterns import (
    ANALYZERS,
    REFERENCE_MZ,
    Analyzer,
    IsotopeModel,
    generate_patterns,
    sigma_from_resolving_power,
)

Polarity = Literal["positive", "negative"]
MzDtype = Literal["f4", "f8"]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

DEFAULT_ADDUCTS = {"positive": ("+H", "+Na", "+K"), "negative": ("-H", "+Cl")}

DETECTION_LIMIT = 10
"""Counts below which a peak is not reported."""

INTENSITY_PER_COUNT = 100
"""Scale of reported intensities, of the order Orbitrap files show."""

_MEDIAN_AMPLITUDE = 150.0  # counts of the base peak where the pattern is 1
_AMPLITUDE_SPREAD = 1.2  # standard deviation of log amplitude
_ION_NOISE_SHAPE = 20.0  # gamma shape: 22 % between neighbouring pixels
_PIXEL_GAIN_SHAPE = 30.0  # gamma shape: 18 %, shared by all peaks of a pixel
_MAX_OFFSET_PPM = 0.5  # calibration error of the whole dataset
_DRIFT_PPM = 0.2  # change of calibration from first to last pixel
_JITTER_FLOOR_PPM = 0.1
_JITTER_AT_LIMIT_PPM = 0.4  # falls with the square root of the counts
_PREVALENCE = (0.2, 1.0)  # share of pixels that show a background line
_BLOCK_CELLS = 1 << 20  # peaks considered at a time; about 100 MB


@dataclass(frozen=True)
class SimulatedDataset:
    """What was written.

    Attributes
    ----------
    imzml_path, ibd_path, truth_path, config_path : Path
        Header, arrays, planted ions (CSV) and sidecar config.
    n_pixels, n_peaks, n_ions : int
        Spectra, peaks in all spectra, rows of the truth table.
    """

    imzml_path: Path
    ibd_path: Path
    truth_path: Path
    config_path: Path
    n_pixels: int
    n_peaks: int
    n_ions: int


@dataclass(frozen=True)
class Section:
    """A piece of tissue on a pixel grid.

    Attributes
    ----------
    x, y : (n_pixels,) int64
        Pixel coordinates from 1, in order of acquisition (row by row).
    patterns : dict of str to (n_pixels,) float64
        Spatial patterns by name, highest value 1; all but ``matrix`` lie on the tissue.
    """

    x: Integers
    y: Integers
    patterns: dict[str, Floats]

    @property
    def n_pixels(self) -> int:
        """Pixels with a spectrum."""
        return len(self.x)


@dataclass(frozen=True)
class _Ions:
    """Planted ions as columns: names and, per ion, isotope peaks, strength and place."""

    names: list[tuple[str, str, str]]  # formula, adduct, ion formula
    mz: Floats  # (n_ions, 4)
    abundance: Floats  # (n_ions, 4), base peak 1
    amplitude: Floats  # (n_ions,), counts
    pattern: list[str]


@dataclass(frozen=True)
class _Background:
    """Chemical background lines, and how many random peaks come on top."""

    mz: Floats  # (n_lines,)
    prevalence: Floats  # (n_lines,), share of pixels
    level: Floats  # (n_lines,), counts above the detection limit
    mz_range: tuple[float, float]
    n_random: float  # mean per pixel


@dataclass(frozen=True)
class _Peaks:
    """Peaks of a block of pixels: pixel (from the block's first), m/z, counts."""

    pixel: Integers
    mz: Floats
    counts: Floats

    def take(self, chosen: npt.NDArray[Any]) -> _Peaks:
        return _Peaks(self.pixel[chosen], self.mz[chosen], self.counts[chosen])


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
    progress: Callable[[int, int], None] | None = None,
) -> SimulatedDataset:
    """Write a centroided dataset with planted ions, their truth table and a sidecar config.

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
        Not negative.
    formulas : sequence of str
        Molecules to draw from; order and repetition do not matter.
    adducts : sequence of str, optional
        Defaults to the usual ones of the polarity.
    polarity : {"positive", "negative"}
        Sign of the charge.
    analyzer : {"orbitrap", "fticr", "tof"}
        How resolving power changes with m/z.
    resolving_power : float
        m/z over full width at half maximum, at m/z 200.
    missing_corners : bool
        Leave the corner pixels out, as in a measured region that is no rectangle.
    mz_dtype : {"f4", "f8"}
        Type of m/z in the ibd.
    progress : callable, optional
        Called with pixels done and pixels in all.

    Raises
    ------
    InvalidConfig
        If a value is out of range, or there are fewer pairs of formula and adduct than ``n_ions``.
    """
    adducts = tuple(adducts or DEFAULT_ADDUCTS.get(polarity, ()))
    config = {
        "polarity": polarity,
        "analyzer": analyzer,
        "resolving_power": float(resolving_power),
    }
    names = ("width", "height", "ions", "noise", "seed")
    sizes = dict(zip(names, (width, height, n_ions, n_noise_peaks, seed), strict=True))
    _check_arguments(path, config, sizes)
    molecules = sorted(set(formulas))
    identity = [config, sizes, adducts, missing_corners, mz_dtype, molecules]
    file_id = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(identity))

    sigma = sigma_from_resolving_power(analyzer, resolving_power)
    model = IsotopeModel(analyzer, sigma, charge=1 if polarity == "positive" else -1)
    seeds = np.random.SeedSequence(seed)
    rng = _next_generator(seeds)
    section = draw_section(width, height, rng, missing_corners=missing_corners)
    ions = _draw_ions(molecules, adducts, n_ions, model, list(section.patterns), rng)
    background = _draw_background(n_noise_peaks, ions, rng)

    n_done = 0
    n_visible = np.zeros(n_ions, np.int64)
    with _staged(_target_paths(path)) as (ibd_path, truth_path, config_path, imzml_path):
        with imzml_path.open("w+b") as imzml, ibd_path.open("wb") as ibd:
            writer = _ImzmlWriter(imzml, ibd, mz_dtype)
            writer.start(section, file_id, model)
            for n_pixels, peaks, visible in _simulate_blocks(
                section, ions, background, model, seeds
            ):
                writer.write_spectra(peaks, section, slice(n_done, n_done + n_pixels))
                n_done += n_pixels
                n_visible += visible
                if progress:
                    progress(n_done, section.n_pixels)
            writer.finish()
        _write_truth(truth_path, ions, n_visible)
        config_path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    ibd_path, truth_path, config_path, imzml_path = _target_paths(path)
    return SimulatedDataset(
        imzml_path, ibd_path, truth_path, config_path, section.n_pixels, writer.n_peaks, n_ions
    )


def draw_section(
    width: int, height: int, rng: np.random.Generator, *, missing_corners: bool = False
) -> Section:
    """Lay tissue on a grid and draw its spatial patterns.

    A pattern that is empty on a very small grid is left out.
    """
    y, x = np.divmod(np.arange(width * height), width)
    u, v = (2 * x + 1) / width - 1, (2 * y + 1) / height - 1
    if missing_corners:
        kept = np.abs(u) + np.abs(v) < 1.6
        x, y, u, v = x[kept], y[kept], u[kept], v[kept]
    radius = np.sqrt((u / 0.85) ** 2 + (v / 0.8) ** 2 + 0.4 * u * v * v)
    tissue = _ramp(1 - radius, 0.05)
    centres = rng.uniform(-0.6, 0.6, (9, 2))
    on_tissue = {
        "uniform": np.ones(len(u)),
        "gradient": 0.05 + 0.475 * (u + 1),
        "half": _ramp(0.3 * v - u, 0.1),
        "core": _ramp(0.55 - radius, 0.2),
        "rim": _ramp(0.2 - np.abs(radius - 0.8), 0.1),
        "stripes": _ramp(np.abs((3 * (u + v)) % 2 - 1) - 0.5, 0.3),
        "blobs": _bumps(u, v, centres[:5], 0.25),
        "spots": _bumps(u, v, centres[5:], 0.06),
        "scattered": (rng.random(len(u)) < 0.25).astype(float),
    }
    patterns = {name: pattern * tissue for name, pattern in on_tissue.items()}
    patterns["matrix"] = 1 - tissue
    visible = {name: p / p.max() for name, p in patterns.items() if p.max() > 0}
    return Section(x + 1, y + 1, visible)


def _ramp(height: Floats, slope_width: float) -> Floats:
    """Rise from 0 to 1 while ``height`` goes from 0 to ``slope_width``."""
    ramp: Floats = np.clip(height / slope_width, 0, 1)
    return ramp


def _bumps(u: Floats, v: Floats, centres: Floats, radius: float) -> Floats:
    bumps = np.zeros(len(u))
    for centre_u, centre_v in centres:
        distance = ((u - centre_u) ** 2 + (v - centre_v) ** 2) / radius**2
        bumps += np.clip(1 - distance / 4, 0, 1) ** 2
    return bumps


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
    if not settings["resolving_power"] > 0:
        problems.append(f"resolving_power is {settings['resolving_power']}, must be positive")
    if path.suffix.lower() != ".imzml":
        problems.append(f"output is '{path.name}', must end in .imzML")
    if problems:
        raise InvalidConfig("cannot simulate: " + "; ".join(problems))


def _next_generator(seeds: np.random.SeedSequence) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seeds.spawn(1)[0]))


def _draw_ions(
    formulas: Sequence[str],
    adducts: Sequence[str],
    n_ions: int,
    model: IsotopeModel,
    patterns: list[str],
    rng: np.random.Generator,
) -> _Ions:
    pairs = list(product(formulas, adducts))
    drawn = (pairs[index] for index in rng.permutation(len(pairs)))
    names = list(islice(_possible_ions(drawn), n_ions))
    if len(names) < n_ions:
        raise InvalidConfig(
            f"cannot plant {n_ions} ions: {len(formulas)} formulas with adducts "
            f"{', '.join(adducts)} make {len(names)}. Ask for fewer, or give a larger database"
        )
    mz, abundance = generate_patterns([ion for _, _, ion in names], model)
    without_pattern = np.flatnonzero(mz[:, 0] == 0)
    if len(without_pattern):
        lost = names[without_pattern[0]][2]
        raise InvalidConfig(f"cannot plant {lost}: it has no isotope pattern. Try another seed")
    base_peak = np.maximum(abundance.max(axis=1, initial=0), 1)[:, None]
    return _Ions(
        names=names,
        mz=mz,
        abundance=abundance / base_peak.astype(np.float64),
        amplitude=_MEDIAN_AMPLITUDE * rng.lognormal(0, _AMPLITUDE_SPREAD, n_ions),
        pattern=[patterns[index] for index in rng.integers(0, len(patterns), n_ions)],
    )


def _possible_ions(pairs: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    for formula, adduct in pairs:
        try:
            yield formula, adduct, build_ion_formula(formula, join_modifier("", "", adduct))
        except InvalidFormula:
            continue  # a molecule without hydrogen has no [M-H]-


def _draw_background(n_noise_peaks: int, ions: _Ions, rng: np.random.Generator) -> _Background:
    planted = ions.mz[ions.mz > 0]
    lightest, heaviest = (planted.min(), planted.max()) if len(planted) else (100.0, 1000.0)
    mz_range = (max(50.0, 50 * (lightest // 50) - 50), 50 * (heaviest // 50) + 100)
    n_lines = round(n_noise_peaks / 2 / np.mean(_PREVALENCE))
    prevalence = rng.uniform(*_PREVALENCE, n_lines)
    nominal = np.floor(rng.uniform(*mz_range, n_lines))
    return _Background(
        # organic ions lie about 0.5 mDa per Da above their nominal mass
        mz=nominal * 1.0005 + rng.normal(0, 0.05, n_lines),
        prevalence=prevalence,
        level=DETECTION_LIMIT * rng.lognormal(0, 1, n_lines),
        mz_range=mz_range,
        n_random=max(0.0, n_noise_peaks - float(prevalence.sum())),
    )


def _simulate_blocks(
    section: Section,
    ions: _Ions,
    background: _Background,
    model: IsotopeModel,
    seeds: np.random.SeedSequence,
) -> Iterator[tuple[int, _Peaks, Integers]]:
    """Yield pixels, their peaks sorted by pixel and m/z, and per ion the pixels that show it."""
    offset_ppm = _next_generator(seeds).uniform(-_MAX_OFFSET_PPM, _MAX_OFFSET_PPM)
    n_cells_per_pixel = ions.mz.size + len(background.mz) + background.n_random
    n_block_pixels = max(1, int(_BLOCK_CELLS // max(1, n_cells_per_pixel)))
    for first in range(0, section.n_pixels, n_block_pixels):
        block = slice(first, min(first + n_block_pixels, section.n_pixels))
        n_pixels = block.stop - first
        # a stream per block, so that blocks could be made in parallel without changing a byte
        rng = _next_generator(seeds)
        images = {name: pattern[block] for name, pattern in section.patterns.items()}
        planted, visible = _plant_ions(ions, images, n_pixels, rng)
        lines = _draw_line_peaks(background, n_pixels, rng)
        drift_ppm = _DRIFT_PPM * (first / section.n_pixels - 0.5)
        measured = _add_mass_error(_join_peaks(planted, lines), offset_ppm + drift_ppm, rng)
        peaks = _join_peaks(measured, _draw_random_peaks(background, n_pixels, rng))
        yield n_pixels, _detect_peaks(peaks, model), visible


def _add_mass_error(peaks: _Peaks, offset_ppm: float, rng: np.random.Generator) -> _Peaks:
    spread_ppm = _JITTER_FLOOR_PPM + _JITTER_AT_LIMIT_PPM * np.sqrt(DETECTION_LIMIT / peaks.counts)
    error_ppm = offset_ppm + spread_ppm * rng.standard_normal(len(peaks.mz))
    return _Peaks(peaks.pixel, peaks.mz * (1 + 1e-6 * error_ppm), peaks.counts)


def _plant_ions(
    ions: _Ions, images: dict[str, Floats], n_pixels: int, rng: np.random.Generator
) -> tuple[_Peaks, Integers]:
    """Count the isotope peaks of all ions; also count the pixels where each ion can be seen."""
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
    return _Peaks(pixel[some], mz, counts[some].astype(np.float64)), visible


def _draw_line_peaks(background: _Background, n_pixels: int, rng: np.random.Generator) -> _Peaks:
    shown = rng.random((len(background.mz), n_pixels)) < background.prevalence[:, None]
    line, pixel = np.nonzero(shown)
    counts = DETECTION_LIMIT + rng.poisson(background.level[line])
    return _Peaks(pixel, background.mz[line], counts.astype(np.float64))


def _draw_random_peaks(background: _Background, n_pixels: int, rng: np.random.Generator) -> _Peaks:
    per_pixel = rng.poisson(background.n_random, n_pixels)
    pixel = np.repeat(np.arange(n_pixels), per_pixel)
    mz = rng.uniform(*background.mz_range, len(pixel))
    counts = DETECTION_LIMIT + rng.poisson(DETECTION_LIMIT / 2, len(pixel))
    return _Peaks(pixel, mz, counts.astype(np.float64))


def _join_peaks(a: _Peaks, b: _Peaks) -> _Peaks:
    return _Peaks(
        np.concatenate((a.pixel, b.pixel)),
        np.concatenate((a.mz, b.mz)),
        np.concatenate((a.counts, b.counts)),
    )


def _detect_peaks(peaks: _Peaks, model: IsotopeModel) -> _Peaks:
    """Sort by pixel and m/z, merge what the analyzer cannot resolve, drop what is too weak."""
    if not len(peaks.mz):
        return peaks
    peaks = peaks.take(np.lexsort((peaks.mz, peaks.pixel)))
    exponent = {"orbitrap": 1.5, "fticr": 2.0, "tof": 1.0}[model.analyzer]
    width = REFERENCE_MZ / model.resolving_power * (peaks.mz[1:] / REFERENCE_MZ) ** exponent
    apart = (np.diff(peaks.mz) > width) | (np.diff(peaks.pixel) > 0)
    starts = np.concatenate(([0], np.flatnonzero(apart) + 1))
    counts = np.add.reduceat(peaks.counts, starts)
    mz = np.add.reduceat(peaks.mz * peaks.counts, starts) / counts
    merged = _Peaks(peaks.pixel[starts], mz, counts)
    return merged.take(merged.counts >= DETECTION_LIMIT)


class _ImzmlWriter:
    """Streams a processed, centroided imzML and its ibd; the checksum is filled in at the end.

    pyimzml's writer is as fast, but draws a random UUID, writes its path into the file, cannot
    name the analyzer and fails on a spectrum without peaks.
    """

    def __init__(self, imzml: IO[bytes], ibd: IO[bytes], mz_dtype: MzDtype) -> None:
        self._imzml = imzml
        self._ibd = ibd
        self._mz_dtype = np.dtype(f"<{mz_dtype}")
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self._offset = 0
        self.n_peaks = 0

    def start(self, section: Section, file_id: uuid.UUID, model: IsotopeModel) -> None:
        """Write the header, and the UUID that opens the ibd."""
        analyzer, detector = _ANALYZER_TERMS[model.analyzer]
        header = _HEADER.format(
            file_id=file_id.hex,
            sha1=_SHA1_PLACEHOLDER,
            mz_type=_FLOAT_TERMS[self._mz_dtype.itemsize],
            intensity_type=_FLOAT_TERMS[4],
            scan=_SCAN_TERMS[model.charge],
            width=section.x.max(),
            height=section.y.max(),
            analyzer=analyzer,
            detector=detector,
            n_spectra=section.n_pixels,
        )
        self._imzml.write(_expand_terms(header).encode())
        self._write_ibd(file_id.bytes)

    def write_spectra(self, peaks: _Peaks, section: Section, block: slice) -> None:
        """Append the spectra of a block of pixels."""
        pixels = np.arange(block.start, block.stop)
        bounds = np.searchsorted(peaks.pixel, np.arange(len(pixels) + 1))
        mz = peaks.mz.astype(self._mz_dtype)
        intensity = (peaks.counts * INTENSITY_PER_COUNT).astype("<f4")
        tic = np.bincount(peaks.pixel, peaks.counts * INTENSITY_PER_COUNT, len(pixels))
        spectra = []
        for row, pixel in enumerate(pixels):
            chosen = slice(bounds[row], bounds[row + 1])
            mz_bytes, intensity_bytes = mz[chosen].tobytes(), intensity[chosen].tobytes()
            spectra.append(
                _SPECTRUM.format(
                    number=pixel + 1,
                    index=pixel,
                    tic=int(tic[row]),
                    x=section.x[pixel],
                    y=section.y[pixel],
                    length=chosen.stop - chosen.start,
                    mz_offset=self._offset,
                    mz_size=len(mz_bytes),
                    intensity_offset=self._offset + len(mz_bytes),
                    intensity_size=len(intensity_bytes),
                )
            )
            self._write_ibd(mz_bytes + intensity_bytes)
        self._imzml.write("".join(spectra).encode())
        self.n_peaks += len(mz)

    def finish(self) -> None:
        """Close the XML and put the ibd's checksum into the header."""
        self._imzml.write(_FOOTER.encode())
        self._imzml.seek(0)
        position = self._imzml.read(4096).index(_SHA1_PLACEHOLDER.encode())
        self._imzml.seek(position)
        self._imzml.write(self._sha1.hexdigest().encode())

    def _write_ibd(self, data: bytes) -> None:
        self._ibd.write(data)
        self._sha1.update(data)
        self._offset += len(data)


def _expand_terms(text: str) -> str:
    """Replace ``[MS:1000127 centroid spectrum]`` or ``[accession name=value]`` by a cvParam."""
    return re.sub(
        r"\[((\w+):\d+) ([^\]=]+)=?([^\]]*)\]",
        r'<cvParam cvRef="\2" accession="\1" name="\3" value="\4"/>',
        text,
    )


_SHA1_PLACEHOLDER = "0" * 40
_FLOAT_TERMS = {4: "[MS:1000521 32-bit float]", 8: "[MS:1000523 64-bit float]"}
_SCAN_TERMS = {1: "[MS:1000130 positive scan]", -1: "[MS:1000129 negative scan]"}
_ANALYZER_TERMS = {
    "orbitrap": ("[MS:1000484 orbitrap]", "[MS:1000624 inductive detector]"),
    "fticr": (
        "[MS:1000079 fourier transform ion cyclotron resonance mass spectrometer]",
        "[MS:1000624 inductive detector]",
    ),
    "tof": ("[MS:1000084 time-of-flight]", "[MS:1000253 electron multiplier]"),
}
_HEADER = """\
<?xml version="1.0" encoding="UTF-8"?>
<mzML xmlns="http://psi.hupo.org/ms/mzml" version="1.1">
  <cvList count="2">
    <cv id="MS" fullName="PSI-MS" URI="https://raw.githubusercontent.com/HUPO-PSI/psi-ms-CV/master/psi-ms.obo"/>
    <cv id="IMS" fullName="Imaging MS" URI="https://raw.githubusercontent.com/imzML/imzML/master/imagingMS.obo"/>
  </cvList>
  <fileDescription><fileContent>
    [MS:1000579 MS1 spectrum]
    [MS:1000127 centroid spectrum]
    [IMS:1000031 processed]
    [IMS:1000080 universally unique identifier={file_id}]
    [IMS:1000091 ibd SHA-1={sha1}]
  </fileContent></fileDescription>
  <referenceableParamGroupList count="4">
    <referenceableParamGroup id="mzArray">
      <cvParam cvRef="MS" accession="MS:1000514" name="m/z array"
        unitCvRef="MS" unitAccession="MS:1000040" unitName="m/z"/>
      {mz_type}[MS:1000576 no compression][IMS:1000101 external data=true]
    </referenceableParamGroup>
    <referenceableParamGroup id="intensityArray">
      <cvParam cvRef="MS" accession="MS:1000515" name="intensity array"
        unitCvRef="MS" unitAccession="MS:1000131" unitName="number of detector counts"/>
      {intensity_type}[MS:1000576 no compression][IMS:1000101 external data=true]
    </referenceableParamGroup>
    <referenceableParamGroup id="scan">[MS:1000093 increasing m/z scan]</referenceableParamGroup>
    <referenceableParamGroup id="spectrum">
      [MS:1000579 MS1 spectrum][MS:1000511 ms level=1][MS:1000127 centroid spectrum]{scan}
    </referenceableParamGroup>
  </referenceableParamGroupList>
  <softwareList count="1">
    <software id="ionbox" version="1">
      [MS:1000799 custom unreleased software tool=ionbox simulate]
    </software>
  </softwareList>
  <scanSettingsList count="1"><scanSettings id="grid">
    [IMS:1000401 top down][IMS:1000413 flyback]
    [IMS:1000480 horizontal line scan][IMS:1000491 linescan left right]
    [IMS:1000042 max count of pixels x={width}][IMS:1000043 max count of pixels y={height}]
  </scanSettings></scanSettingsList>
  <instrumentConfigurationList count="1"><instrumentConfiguration id="instrument">
    <componentList count="3">
      <source order="1">[MS:1000075 matrix-assisted laser desorption ionization]</source>
      <analyzer order="2">{analyzer}</analyzer>
      <detector order="3">{detector}</detector>
    </componentList>
  </instrumentConfiguration></instrumentConfigurationList>
  <dataProcessingList count="1"><dataProcessing id="simulation">
    <processingMethod order="0" softwareRef="ionbox">[MS:1000035 peak picking]</processingMethod>
  </dataProcessing></dataProcessingList>
  <run id="run" defaultInstrumentConfigurationRef="instrument">
    <spectrumList count="{n_spectra}" defaultDataProcessingRef="simulation">
"""
_SPECTRUM = _expand_terms("""\
      <spectrum id="spectrum={number}" index="{index}" defaultArrayLength="0">
        <referenceableParamGroupRef ref="spectrum"/>
        [MS:1000285 total ion current={tic}]
        <scanList count="1">
          [MS:1000795 no combination]
          <scan instrumentConfigurationRef="instrument">
            <referenceableParamGroupRef ref="scan"/>
            [IMS:1000050 position x={x}]
            [IMS:1000051 position y={y}]
          </scan>
        </scanList>
        <binaryDataArrayList count="2">
          <binaryDataArray encodedLength="0">
            <referenceableParamGroupRef ref="mzArray"/>
            [IMS:1000102 external offset={mz_offset}]
            [IMS:1000103 external array length={length}]
            [IMS:1000104 external encoded length={mz_size}]
            <binary/>
          </binaryDataArray>
          <binaryDataArray encodedLength="0">
            <referenceableParamGroupRef ref="intensityArray"/>
            [IMS:1000102 external offset={intensity_offset}]
            [IMS:1000103 external array length={length}]
            [IMS:1000104 external encoded length={intensity_size}]
            <binary/>
          </binaryDataArray>
        </binaryDataArrayList>
      </spectrum>
""")
_FOOTER = "    </spectrumList>\n  </run>\n</mzML>\n"


def _target_paths(path: Path) -> tuple[Path, Path, Path, Path]:
    """Return ibd, truth table, sidecar and imzML, in the order in which they are renamed."""
    truth_path = path.with_name(f"{path.stem}_truth.csv")
    return path.with_suffix(".ibd"), truth_path, path.with_suffix(".json"), path


@contextmanager
def _staged(targets: Sequence[Path]) -> Iterator[list[Path]]:
    """Give temporary paths that take the targets' names on success and vanish otherwise."""
    targets[0].parent.mkdir(parents=True, exist_ok=True)
    staged = [target.with_name(f".{target.name}.{os.getpid()}.tmp") for target in targets]
    try:
        yield staged
        for temporary, target in zip(staged, targets, strict=True):
            temporary.replace(target)
    finally:
        for temporary in staged:
            temporary.unlink(missing_ok=True)


def _write_truth(path: Path, ions: _Ions, n_visible: Integers) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("formula", "adduct", "ion", "mz", "pattern", "amplitude", "n_pixels"))
        for row, (formula, adduct, ion) in enumerate(ions.names):
            mz, amplitude = f"{ions.mz[row, 0]:.6f}", f"{ions.amplitude[row]:.1f}"
            writer.writerow(
                (formula, adduct, ion, mz, ions.pattern[row], amplitude, n_visible[row])
            )
