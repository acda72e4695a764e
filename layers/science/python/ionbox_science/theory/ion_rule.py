"""Which ions molecules can form, and how their decoys are drawn: a part of a run's config.

Nothing here needs numpy: who reads a config does not wait for it.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from importlib import resources
from typing import Literal

from ionbox_science.setting_table import DEFAULTS, DecoyKind

DecoyRule = Literal["per-formula", "per-target-ion"]
"""``per-formula``: one draw shared by all target ions of a formula (FDR method metaspace-v3);
``per-target-ion``: a draw for each (metaspace-v1)."""


@functools.cache
def decoy_adducts() -> tuple[str, ...]:
    """Return the implausible adducts (``+He`` …) in sampling order; source: see the data file."""
    return tuple(f"+{element}" for element in _read_words("decoy_adducts.txt"))


@functools.cache
def matched_additions() -> tuple[str, ...]:
    """Return what matched decoys add to a molecule, in sampling order: see the data file."""
    return _read_words("matched_decoys.txt")


def _read_words(name: str) -> tuple[str, ...]:
    text = (resources.files("ionbox_science") / "data" / name).read_text("utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return tuple(word for line in lines for word in line.split())


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
    decoy_kind : {"metals", "matched"}
        Adducts that cannot be, METASPACE's; or additions of organic formulas, which are as heavy as
        organic ions are: where many molecules are measured that are in no database, their peaks
        lie in the windows of these as often as in those of wrong formulas. Those that are targets
        are left out.
    carrier : str
        What makes ions of matched decoys, a signed formula.
    """

    adducts: tuple[str, ...]
    neutral_losses: tuple[str, ...] = ()
    chem_mods: tuple[str, ...] = ()
    n_decoys: int = DEFAULTS["decoys"]
    decoy_rule: DecoyRule = "per-formula"
    decoy_kind: DecoyKind = "metals"
    carrier: str = "+H"

    def target_parts(self) -> list[tuple[str, str, str]]:
        """Return (chemical modification, neutral loss, adduct) of each target modifier, in order.

        Empty text stands for no modification and no loss.
        """
        return list(
            itertools.product(("", *self.chem_mods), ("", *self.neutral_losses), self.adducts)
        )

    def decoy_candidates(self) -> tuple[str, ...]:
        """Return those decoy modifiers that are no target modifier's part, in sampling order."""
        if self.decoy_kind == "matched":
            return tuple(f"+{addition}{self.carrier}" for addition in matched_additions())
        used = {*self.adducts, *self.chem_mods, *self.neutral_losses}
        return tuple(adduct for adduct in decoy_adducts() if adduct not in used)


def count_pairs(rule: IonRule) -> int:
    """Return how many targets and decoys a formula has, if it can form all of them."""
    n_decoys = min(rule.n_decoys, len(rule.decoy_candidates()))
    return len(rule.target_parts()) * (1 + n_decoys)


def count_modifiers(rule: IonRule) -> int:
    """Return how many different modifiers a formula gets, at most: a bound of its ions."""
    n_targets, n_candidates = len(rule.target_parts()), len(rule.decoy_candidates())
    n_prefixes = n_targets // len(rule.adducts)
    n_draws = 1 if rule.decoy_rule == "per-formula" else len(rule.adducts)
    return n_targets + n_prefixes * min(n_draws * rule.n_decoys, n_candidates)
