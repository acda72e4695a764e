"""What a user drops: a small simulated dataset and databases of its molecules."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random

from ionbox.simulation.simulate import simulate_dataset


@cache
def lipid_like_formulas(first_carbon: int, last_carbon: int) -> tuple[str, ...]:
    """Twelve plausible formulas per number of carbons, sorted."""
    return tuple(
        sorted(
            f"C{carbons}H{2 * (carbons - bonds)}O{oxygens}"
            for carbons in range(first_carbon, last_carbon + 1)
            for bonds in range(3)
            for oxygens in (2, 3, 4, 6)
        )
    )


def simulate(
    path: Path,
    formulas: Sequence[str],
    *,
    width: int = 8,
    height: int = 6,
    n_ions: int = 8,
    n_noise_peaks: int = 20,
    profile: bool = False,
) -> Path:
    """Write a dataset and its ibd; without the sidecar, so that tests say the config."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = simulate_dataset(
        path,
        width=width,
        height=height,
        n_ions=n_ions,
        n_noise_peaks=n_noise_peaks,
        seed=1,
        formulas=formulas,
        profile=profile,
    )
    written.config_path.unlink()
    return path


def database_table(formulas: Sequence[str], *, shuffled: bool = False) -> bytes:
    """A molecule table; every third formula has two molecules."""
    rows = [f"M{row:03}\tmolecule {row}\t{formula}" for row, formula in enumerate(formulas)]
    rows += [f"N{row:03}\tisomer {row}\t{formulas[row]}" for row in range(0, len(formulas), 3)]
    if shuffled:
        Random(1).shuffle(rows)
    return "\n".join(["id\tname\tformula", *rows, ""]).encode()
