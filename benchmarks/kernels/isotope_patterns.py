"""Isotope patterns, against a plain loop over cpyMSpec.

How much there is to save depends on analyzer and resolving power: the finer the grid, the more
samples cpyMSpec computes between peaks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from ionbox_science.setting_table import REFERENCE_MZ
from ionbox_science.theory.formulas import build_ion_formula
from ionbox_science.theory.ion_rule import decoy_adducts
from ionbox_science.theory.isotope_model import ANALYZERS, FWHM_PER_SIGMA, IsotopeModel
from ionbox_science.theory.isotope_patterns import generate_patterns

from benchmarks.formulas import hmdb_formulas
from benchmarks.kernels import Contender, Contenders
from benchmarks.yardsticks import loop_patterns

TITLE = "isotope patterns"
GOALS = {"cpyMSpec, plain loop": 15.0}

_TARGET_ADDUCTS = ("+H", "+Na", "+K")


def cases(*, tiny: bool) -> Iterator[tuple[str, Contenders]]:
    """Yield three analyzers at two resolving powers; cpyMSpec takes only the first ions."""
    n_ions, n_first = (200, 50) if tiny else (50_000, 1500)
    ions = _draw_ions(n_ions)
    for analyzer in ANALYZERS:
        for resolving_power in (68_600, 161_000):
            sigma = REFERENCE_MZ / resolving_power / FWHM_PER_SIGMA
            model = IsotopeModel(analyzer, sigma)
            yield f"{analyzer}, R {resolving_power:,}", _contenders(ions, n_first, model)


def _contenders(ions: Sequence[str], n_first: int, model: IsotopeModel) -> Contenders:
    return {
        "ionbox": Contender(lambda: generate_patterns(ions, model)),
        "cpyMSpec, plain loop": Contender(
            lambda: loop_patterns(ions[:n_first], model), n_first / len(ions)
        ),
    }


def _draw_ions(n_ions: int) -> list[str]:
    """Draw formulas of the database with adducts of targets and decoys; return ion formulas."""
    random = np.random.default_rng(1)
    formulas = random.choice(hmdb_formulas()[0], n_ions)
    adducts = random.choice([*_TARGET_ADDUCTS, *decoy_adducts()], n_ions)
    return [
        build_ion_formula(*pair) for pair in zip(formulas.tolist(), adducts.tolist(), strict=True)
    ]
