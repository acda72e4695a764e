"""From molecular formulas to the ions to look for: targets, their decoys, unique ion formulas.

In: the unique formulas of a database, and which modifiers and how many decoys were asked for. Out:
an `IonTable` (``BuildIons`` in a run), by which isotope patterns are generated and, when all ions
are scored, targets and decoys are found again for the FDR.

A formula with a target modifier is a target; with the same loss and modification but an implausible
adduct, it is a decoy. Several of these may be the same ion formula: it is one ion, with one pattern
and one score, whatever it stands for.

Decoys follow Palmer et al. 2017 (doi:10.1038/nmeth.4072): every target ion gets ``n_decoys`` ions
of the same molecule with implausible adducts. Sampling is seeded and independent of the order of
the database's rows, because formulas are sorted first.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ionbox_science.columns import ArrayRecord
from ionbox_science.progress import part_of_progress, report_progress
from ionbox_science.theory.compositions import (
    MAX_TABULATED,
    Compositions,
    parse_compositions,
    tabulate_compositions,
)
from ionbox_science.theory.formula_tables import ElementTable, tabulate_elements, tabulate_modifiers
from ionbox_science.theory.formulas import (
    build_ion_formula,
    element_masses,
    join_modifier,
    parse_modifier,
)
from ionbox_science.theory.ion_rule import IonRule

NO_ION = -1
"""Ion index of a formula and modifier that make no ion, as atoms would be missing. As an index into
an array of ions it finds the last element, so arrays of scores get one more element for it."""

CELLS_AT_ONCE = 1 << 18
"""Formulas times decoys, or times modifiers, of a block: tables of a few MB."""

_DRAWS_PER_REPORT = 1 << 10
_PAIRS_COMPARED = 1 << 12  # at once: a row of atoms each, which all pairs would take GB for

_SEED = 42  # METASPACE's, so that the same decoys are drawn


@dataclass(frozen=True)
class IonTable(ArrayRecord):
    """All ions of one database under one rule.

    Ions are numbered by ascending average mass, so that a range of ions has a narrow m/z range and
    needs few segments.

    Attributes
    ----------
    formulas : (n_formulas,) str
        Unique molecular formulas, sorted.
    modifiers : (n_modifiers,) str
        Every modifier in use: targets first (see `target_parts`), then decoys.
    target_parts : (n_targets, 3) str
        Chemical modification, neutral loss and adduct of each target modifier.
    target_ion : (n_formulas, n_targets) int32
        Ion of each target, `NO_ION` where the formula cannot form it.
    decoy_modifier : (n_formulas, n_targets, n_decoys) int32
        Modifier drawn for each decoy, in sampling order.
    decoy_ion : (n_formulas, n_targets, n_decoys) int32
        Ion of each decoy, `NO_ION` where the formula cannot form it.
    elements : (n_elements,) str
        Columns of the two tables below.
    formula_counts : (n_formulas, n_elements) int32
        Atoms of each formula.
    modifier_change : (n_modifiers, n_elements) int32
        Atoms that each modifier adds.
    ion_formula_index, ion_modifier_index : (n_ions,) int32
        One formula and modifier that make the ion (others may make the same ion formula).
    is_target : (n_ions,) bool
        Whether any target modifier makes the ion.
    """

    formulas: npt.NDArray[np.str_]
    modifiers: npt.NDArray[np.str_]
    target_parts: npt.NDArray[np.str_]
    target_ion: npt.NDArray[np.int32]
    decoy_modifier: npt.NDArray[np.int32]
    decoy_ion: npt.NDArray[np.int32]
    elements: npt.NDArray[np.str_]
    formula_counts: npt.NDArray[np.int32]
    modifier_change: npt.NDArray[np.int32]
    ion_formula_index: npt.NDArray[np.int32]
    ion_modifier_index: npt.NDArray[np.int32]
    is_target: npt.NDArray[np.bool_]

    @property
    def n_ions(self) -> int:
        """Number of ions, that is, of distinct ion formulas."""
        return len(self.ion_formula_index)

    def ion_formulas(self, ions: slice | npt.NDArray[np.integer[Any]]) -> list[str]:
        """Return the ion formulas of some ions, written out."""
        pairs = zip(
            self.formulas[self.ion_formula_index[ions]].tolist(),
            self.modifiers[self.ion_modifier_index[ions]].tolist(),
            strict=True,
        )
        return [build_ion_formula(formula, modifier) for formula, modifier in pairs]

    def compositions(self, ions: slice) -> Compositions:
        """Return the atoms of a range of ions, as the pattern kernel takes them."""
        counts = self.formula_counts[self.ion_formula_index[ions]]
        # in place: indexing by an array has made a copy
        counts += self.modifier_change[self.ion_modifier_index[ions]]
        if counts.max(initial=0) > MAX_TABULATED:
            return parse_compositions(self.ion_formulas(ions))
        return tabulate_compositions(self.elements.tolist(), counts)


def build_ions(formulas: Sequence[str], rule: IonRule) -> IonTable:
    """Enumerate the target and decoy ions of a database.

    Parameters
    ----------
    formulas : sequence of str
        Unique molecular formulas, sorted.
    rule : IonRule
        Which ions the formulas can form, and how decoys are drawn.

    Raises
    ------
    InvalidFormula
        If a formula or modifier cannot be parsed.
    """
    parts = rule.target_parts()
    targets = [join_modifier(*part) for part in parts]
    with part_of_progress(0, 0.4):
        modifiers, decoy_modifier = _assign_decoys(len(formulas), targets, parts, rule)
    elements = {e for m in modifiers for step in parse_modifier(m) for e, _ in step}
    table = tabulate_elements(formulas, elements)
    with part_of_progress(0.4, 0.9):
        numbered = _number_ions(table, modifiers, decoy_modifier)
    if rule.decoy_kind == "matched":
        decoys = numbered.decoy_ion
        decoys[(decoys != NO_ION) & numbered.is_target[decoys]] = NO_ION  # these may be there
    return IonTable(
        formulas=np.array(formulas, dtype=np.str_),
        modifiers=np.array(modifiers, dtype=np.str_),
        target_parts=np.array(parts, dtype=np.str_).reshape(-1, 3),
        target_ion=numbered.target_ion,
        decoy_modifier=decoy_modifier,
        decoy_ion=numbered.decoy_ion,
        elements=np.array(table.elements, dtype=np.str_),
        formula_counts=table.counts,
        modifier_change=tabulate_modifiers(modifiers, table.elements)[0],
        ion_formula_index=numbered.ion_formula,
        ion_modifier_index=numbered.ion_modifier,
        is_target=numbered.is_target,
    )


def draw_decoys(n_draws: int, n_candidates: int, n_decoys: int) -> npt.NDArray[np.int16]:
    """Draw decoys without replacement, once per row.

    Parameters
    ----------
    n_draws : int
        Rows.
    n_candidates : int
        Adducts to choose from.
    n_decoys : int
        Adducts to take; all, if there are not more.

    Returns
    -------
    (n_draws, min(n_decoys, n_candidates)) int16
        Indices of candidates in sampling order.

    Notes
    -----
    The legacy generator and the shuffle of a fresh list per draw are METASPACE's (``fdr.py``);
    any other way of sampling gives other decoys and so other FDR values.
    """
    random = np.random.RandomState(_SEED)
    n_taken = min(n_decoys, n_candidates)
    draws = np.empty((n_draws, n_taken), np.int16)
    candidates = np.arange(n_candidates, dtype=np.int16)
    for row, draw in enumerate(draws):
        if row % _DRAWS_PER_REPORT == 0:
            report_progress(row, n_draws, "decoy draws")
        shuffled = candidates.copy()
        random.shuffle(shuffled)
        draw[:] = shuffled[:n_taken]
    return draws


def _assign_decoys(
    n_formulas: int, targets: list[str], parts: list[tuple[str, str, str]], rule: IonRule
) -> tuple[list[str], npt.NDArray[np.int32]]:
    """Draw the decoys of all targets.

    Returns
    -------
    modifiers : list of str
        All modifiers: targets first, then every candidate behind every modification and loss.
    decoy_modifier : (n_formulas, n_targets, n_decoys) int32
        Index of the modifier drawn for each decoy.
    """
    candidates = rule.decoy_candidates()
    prefixes = [join_modifier(chem_mod, loss, "") for chem_mod, loss, _ in parts]
    unique_prefixes = list(dict.fromkeys(prefixes))
    modifiers = targets + [prefix + decoy for prefix in unique_prefixes for decoy in candidates]
    # One draw after the other from one generator: rows, in METASPACE's order, decide what is drawn.
    if rule.decoy_rule == "per-formula":
        draws = draw_decoys(n_formulas, len(candidates), rule.n_decoys)[:, None, :]
    else:
        draws = draw_decoys(n_formulas * len(targets), len(candidates), rule.n_decoys)
        draws = draws.reshape(n_formulas, len(targets), -1)
    first_of_prefix = {
        prefix: len(targets) + place * len(candidates)
        for place, prefix in enumerate(unique_prefixes)
    }
    first_modifier = np.array([first_of_prefix[prefix] for prefix in prefixes], np.int32)
    return modifiers, draws + first_modifier[:, None]


@dataclass(frozen=True)
class _NumberedIons:
    """What `_number_ions` finds; the arrays of `IonTable` of about the same names."""

    target_ion: npt.NDArray[np.int32]
    decoy_ion: npt.NDArray[np.int32]
    ion_formula: npt.NDArray[np.int32]
    ion_modifier: npt.NDArray[np.int32]
    is_target: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Cells:
    """Pairs of a formula and a modifier that it can take, each once, in the order of first use.

    That is, of all targets before all decoys, each by formula. Decoys of many targets are the same
    pair: there are several times as many decoys as cells.

    Attributes
    ----------
    formula, modifier : (n_cells,) int32
        Rows of their tables.
    starts : list of int
        Where the decoys of each block of formulas begin, and the number of cells.
    """

    formula: npt.NDArray[np.int32]
    modifier: npt.NDArray[np.int32]
    starts: list[int]


def _number_ions(
    table: ElementTable, modifiers: Sequence[str], decoy_modifier: npt.NDArray[np.int32]
) -> _NumberedIons:
    """Give each distinct ion formula a number, by ascending mass.

    Notes
    -----
    An ion formula is a sum of two rows of element counts, and a fingerprint linear in the counts
    is the sum of the rows' fingerprints: ions are told apart without writing any of them down.
    Cells with equal fingerprints are compared exactly, so a collision cannot go unseen.
    """
    n_formulas, n_targets, _ = decoy_modifier.shape
    change, needed = tabulate_modifiers(modifiers, table.elements)
    with part_of_progress(0, 0.4):
        cells = _list_cells(table.counts, change, needed, decoy_modifier)
    with part_of_progress(0.4, 0.8):
        group, first = _group_cells(table.counts, change, cells)
    masses = np.array([element_masses()[element] for element in table.elements])
    formula, modifier = cells.formula[first], cells.modifier[first]
    # einsum, not matmul: BLAS may sum in another order elsewhere, and ions are sorted by this.
    # Rounded, so that the last digits decide about no ion's number.
    mass = (
        np.einsum("fe,e->f", table.counts, masses)[formula]
        + np.einsum("me,e->m", change, masses)[modifier]
    ).round(4)
    # by mass; ions of equal mass in the order of their first cells
    order = np.lexsort((first, mass))
    rank = np.empty(order.size, np.int32)
    rank[order] = np.arange(order.size, dtype=np.int32)
    ion = rank[group]
    of_targets = slice(cells.starts[0])
    target_ion = np.full((n_formulas, n_targets), NO_ION, np.int32)
    target_ion[cells.formula[of_targets], cells.modifier[of_targets]] = ion[of_targets]
    is_target = np.zeros(order.size, bool)
    is_target[ion[of_targets]] = True
    with part_of_progress(0.8, 1):
        decoy_ion = _place_decoys(cells, ion, decoy_modifier, len(modifiers))
    return _NumberedIons(target_ion, decoy_ion, formula[order], modifier[order], is_target)


def _blocks(decoy_modifier: npt.NDArray[np.int32], n_modifiers: int) -> list[slice]:
    """Cut the formulas so that a table of a block, by decoy or by modifier, is small."""
    n_formulas, n_targets, n_decoys = decoy_modifier.shape
    size = max(1, CELLS_AT_ONCE // max(1, n_modifiers, n_targets * n_decoys))
    return [slice(start, min(start + size, n_formulas)) for start in range(0, n_formulas, size)]


def _list_cells(
    counts: npt.NDArray[np.int32],
    change: npt.NDArray[np.int32],
    needed: npt.NDArray[np.int32],
    decoy_modifier: npt.NDArray[np.int32],
) -> _Cells:
    n_targets = decoy_modifier.shape[1]
    formulas: list[npt.NDArray[np.int32]] = []
    modifiers: list[npt.NDArray[np.int32]] = []
    decoy_formulas: list[npt.NDArray[np.int32]] = []
    decoy_modifiers: list[npt.NDArray[np.int32]] = []
    for block in _blocks(decoy_modifier, len(change)):
        possible = _find_possible(counts[block], change, needed)
        row, modifier = possible[:, :n_targets].nonzero()
        formulas.append((row + block.start).astype(np.int32))
        modifiers.append(modifier.astype(np.int32))
        drawn = decoy_modifier[block].reshape(len(possible), -1)
        place = np.arange(drawn.shape[1], dtype=np.int32)
        rows = np.arange(len(possible))[:, None]
        # where a row names a modifier first: of what is assigned to one element, the last stays
        first_place = np.empty(possible.shape, np.int32)
        first_place[rows, drawn[:, ::-1]] = place[::-1]
        row, at = ((first_place[rows, drawn] == place) & possible[rows, drawn]).nonzero()
        decoy_formulas.append((row + block.start).astype(np.int32))
        decoy_modifiers.append(drawn[row, at])
        report_progress(block.stop, len(counts), "formulas")
    n_target_cells = sum(map(len, formulas))
    ends = itertools.accumulate(map(len, decoy_formulas), initial=n_target_cells)
    nothing = [np.empty(0, np.int32)]
    return _Cells(
        np.concatenate(formulas + decoy_formulas or nothing),
        np.concatenate(modifiers + decoy_modifiers or nothing),
        list(ends),
    )


def _group_cells(
    counts: npt.NDArray[np.int32], change: npt.NDArray[np.int32], cells: _Cells
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp]]:
    """Find out which cells are the same ion formula.

    Returns
    -------
    group : (n_cells,) int32
        Ion formula of each, by a number.
    first : (n_ions,) intp
        First cell of each ion formula.
    """
    # Sums wrap around modulo 2^64 and so stay linear, negative changes included. A collision,
    # should there ever be one, is met by other weights.
    for salt in itertools.count():
        weights = np.random.default_rng(salt).integers(0, 2**64, counts.shape[1], np.uint64)
        # multiplied per formula and per modifier; per cell, of which there are far more, only added
        fingerprint = (counts.astype(np.uint64) * weights).sum(axis=1)[cells.formula]
        fingerprint += (change.astype(np.uint64) * weights).sum(axis=1)[cells.modifier]
        order = fingerprint.argsort(kind="stable")
        fingerprint = fingerprint[order]
        is_new = np.ones(order.size, bool)
        np.not_equal(fingerprint[1:], fingerprint[:-1], out=is_new[1:])
        del fingerprint
        first = order[is_new]
        group = np.empty(order.size, np.int32)
        group[order] = np.cumsum(is_new, dtype=np.int32) - 1
        again = order[~is_new]
        del order
        if _same_ions(counts, change, cells.formula, cells.modifier, again, first[group[again]]):
            break
    return group, first


def _place_decoys(
    cells: _Cells,
    ion: npt.NDArray[np.int32],
    decoy_modifier: npt.NDArray[np.int32],
    n_modifiers: int,
) -> npt.NDArray[np.int32]:
    """Return the ion of every decoy, `NO_ION` where there is none."""
    decoy_ion = np.empty(decoy_modifier.shape, np.int32)
    for block, (start, stop) in zip(
        _blocks(decoy_modifier, n_modifiers), itertools.pairwise(cells.starts), strict=True
    ):
        drawn = decoy_modifier[block]
        found = np.full((len(drawn), n_modifiers), NO_ION, np.int32)
        found[cells.formula[start:stop] - block.start, cells.modifier[start:stop]] = ion[start:stop]
        decoy_ion[block] = found[np.arange(len(drawn))[:, None, None], drawn]
        report_progress(block.stop, len(decoy_modifier), "formulas")
    return decoy_ion


def _find_possible(
    counts: npt.NDArray[np.int32], change: npt.NDArray[np.int32], needed: npt.NDArray[np.int32]
) -> npt.NDArray[np.bool_]:
    """Return which formula can take which modifier: (n_formulas, n_modifiers) bool.

    It can if no step takes away more atoms than there are, and an atom is left at the end.
    """
    possible = np.empty((len(counts), len(change)), bool)
    n_atoms = counts.sum(axis=1)
    for modifier in range(len(change)):
        columns = np.flatnonzero(needed[modifier])
        possible[:, modifier] = (counts[:, columns] >= needed[modifier, columns]).all(axis=1)
    possible &= n_atoms[:, None] + change.sum(axis=1) > 0
    return possible


def _same_ions(
    counts: npt.NDArray[np.int32],
    change: npt.NDArray[np.int32],
    formula: npt.NDArray[np.int32],
    modifier: npt.NDArray[np.int32],
    one: npt.NDArray[np.intp],
    other: npt.NDArray[np.intp],
) -> bool:
    """Return whether cells ``one`` and ``other`` all make the same ion formulas, atom by atom."""
    for start in range(0, one.size, _PAIRS_COMPARED):
        a, b = one[start : start + _PAIRS_COMPARED], other[start : start + _PAIRS_COMPARED]
        atoms = counts[formula[a]] + change[modifier[a]]
        atoms -= counts[formula[b]]
        atoms -= change[modifier[b]]
        if atoms.any():
            return False
        report_progress(start + one[start : start + _PAIRS_COMPARED].size, one.size, "pairs")
    return True
