"""Atoms of many ions at once: the form in which the pattern kernel takes them.

In: ion formulas as text, or a table of element counts, which a run has anyway
(`ionbox_science.theory.ions`). Out: `Compositions`, for
`ionbox_science.theory.isotope_patterns.generate_patterns_of`. Writing formulas down and parsing
them again costs more than the patterns, so a run goes by the table; both ways give the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ionbox_science.kernel_calls import call_kernel
from ionbox_science.theory.formulas import ISOTOPE_LABELS, element_masses, parse_formula
from ionbox_science.theory.isotopes import read_isotopes

READ, WITHOUT_PATTERN, DECLINED = 0, 1, 2
"""What became of an ion, as in ``formula_parser.c``."""

MAX_TABULATED = 10_000
"""Largest count of atoms in a table. For larger ones cpyMSpec has limits of its own, on numbers in
the text of a formula (see ``formula_parser.c``), so that text has to be parsed."""


@dataclass(frozen=True)
class Compositions:
    """Atoms of ions; ion i has elements and counts ``starts[i]:starts[i + 1]``.

    Attributes
    ----------
    starts : (n_ions + 1,) int64
        Where each ion begins in the two columns below, and at last their length.
    elements : (n,) int32
        Index into the symbols of `read_isotopes`, ascending within an ion. There may be room for
        more behind the last ion's.
    counts : (n,) int32
        Atoms of each of these elements.
    label_mass : (n_ions,) float64
        Summed mass of an ion's isotope labels, in Da.
    outcome : (n_ions,) uint8
        `READ`; `WITHOUT_PATTERN` where an ion is nothing but labels or has a number that the
        reference library refuses; `DECLINED` where there are too many atoms for the kernel.
    """

    starts: npt.NDArray[np.int64]
    elements: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int32]
    label_mass: npt.NDArray[np.float64]
    outcome: npt.NDArray[np.uint8]


def parse_compositions(ion_formulas: Sequence[str]) -> Compositions:
    """Count the atoms of ions given as formulas.

    Parameters
    ----------
    ion_formulas : sequence of str
        Formulas with all modifiers applied; an empty one is an ion without a pattern.

    Raises
    ------
    InvalidFormula
        If a formula cannot be read.
    """
    isotopes = read_isotopes()
    n = len(ion_formulas)
    text = "\n".join((*ion_formulas, "")).encode("utf-8", "replace")
    composition = Compositions(
        starts=np.zeros(n + 1, np.int64),
        elements=np.empty(len(text), np.int32),  # more than enough: an element takes a letter
        counts=np.empty(len(text), np.int32),
        label_mass=np.zeros(n),
        outcome=np.zeros(n, np.uint8),
    )
    unreadable = call_kernel(
        "ionbox_parse_formulas",
        text,
        len(text),
        n,
        isotopes.symbols,
        isotopes.n_elements,
        len(isotopes.symbols) // 2,
        isotopes.label_masses,
        composition.starts,
        composition.elements,
        composition.counts,
        composition.label_mass,
        composition.outcome,
    )
    if unreadable >= 0:
        for formula in filter(None, ion_formulas):
            parse_formula(formula)  # says what is wrong with it; the kernel only says where
        raise AssertionError(f"the kernel cannot read line {unreadable} of {text!r}")
    return composition


def tabulate_compositions(
    elements: Sequence[str], counts: npt.NDArray[np.integer[Any]]
) -> Compositions:
    """Take the atoms of ions from a table of counts.

    Parameters
    ----------
    elements : sequence of str
        Symbols of elements and isotope labels, one per column.
    counts : (n_ions, n_elements) int
        At most `MAX_TABULATED`, at least one above zero in each row.
    """
    isotopes = read_isotopes()
    # Columns in the order of the isotope table: elements must ascend within an ion.
    known = [
        isotopes.symbols[i : i + 2].rstrip(b"\0").decode()
        for i in range(0, len(isotopes.symbols), 2)
    ]
    natural = [element for element in known[: isotopes.n_elements] if element in elements]
    columns = [list(elements).index(element) for element in natural]
    element_ids = np.array([known.index(element) for element in natural], np.int32)
    if columns == list(range(counts.shape[1])):
        atoms = np.ascontiguousarray(counts).reshape(-1)
    else:
        atoms = counts.take(columns, axis=1).reshape(-1)
    (place,) = np.nonzero(atoms)
    starts = np.searchsorted(place, np.arange(len(counts) + 1) * len(columns))
    label_mass = np.zeros(len(counts))
    for label in set(ISOTOPE_LABELS) & set(elements):
        label_mass += counts[:, list(elements).index(label)] * element_masses()[label]
    return Compositions(
        starts=starts,
        elements=element_ids[place % len(columns)] if len(columns) else element_ids,
        counts=atoms[place].astype(np.int32),
        label_mass=label_mass,
        outcome=np.where(np.diff(starts) > 0, READ, WITHOUT_PATTERN).astype(np.uint8),
    )
