"""Molecules that are measured but in no searched database: unknown ones, and the matrix.

Tissue has far more molecules than any table. What is missing from a table resembles what is in it:
homologues, products of the usual reactions of metabolism, and fragments. So each formula made here
is one of the table, or of the built-in lipids, after one or two such changes. Many share their
nominal mass, and some their peaks, with molecules of the table.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from ionbox_science.theory.formulas import format_formula, parse_formula
from ionbox_science.theory.lipids import enumerate_lipids

CHANGES: tuple[Mapping[str, int], ...] = (
    {"C": 1, "H": 2},  # homologue, methylation
    {"C": -1, "H": -2},
    {"C": 2, "H": 4},
    {"C": -2, "H": -4},
    {"H": 2},  # reduction
    {"H": -2},  # oxidation, a double bond more
    {"O": 1},  # hydroxylation
    {"O": -1},
    {"O": 1, "H": -2},  # CH2 to CO
    {"O": 2},  # peroxidation
    {"C": 2, "H": 2, "O": 1},  # acetylation
    {"C": 1, "O": 2},  # carboxylation
    {"H": 1, "P": 1, "O": 3},  # phosphorylation
    {"S": 1, "O": 3},  # sulfation
    {"C": 6, "H": 10, "O": 5},  # a hexose
    {"C": 2, "H": 3, "N": 1, "O": 1},  # glycine
    {"C": 3, "H": 5, "N": 1, "O": 1},  # alanine
    {"N": 1, "H": 1, "O": -1},  # OH to NH2
    {"N": 1, "H": 1},  # amination
)
"""What one reaction does to a formula: atoms that come and go."""

MATRICES = ("C10H7NO3", "C7H6O4", "C10H10N2")
"""CHCA, DHB and DAN: what most MALDI imaging is done with."""

MOST_MATRIX = 6
"""Molecules in a matrix cluster."""

_LIPID_SHARE = 0.5  # of those that change: tissue is richer in lipids than tables of metabolites
_TWO_CHANGES = 0.5  # share that was changed twice


def draw_unknowns(n_tries: int, known: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Make up formulas like those of a database.

    Parameters
    ----------
    n_tries : int
        How many to make up; those that come out impossible are left out.
    known : sequence of str
        Formulas of the database.
    rng : Generator
        Source of random numbers.

    Returns
    -------
    list of str
        Each formula once. By chance a database may have some of them.
    """
    lipids = _lipid_formulas()
    of_lipids = rng.random(n_tries) < _LIPID_SHARE
    places = rng.random(n_tries)
    steps = rng.integers(0, len(CHANGES), (n_tries, 2))
    n_steps = 1 + (rng.random(n_tries) < _TWO_CHANGES)
    made: dict[str, None] = {}
    for row in range(n_tries):
        pool = lipids if of_lipids[row] or not known else known
        start = pool[int(places[row] * len(pool))]
        formula = _change(start, [CHANGES[step] for step in steps[row, : n_steps[row]]])
        if formula:
            made.setdefault(formula)
    return list(made)


def list_matrix_clusters(matrix: str) -> list[str]:
    """Return formulas of clusters of a MALDI matrix, in which metals replace protons.

    Parameters
    ----------
    matrix : str
        Formula of the matrix.

    Returns
    -------
    list of str
        From one molecule to `MOST_MATRIX` together, each with every mixture of sodium and potassium
        that leaves a proton to each molecule but one.
    """
    molecule = parse_formula(matrix)
    made = []
    for n in range(1, MOST_MATRIX + 1):
        for sodium, potassium in product(range(n), repeat=2):
            if sodium + potassium < n:
                counts = {element: n * count for element, count in molecule.items()}
                counts["H"] -= sodium + potassium
                made.append(format_formula({**counts, "Na": sodium, "K": potassium}))
    return made


@functools.cache
def _lipid_formulas() -> list[str]:
    return sorted({lipid.formula for lipid in enumerate_lipids()})


def _change(formula: str, changes: Sequence[Mapping[str, int]]) -> str:
    """Apply changes; an empty text if they take away more than is there or leave no molecule."""
    counts = parse_formula(formula)
    for change in changes:
        for element, n in change.items():
            counts[element] = counts.get(element, 0) + n
    carbon, hydrogen = counts.get("C", 0), counts.get("H", 0)
    most_hydrogen = 2 * carbon + counts.get("N", 0) + counts.get("P", 0) + 3
    if min(counts.values()) < 0 or carbon < 1 or not 1 <= hydrogen <= most_hydrogen:
        return ""
    return format_formula(counts)
