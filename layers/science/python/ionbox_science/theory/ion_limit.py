"""How many ions a run may look for: known from counts, before any of them is written down.

Losses, modifications and adducts multiply, and so do formulas and decoys: a few dozen of each are
billions of ions. PlanRun and ``ionbox check`` ask here, before anything is computed.
"""

from __future__ import annotations

from collections.abc import Iterable

from ionbox_science.errors import InvalidConfig
from ionbox_science.theory.databases import MoleculeDatabase
from ionbox_science.theory.ion_rule import IonRule, count_pairs

MOST_IONS = 20_000_000
"""Targets and decoys of a run, as counted here: the same ion may count several times. `build_ions`
takes 25 bytes for each, measured, and a microsecond at most. HMDB with three adducts, five losses
and two modifications has 13 million."""


def check_ion_count(databases: Iterable[MoleculeDatabase], rule: IonRule) -> None:
    """Refuse settings and databases that together make too many ions.

    Parameters
    ----------
    databases : iterable of MoleculeDatabase
        All of the run; what two of them share counts twice.
    rule : IonRule
        What ions each of their formulas makes.

    Raises
    ------
    InvalidConfig
        If they are more than `MOST_IONS`; the message names the factors.
    """
    n_formulas = sum(len(database.unique_formulas()) for database in databases)
    n_chem_mods, n_losses = len(rule.chem_mods) + 1, len(rule.neutral_losses) + 1
    n_modifiers = n_chem_mods * n_losses * len(rule.adducts)
    n_decoys = min(rule.n_decoys, len(rule.decoy_candidates()))
    n_ions = n_formulas * count_pairs(rule)
    if n_ions > MOST_IONS:
        raise InvalidConfig(
            f"{n_formulas:,} formulas x {n_modifiers:,} modifiers x {1 + n_decoys} (the target and "
            f"{n_decoys} decoys) are {n_ions:,} ions, and a run may have {MOST_IONS:,}; the "
            f"modifiers are {n_chem_mods} chemical modifications x {n_losses} neutral losses, none "
            f"being one of each, x {len(rule.adducts)} adducts: give fewer of them, fewer decoys, "
            "or a smaller database"
        )
