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

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ionbox_science.columns import ArrayRecord
from ionbox_science.progress import part_of_progress, report_progress
from ionbox_science.setting_table import DEFAULTS
from ionbox_science.theory.compositions import (
    MAX_TABULATED,
    Compositions,
    parse_compositions,
    tabulate_compositions,
)
from ionbox_science.theory.formulas import (
    ElementTable,
    build_ion_formula,
    element_masses,
    join_modifier,
    parse_modifier,
    tabulate_elements,
    tabulate_modifiers,
)

DecoyRule = Literal["per-formula", "per-target-ion"]
"""``per-formula``: one draw shared by all target ions of a formula (FDR method metaspace-v3);
``per-target-ion``: a draw for each (metaspace-v1)."""

NO_ION = -1
"""Ion index of a formula and modifier that make no ion, as atoms would be missing. As an index into
an array of ions it finds the last element, so arrays of scores get one more element for it."""

_DRAWS_PER_REPORT = 1 << 10
_PAIRS_COMPARED = 1 << 12  # at once: a row of atoms each, which all pairs would take GB for

_SEED = 42  # METASPACE's, so that the same decoys are drawn


@functools.cache
def decoy_adducts() -> tuple[str, ...]:
    """Return the implausible adducts (``+He`` …) in sampling order; source: see the data file."""
    text = (resources.files("ionbox_science") / "data" / "decoy_adducts.txt").read_text("utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return tuple(f"+{element}" for line in lines for element in line.split())


@dataclass(frozen=True)
class IonRule:
    """Which ions a molecule can form, and how its decoys are drawn.

    Attributes
    ----------
    adducts, neutral_losses, chem_mods : tuple of str
        Signed formulas; ``[M]+`` and ``[M]-`` are adducts too. Losses and modifications are
        optional for an ion: each combination, with and without, is a target.
    n_decoys : int
        Decoys per target ion.
    decoy_rule : {"per-formula", "per-target-ion"}
        Whether the target ions of one formula share one draw: see `DecoyRule`.
    """

    adducts: tuple[str, ...]
    neutral_losses: tuple[str, ...] = ()
    chem_mods: tuple[str, ...] = ()
    n_decoys: int = DEFAULTS["decoys"]
    decoy_rule: DecoyRule = "per-formula"

    def target_parts(self) -> list[tuple[str, str, str]]:
        """Return (chemical modification, neutral loss, adduct) of each target modifier, in order.

        Empty text stands for no modification and no loss.
        """
        return list(
            itertools.product(("", *self.chem_mods), ("", *self.neutral_losses), self.adducts)
        )

    def decoy_candidates(self) -> tuple[str, ...]:
        """Return those decoy adducts that are no target modifier's part, in sampling order."""
        used = {*self.adducts, *self.chem_mods, *self.neutral_losses}
        return tuple(adduct for adduct in decoy_adducts() if adduct not in used)


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
    formula_rows = np.arange(len(formulas))[:, None, None]
    pairs_formula = np.concatenate(
        [
            np.repeat(np.arange(len(formulas)), len(targets)),
            np.broadcast_to(formula_rows, decoy_modifier.shape).ravel(),
        ]
    )
    pairs_modifier = np.concatenate(
        [np.tile(np.arange(len(targets)), len(formulas)), decoy_modifier.ravel()]
    )
    with part_of_progress(0.7, 0.9):  # sorted before, as a whole, which takes as long again
        ion, ion_pair = _number_ions(table, modifiers, pairs_formula, pairs_modifier)
    n_target_pairs = len(formulas) * len(targets)
    is_target = np.zeros(len(ion_pair), bool)
    is_target[ion[:n_target_pairs][ion[:n_target_pairs] != NO_ION]] = True
    return IonTable(
        formulas=np.array(formulas, dtype=np.str_),
        modifiers=np.array(modifiers, dtype=np.str_),
        target_parts=np.array(parts, dtype=np.str_).reshape(-1, 3),
        target_ion=ion[:n_target_pairs].reshape(len(formulas), len(targets)),
        decoy_modifier=decoy_modifier,
        decoy_ion=ion[n_target_pairs:].reshape(decoy_modifier.shape),
        elements=np.array(table.elements, dtype=np.str_),
        formula_counts=table.counts,
        modifier_change=tabulate_modifiers(modifiers, table.elements)[0],
        ion_formula_index=pairs_formula[ion_pair].astype(np.int32),
        ion_modifier_index=pairs_modifier[ion_pair].astype(np.int32),
        is_target=is_target,
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


def _number_ions(
    table: ElementTable,
    modifiers: Sequence[str],
    pairs_formula: npt.NDArray[np.intp],
    pairs_modifier: npt.NDArray[np.intp],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp]]:
    """Give each distinct ion formula a number, by ascending mass.

    Returns
    -------
    ion : (n_pairs,) int32
        Ion of each (formula, modifier) pair, `NO_ION` where there is none.
    ion_pair : (n_ions,) intp
        First pair that makes each ion.

    Notes
    -----
    An ion formula is a sum of two rows of element counts, and a fingerprint linear in the counts
    is the sum of the rows' fingerprints: ions are told apart without writing any of them down.
    Pairs with equal fingerprints are compared exactly, so a collision cannot go unseen.
    """
    change, needed = tabulate_modifiers(modifiers, table.elements)
    possible = _find_possible(table.counts, change, needed)[pairs_formula, pairs_modifier]
    chosen = np.flatnonzero(possible)
    formula, modifier = pairs_formula[chosen], pairs_modifier[chosen]
    masses = np.array([element_masses()[element] for element in table.elements])
    # einsum, not matmul: BLAS may sum in another order elsewhere, and ions are sorted by this.
    # Rounded, so that the last digits decide about no ion's number.
    mass = (
        np.einsum("fe,e->f", table.counts, masses)[formula]
        + np.einsum("me,e->m", change, masses)[modifier]
    ).round(4)
    # Sums wrap around modulo 2^64 and so stay linear, negative changes included. A collision,
    # should there ever be one, is met by other weights.
    for salt in itertools.count():
        weights = np.random.default_rng(salt).integers(0, 2**64, masses.size, np.uint64)
        # multiplied per formula and per modifier; per pair, of which there are far more, only added
        fingerprint = (table.counts.astype(np.uint64) * weights).sum(axis=1)[formula] + (
            change.astype(np.uint64) * weights
        ).sum(axis=1)[modifier]
        _, first, group = np.unique(fingerprint, return_index=True, return_inverse=True)
        twin = first[group]
        again = np.flatnonzero(twin != np.arange(twin.size))
        if _same_ions(table.counts, change, formula, modifier, again, twin[again]):
            break
    # by mass; ions of equal mass in the order of their first pairs
    order = np.lexsort((first, mass[first]))
    rank = np.empty(order.size, np.int32)
    rank[order] = np.arange(order.size, dtype=np.int32)
    ion = np.full(possible.size, NO_ION, np.int32)
    ion[chosen] = rank[group]
    return ion, chosen[first[order]]


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
    formula: npt.NDArray[np.intp],
    modifier: npt.NDArray[np.intp],
    one: npt.NDArray[np.intp],
    other: npt.NDArray[np.intp],
) -> bool:
    """Return whether pairs ``one`` and ``other`` all make the same ion formulas, atom by atom."""
    for start in range(0, one.size, _PAIRS_COMPARED):
        a, b = one[start : start + _PAIRS_COMPARED], other[start : start + _PAIRS_COMPARED]
        atoms = counts[formula[a]] + change[modifier[a]]
        atoms -= counts[formula[b]]
        atoms -= change[modifier[b]]
        if atoms.any():
            return False
        report_progress(start + one[start : start + _PAIRS_COMPARED].size, one.size, "pairs")
    return True
