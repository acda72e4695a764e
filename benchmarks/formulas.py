"""The molecules that benchmarks look for: HMDB's, or as many that are made up to cost the same.

HMDB is not ours to hand on. `like_hmdb` draws as many formulas, whose sizes and elements are
distributed about as HMDB's are: a loop over their isotope patterns takes the same to within a few
percent, and so do runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ionbox_science.theory.databases import parse_database
from ionbox_science.theory.lipids import enumerate_lipids

REFERENCE = Path(__file__).parents[2] / "shared" / "reference"
"""Data that METASPACE's engine was measured with, where it lies beside the checkout; it is not part
of it, and nothing here needs it."""

_HMDB = REFERENCE / "databases" / "hmdb_formulas.tsv"
_N_HMDB = 11_592
_SEED = 7
_WITH_OXYGEN = 0.95
_ORDER = ["C", "H", "Br", "Cl", "N", "O", "P", "S"]  # Hill's, as HMDB writes formulas


@dataclass(frozen=True)
class _Molecules:
    """Molecules of about the same size.

    Attributes
    ----------
    share : float
        How many of all.
    carbons : (int, int)
        Fewest C, and one more than the most.
    saturation, oxygens : (float, float, float)
        H per C, and O: low, usual, high.
    nitrogens : tuple of float
        How many have 0, 1, 2 … N.
    phosphorus, sulfur, chlorine : float
        How many have P, S, Cl, of those that have few N.
    """

    share: float
    carbons: tuple[int, int]
    saturation: tuple[float, float, float]
    oxygens: tuple[float, float, float]
    nitrogens: tuple[float, ...]
    phosphorus: float
    sulfur: float
    chlorine: float


# Shares and ranges as they are found in the formulas of HMDB 4, rounded.
_KINDS = (
    _Molecules(0.145, (1, 10), (0.7, 1.7, 3), (0, 2, 9), (43, 26, 15, 9, 4, 3), 0.1, 0.27, 0.08),
    _Molecules(0.28, (10, 20), (0.7, 1.2, 2), (0, 3, 12), (41, 21, 16, 10, 5, 7), 0.05, 0.19, 0.09),
    _Molecules(0.22, (20, 30), (0.8, 1.2, 2), (0, 6, 18), (58, 17, 8, 6, 3, 8), 0.08, 0.14, 0.09),
    _Molecules(0.12, (30, 40), (0.8, 1.5, 2), (1, 8, 22), (65, 14, 6, 3, 4, 8), 0.18, 0.1, 0.08),
    _Molecules(0.17, (40, 60), (0.9, 1.7, 2), (2, 9, 28), (59, 25, 4, 3, 1, 8), 0.38, 0.08, 0.05),
    _Molecules(0.05, (60, 80), (1.4, 1.8, 1.95), (5, 14, 40), (70, 2, 11, 10, 2, 5), 0.16, 0.02, 0),
    _Molecules(0.025, (80, 120), (1.5, 1.7, 1.95), (15, 30, 58), (43, 1, 8, 15, 33), 0.4, 0.01, 0),
)


def hmdb_formulas() -> tuple[list[str], str]:
    """Return the formulas of HMDB, or as many like them where that is missing, and whose."""
    if _HMDB.is_file():
        return list(parse_database(_HMDB.read_bytes(), "hmdb").unique_formulas()), "HMDB"
    return like_hmdb(), "made up like HMDB's, which are not at hand"


def lipid_formulas() -> list[str]:
    """Return the formulas of the built-in lipids, each once."""
    return list(dict.fromkeys(lipid.formula for lipid in enumerate_lipids()))


def like_hmdb(n_formulas: int = _N_HMDB, seed: int = _SEED) -> list[str]:
    """Draw different formulas, sizes and elements about as in HMDB; return them sorted."""
    random = np.random.default_rng(seed)
    wanted = np.cumsum([kind.share for kind in _KINDS])
    found: set[str] = set()
    for kind, until in zip(_KINDS, wanted / wanted[-1], strict=True):
        # as many of each kind: small ones, of which there are few, are drawn again and again
        while len(found) < round(until * n_formulas):
            found.add(_draw(random, kind))
    return sorted(found)


def _draw(random: np.random.Generator, kind: _Molecules) -> str:
    """Draw one formula whose atoms can be bound to each other."""
    weights = np.array(kind.nitrogens) / sum(kind.nitrogens)
    n_carbon = int(random.integers(*kind.carbons))
    atoms = {
        "C": n_carbon,
        "N": int(random.choice(len(weights), p=weights)),
        "O": int(random.random() < _WITH_OXYGEN) * round(random.triangular(*kind.oxygens)),
        "P": int(random.random() < kind.phosphorus) * int(random.choice([1, 2], p=[0.6, 0.4])),
        "S": int(random.random() < kind.sulfur) * int(random.choice([1, 2], p=[0.8, 0.2])),
        "Cl": int(random.random() < kind.chlorine) * int(random.integers(1, 4)),
        "Br": int(random.random() < kind.chlorine / 10),
    }
    n_hydrogen = max(1, round(n_carbon * random.triangular(*kind.saturation)))
    n_odd = sum(atoms[element] for element in ("N", "P", "Cl", "Br"))
    atoms["H"] = n_hydrogen + (n_hydrogen + n_odd) % 2  # every valence is even in all
    return "".join(
        f"{element}{n if n > 1 else ''}" for element in _ORDER if (n := atoms.get(element, 0))
    )
