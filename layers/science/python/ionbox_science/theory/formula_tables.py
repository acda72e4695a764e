"""Formulas and modifiers of whole databases as matrices of element counts.

Apart from `ionbox_science.theory.formulas`, which checks what people write and needs no numpy.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ionbox_science.theory.formulas import element_rank, parse_formula, parse_modifier


@dataclass(frozen=True)
class ElementTable:
    """Element counts of many formulas as one matrix.

    Attributes
    ----------
    elements : tuple of str
        Column names.
    counts : (n_formulas, n_elements) int32
        Atoms of each element in each formula.
    """

    elements: tuple[str, ...]
    counts: npt.NDArray[np.int32]


def tabulate_elements(
    formulas: Sequence[str], further_elements: Iterable[str] = ()
) -> ElementTable:
    """Count the elements of many formulas.

    Parameters
    ----------
    formulas : sequence of str
        Formulas without modifiers.
    further_elements : iterable of str
        Elements that need a column even if no formula has them (those of modifiers).

    Raises
    ------
    InvalidFormula
        If a formula cannot be read.
    """
    # a dict per formula would be several times the table
    found: dict[str, int] = {}  # a number for each element
    numbers, counts, n_elements = array("i"), array("i"), array("i")
    for formula in formulas:
        parsed = parse_formula(formula)
        n_elements.append(len(parsed))
        counts.extend(parsed.values())
        numbers.extend(found.setdefault(element, len(found)) for element in parsed)
    elements = tuple(sorted({*found, *further_elements}, key=element_rank))
    column = {element: index for index, element in enumerate(elements)}
    column_of = np.array([column[element] for element in found], np.intp)
    table = np.zeros((len(formulas), len(elements)), np.int32)
    table[np.repeat(np.arange(len(formulas)), n_elements), column_of[numbers]] = counts
    return ElementTable(elements, table)


def tabulate_modifiers(
    modifiers: Sequence[str], elements: Sequence[str]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Write modifiers as rows of element changes.

    Parameters
    ----------
    modifiers : sequence of str
        Signed formulas, one or more each.
    elements : sequence of str
        Columns; all elements of the modifiers are among them.

    Returns
    -------
    change : (n_modifiers, n_elements) int32
        Atoms that the whole modifier adds; negative where it takes them away.
    needed : (n_modifiers, n_elements) int32
        Atoms that must be present beforehand so that no step goes below zero.

    Raises
    ------
    InvalidFormula
        If a modifier cannot be read.
    """
    column = {element: index for index, element in enumerate(elements)}
    change = np.zeros((len(modifiers), len(elements)), np.int32)
    needed = np.zeros_like(change)
    for row, modifier in enumerate(modifiers):
        for step in parse_modifier(modifier):
            for element, count in step:
                change[row, column[element]] += count
            # after every step: -H2+H2 needs two H, although it changes nothing
            np.maximum(needed[row], -change[row], out=needed[row])
    return change, needed
