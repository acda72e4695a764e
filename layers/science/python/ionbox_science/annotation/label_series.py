"""Molecules annotated with and without isotope labels: which share of each pixel is labelled.

In: the annotations of a run, and the first isotope images of ions that belong together. Out: series
(`find_label_series`), the fraction image of each (`measure_label_fraction`) and its means.
``EstimateFdr`` and ``RenderImages`` in a run.

A database has a molecule as it is, ``C6H12O6``, and with labels, ``Cx6H12O6`` or ``C3Cx3H12O6``
(`ionbox_science.theory.formulas`). Annotated with the same modifiers, they are a series.

Part of a labelled ion's signal may be the natural isotopes of a lighter member: the peak of one
``Cx`` lies where carbon-13 of nature does. What the theoretical pattern of each lighter member puts
into an ion's window is taken off, lightest first, and what is left is brought from the first
isotope peak to the whole pattern. This is the usual correction for natural abundance; labels that
are not pure are not corrected for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ionbox_science.annotation.annotations import Annotations
from ionbox_science.theory.formulas import ISOTOPE_LABELS, format_formula, parse_formula

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LabelSeries:
    """A molecule that was annotated with and without labels, as one kind of ion.

    Attributes
    ----------
    formula : str
        The molecule without labels, elements in the order of `format_formula`.
    chem_mod, neutral_loss, adduct : str
        What makes it an ion.
    label : str
        Which labels its labelled ions have: ``Cx``, or ``CxNx`` where they have both.
    formulas : tuple of str
        Formulas of the molecules as the databases write them: without labels, then by their number.
    ion_formulas : tuple of str
        What the ions consist of, in the same order.
    fdr : float
        Highest FDR of its ions; of each, the lowest that it is annotated at, with competition or
        without: what a label adds to may be explained by natural isotopes of its own molecule.
    """

    formula: str
    chem_mod: str
    neutral_loss: str
    adduct: str
    label: str
    formulas: tuple[str, ...]
    ion_formulas: tuple[str, ...]
    fdr: float


def split_labels(formula: str) -> tuple[str, str, int]:
    """Return a formula with elements for its labels, which labels it has, and how many.

    Raises
    ------
    InvalidFormula
        If the formula cannot be read.

    Examples
    --------
    >>> split_labels("C3Cx3H12O6"), split_labels("C6H12O6")
    (('C6H12O6', 'Cx', 3), ('C6H12O6', '', 0))
    """
    counts = parse_formula(formula)
    labels = {label: counts.pop(label) for label in ISOTOPE_LABELS if label in counts}
    for label, count in labels.items():
        element = label.removesuffix("x")
        counts[element] = counts.get(element, 0) + count
    return format_formula(counts), "".join(labels), sum(labels.values())


def find_label_series(databases: Sequence[Annotations]) -> list[LabelSeries]:
    """Find the molecules that are annotated with and without labels.

    Parameters
    ----------
    databases : sequence of Annotations
        Those of all databases of a run: a molecule and its labelled forms may be in different ones.

    Returns
    -------
    list of LabelSeries
        By formula, modifiers and label. A molecule annotated only with labels, or only without, is
        in none; one with two kinds of labels, ``Cx`` and ``Nx``, is in one for each.
    """
    labelled = [
        formula for each in databases for formula in each.formula.tolist() if "x" in formula
    ]
    if not labelled:
        return []  # as nearly always: nothing is read of formulas
    wanted = {split_labels(formula)[0] for formula in set(labelled)}
    kinds: dict[tuple[str, str, str, str], dict[str, _Member]] = {}
    for table in databases:
        parts = (table.formula, table.chem_mod, table.neutral_loss, table.adduct)
        rows = zip(*(part.tolist() for part in parts), strict=True)
        for row, (formula, *modifiers) in enumerate(rows):
            natural, label, n_labels = split_labels(formula)
            if natural not in wanted:
                continue
            chem_mod, loss, adduct = modifiers
            of_kind = kinds.setdefault((natural, chem_mod, loss, adduct), {})
            ion_formula = str(table.ion_formula[row])
            fdr = float(min(table.fdr[row], table.fdr_alone[row]))
            known = of_kind.get(ion_formula)
            fdr = min(fdr, known.fdr) if known else fdr
            of_kind[ion_formula] = _Member(n_labels, label, formula, ion_formula, fdr)
    return [
        LabelSeries(
            *kind,
            label,
            tuple(member.formula for member in members),
            tuple(member.ion_formula for member in members),
            max(member.fdr for member in members),
        )
        for kind, of_kind in sorted(kinds.items())
        for label, members in _by_label(of_kind)
    ]


@dataclass(frozen=True, order=True)
class _Member:
    n_labels: int
    label: str
    formula: str
    ion_formula: str
    fdr: float


def _by_label(of_kind: dict[str, _Member]) -> list[tuple[str, list[_Member]]]:
    """Return the members of each label, the natural one first; none if there is no natural one."""
    members = sorted(of_kind.values())
    natural = [member for member in members if not member.label][:1]
    labels = sorted({member.label for member in members if member.label})
    if not natural:
        return []
    return [
        (label, natural + [member for member in members if member.label == label])
        for label in labels
    ]


@dataclass(frozen=True)
class LabelFraction:
    """Which share of a molecule is labelled.

    Attributes
    ----------
    image : (height, width) float32
        Labelled over all, 0 to 1; NaN where there is nothing of the molecule.
    mean : float
        Of the pixels that have a fraction; NaN if none has.
    overall : float
        Labelled over all, both summed over the pixels; NaN if there is nothing.
    n_pixels : int
        Pixels that have a fraction.
    """

    image: Float32s
    mean: float
    overall: float
    n_pixels: int


def measure_label_fraction(
    images: Float32s, pattern_mz: Float64s, abundance: Float32s, ppm: float
) -> LabelFraction:
    """Measure which share of a molecule is labelled.

    Parameters
    ----------
    images : (n_ions, height, width) float32
        First isotope images, counts: without labels, then by their number.
    pattern_mz : (n_ions, n_peaks) float64
        Theoretical m/z of the ions, zero padded.
    abundance : (n_ions, n_peaks) float32
        Theoretical abundances, zero padded.
    ppm : float
        Half width of an m/z window, in parts per million.
    """
    leaked = natural_overlap(pattern_mz, abundance, ppm)
    # of all isotope peaks, from that of the first
    whole = abundance.sum(axis=1, dtype=np.float64) / abundance[:, 0]
    corrected: list[Float64s] = []
    labelled = np.zeros(images.shape[1:])
    for ion, image in enumerate(images):
        left = image.astype(np.float64)
        for lighter, share in enumerate(leaked[ion, :ion].tolist()):
            if share:
                left -= share * corrected[lighter]
        corrected.append(np.maximum(left, 0.0, out=left))
        if ion:
            labelled += whole[ion] * left
    total = labelled + whole[0] * corrected[0]
    there = total > 0
    fraction = np.full(total.shape, np.nan)
    np.divide(labelled, total, out=fraction, where=there)
    n_pixels = int(np.count_nonzero(there))
    return LabelFraction(
        image=fraction.astype(np.float32),
        mean=float(fraction[there].mean()) if n_pixels else float("nan"),
        overall=float(labelled.sum() / total.sum()) if n_pixels else float("nan"),
        n_pixels=n_pixels,
    )


def natural_overlap(pattern_mz: Float64s, abundance: Float32s, ppm: float) -> Float64s:
    """Return which part of an ion's first peak appears in another's first window.

    Parameters
    ----------
    pattern_mz, abundance, ppm
        As for `measure_label_fraction`.

    Returns
    -------
    (n_ions, n_ions) float64
        By the ion whose window it is, and the ion whose natural isotopes are in it: abundance of
        these over that of its own first peak. Ions take nothing from themselves.
    """
    first = pattern_mz[:, None, None, 0]
    inside = np.abs(pattern_mz[None] - first) <= first * ppm * 1e-6
    share = np.where(inside, abundance[None] / abundance[None, :, :1], 0.0).sum(axis=2)
    np.fill_diagonal(share, 0.0)
    return np.asarray(share, np.float64)
