"""The whole of METASPACE's method in its obvious form: slow, short, no code of the product.

Read beside the paper (Palmer et al. 2017, doi:10.1038/nmeth.4072). Every function does for one
ion, image or ranking what the product does for many at once.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage

Array = npt.NDArray[Any]

CROSS = ndimage.generate_binary_structure(2, 1)
FULL = ndimage.generate_binary_structure(2, 2)

DECOY_ELEMENTS = """
He Li Be B C N O F Ne Mg Al Si P S Cl Ar Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb
Sr Y Zr Nb Mo Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Sm Eu Gd Tb Dy Ho Ir Th Pt Os
Yb Lu Bi Pb Re Tl Tm U W Au Er Hf Hg Ta
"""


def count_elements(formula: str) -> Counter[str]:
    """Count atoms; an element may stand twice."""
    counts: Counter[str] = Counter()
    for element, digits in re.findall(r"([A-Z][a-z]?)(\d*)", formula):
        counts[element] += int(digits or 1)
    return counts


def build_ion_formula(formula: str, modifier: str) -> str | None:
    """Apply signed steps one after the other; None if a step is impossible or nothing is left."""
    counts = count_elements(formula)
    for sign, part in re.findall(r"([+-])([^+-]+)", modifier):
        for element, count in count_elements(part).items():
            counts[element] += count if sign == "+" else -count
            if counts[element] < 0:
                return None
    elements = sorted(counts, key=lambda e: ("CHNOPS".find(e) if e in "CHNOPS" else 6, e))
    return (
        "".join(f"{e}{counts[e] if counts[e] > 1 else ''}" for e in elements if counts[e]) or None
    )


def draw_decoys(n_draws: int, adducts: Sequence[str], n_decoys: int) -> list[list[str]]:
    """Shuffle a fresh list of the decoys not in use per draw; take the first."""
    random = np.random.RandomState(42)
    draws = []
    for _ in range(n_draws):
        candidates = [f"+{e}" for e in DECOY_ELEMENTS.split() if f"+{e}" not in adducts]
        random.shuffle(candidates)
        draws.append(candidates[:n_decoys])
    return draws


def generate_pattern(ion_formula: str, sigma: float, charge: int = 1) -> list[tuple[float, float]]:
    """Return (m/z, abundance) of the four most intense peaks an Orbitrap sees, ascending."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        cpymspec: Any = importlib.import_module("cpyMSpec")
    fine_structure = cpymspec.isotopePattern(ion_formula)
    fine_structure.addCharge(charge)
    model = cpymspec.InstrumentModel("orbitrap", 200 / (sigma * 2.3548200450309493))
    peaks = fine_structure.centroids(model, 1e-4, 25)
    most_intense = sorted(zip(peaks.intensities, peaks.masses, strict=True), reverse=True)[:4]
    return sorted((mz, 100 * intensity) for intensity, mz in most_intense)


def draw_image(peaks: Any, mz: float, ppm: float, mask: Array) -> tuple[Array, int]:
    """Return the image of one m/z window and how many peaks are in it."""
    inside = (peaks.mz >= mz - mz * ppm * 1e-6) & (peaks.mz <= mz + mz * ppm * 1e-6) & (mz > 0)
    image = np.zeros(mask.size)
    np.add.at(image, peaks.pixel[inside], peaks.intensity[inside].astype(float))
    return image.reshape(mask.shape).astype(np.float32), int(inside.sum())


def measure_chaos(image: Array, n_levels: int = 30) -> float:
    """Threshold, close, count components; what is left of 1 is structure."""
    if not image.any():
        return 0.0
    counts = []
    for i in range(n_levels):
        mask = image > image.max() * np.float32(i) / np.float32(n_levels)
        mask = ndimage.binary_dilation(mask, CROSS)
        mask = ndimage.binary_erosion(mask, FULL, border_value=1)
        counts.append(ndimage.label(mask, CROSS)[1])
    chaos = 1 - np.mean(counts) / np.count_nonzero(image > 0)
    return 0.0 if np.isclose(chaos, 1.0) else float(chaos)


def measure_spectral(images: Array, abundance: Array) -> float:
    """Compare summed intensities with abundances; (n_peaks, n_pixels) float32, (n_peaks,)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = np.array([image[images[0] > 0].sum() for image in images], np.float32)
        observed /= np.sqrt((observed * observed).sum())
        expected = abundance / np.linalg.norm(abundance)
        spectral = 1 - np.abs(expected - observed).mean()
    return float(spectral) if np.isfinite(spectral) and spectral != 1.0 else 0.0


def measure_spatial(images: Array, abundance: Array) -> float:
    """Correlate each further image with the first; mean weighted by abundance."""
    if np.count_nonzero(images[0]) < 2 or abundance[1:].sum() == 0:
        return 0.0
    with np.errstate(invalid="ignore", divide="ignore"):
        pairs = [np.corrcoef(images[0], image)[0, 1] for image in images[1:]]
    mean = np.average(np.nan_to_num(pairs, posinf=0, neginf=0), weights=abundance[1:])
    return float(np.clip(mean, 0, 1))


def score_ion(
    peaks: Any, pattern: list[tuple[float, float]], mask: Array, ppm: float = 3.0
) -> dict[str, float]:
    """Return all metrics of one ion, as a target gets them."""
    padded = np.array([*pattern, *[(0.0, 0.0)] * (4 - len(pattern))])
    mz, abundance = padded[:, 0], padded[:, 1].astype(np.float32)
    images = [draw_image(peaks, m, ppm, mask)[0] for m in mz]
    measured = np.array([image[mask] for image in images])
    metrics = {
        "chaos": measure_chaos(images[0]),
        "spatial": measure_spatial(measured, abundance),
        "spectral": measure_spectral(measured, abundance),
    }
    error = np.array([_mean_mz(peaks, m, ppm) - m for m in mz])
    return {
        **metrics,
        "msm": metrics["chaos"] * metrics["spatial"] * metrics["spectral"],
        "mz_error_abs": float(error[0]),
        "mz_error_rel": float(np.average(error[1:] - error[0], weights=abundance[1:])),
        "total_intensity": float(measured[0].astype(float).sum()),
        "max_intensity": float(measured[0].max()),
    }


def _mean_mz(peaks: Any, mz: float, ppm: float) -> float:
    inside = np.abs(peaks.mz - mz) <= mz * ppm * 1e-6
    weights = peaks.intensity[inside].astype(float)
    return float(np.average(peaks.mz[inside], weights=weights)) if weights.any() else mz


def fdr_v1(
    targets: pd.Series[float],
    decoys: pd.DataFrame,
    levels: Sequence[float] = (0.05, 0.1, 0.2, 0.5),
) -> pd.Series[float]:
    """Rank targets against each column of decoys; median; round up to a level."""
    targets = targets[targets > 0]
    ratios = pd.DataFrame(
        {
            draw: [(scores >= msm).sum() / (targets >= msm).sum() for msm in targets]
            for draw, scores in decoys.items()
        },
        index=targets.index,
    )
    median = ratios.median(axis=1)
    fdr = pd.Series(1.0, targets.index)
    for level in sorted(levels, reverse=True):
        if (median < level).any():
            fdr[targets >= targets[median < level].min()] = level
    return fdr


def fdr_v3(targets: pd.Series[float], decoys: pd.DataFrame) -> pd.Series[float]:
    """Rank targets against all decoys at once; never falling as the score falls."""
    targets = targets[targets > 0].sort_values(ascending=False)
    scores = decoys.to_numpy().ravel()
    n_draws = decoys.shape[1]
    fdr = pd.Series(
        [((scores >= m).sum() + 1) / n_draws / ((targets >= m).sum() + 1) for m in targets],
        targets.index,
        dtype=float,
    )
    return fdr[::-1].cummin().clip(upper=1.0)


def annotate(
    peaks: Any,
    mask: Array,
    formulas: Sequence[str],
    adducts: Sequence[str],
    sigma: float,
    method: str,
    n_decoys: int = 20,
) -> pd.DataFrame:
    """Score all targets of a database and estimate their FDR; rows (formula, adduct)."""
    scores: dict[str | None, dict[str, float]] = {None: {"msm": 0.0}}

    def score(formula: str, adduct: str) -> dict[str, float]:
        ion_formula = build_ion_formula(formula, adduct)
        if ion_formula not in scores:
            pattern = generate_pattern(str(ion_formula), sigma)
            found = [draw_image(peaks, mz, 3.0, mask)[1] for mz, _ in pattern]
            whole = found[0] > 0 and any(found[1:])
            scores[ion_formula] = score_ion(peaks, pattern, mask) if whole else {"msm": 0.0}
        return scores[ion_formula]

    shared = method == "metaspace-v3"
    draws = iter(draw_decoys(len(formulas) * (1 if shared else len(adducts)), adducts, n_decoys))
    drawn = dict(_assign(formulas, adducts, draws, shared))
    rows = []
    for adduct in adducts:
        targets = pd.Series({formula: score(formula, adduct)["msm"] for formula in formulas})
        decoys = pd.DataFrame(
            [[score(f, decoy)["msm"] for decoy in drawn[f, adduct]] for f in formulas],
            index=list(formulas),
        )
        fdr = fdr_v3(targets, decoys) if shared else fdr_v1(targets, decoys)
        rows += [
            {"formula": f, "adduct": adduct, "fdr": fdr[f], **score(f, adduct)} for f in fdr.index
        ]
    table = pd.DataFrame(rows)
    return table.sort_values(["formula", "adduct"], ignore_index=True)


def _assign(
    formulas: Sequence[str], adducts: Sequence[str], draws: Iterator[list[str]], shared: bool
) -> Iterator[tuple[tuple[str, str], list[str]]]:
    for formula in formulas:
        draw = next(draws) if shared else []
        for adduct in adducts:
            yield (formula, adduct), draw if shared else next(draws)
