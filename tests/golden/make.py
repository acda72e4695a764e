"""Make the expected values again: ``.venv/bin/python -m tests.golden.make``.

Patterns and decoys are excerpts of what METASPACE's engine wrote and need the reference data;
the expected annotations come from `oracles.obvious` and need nothing. ``small_values.json`` is
written by hand.
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from tests.golden.planted import ADDUCTS, FORMULAS, GOLDEN, N_DECOYS, SIGMA, read_planted
from tests.oracles import engine, obvious

REFERENCE = GOLDEN.parents[2] / "shared" / "reference"
COMMAND = ".venv/bin/python -m tests.golden.make"
ENGINE = "METASPACE engine, revision fd965c1, on cpyMSpec"


def _write(name: str, origin: str, table: pd.DataFrame) -> None:
    text = table.to_csv(index=False, lineterminator="\n")
    (GOLDEN / name).write_text(f"# {origin}\n# {COMMAND}\n{text}", encoding="utf-8")


def _make_planted() -> None:
    """Plant half of the targets, and some of the decoys that each method draws."""
    shared = obvious.draw_decoys(len(FORMULAS), ADDUCTS, N_DECOYS)
    single = obvious.draw_decoys(len(FORMULAS) * len(ADDUCTS), ADDUCTS, N_DECOYS)
    ions = [(f, ADDUCTS[i % 3]) for i, f in enumerate(FORMULAS)]
    ions += [(f, ADDUCTS[(i + 1) % 3]) for i, f in enumerate(FORMULAS) if i % 4 != 3]
    for i in (0, 2, 4, 7, 9):
        ions += [(FORMULAS[i], decoy) for decoy in shared[i][: 1 + i % 3]]
        ions += [(FORMULAS[i], decoy) for decoy in single[3 * i + i % 3][: 1 + i % 3]]
    rows = []
    for i, (formula, modifier) in enumerate(ions):
        pattern = obvious.generate_pattern(str(obvious.build_ion_formula(formula, modifier)), SIGMA)
        row = {"formula": formula, "modifier": modifier}
        row |= {f"mz_{k}": f"{mz:.5f}" for k, (mz, _) in enumerate(pattern)}
        row |= {f"abundance_{k}": f"{share:.3f}" for k, (_, share) in enumerate(pattern)}
        row |= {"y": str(3 + i * 5 % 11), "x": str(3 + i * 7 % 15), "radius": str(2 + i % 5)}
        rows.append({**row, "noise": f"{0.1 + 0.2 * (i * 3 % 10):.2f}"})
    origin = "a made-up dataset: ions (Orbitrap, sigma 0.000619) and where their hills stand"
    _write("planted_ions.csv", origin, pd.DataFrame(rows))


def _make_expected() -> None:
    data = read_planted()
    tables = []
    for method in ("metaspace-v1", "metaspace-v3"):
        table = obvious.annotate(
            data.peaks, data.grid.mask, FORMULAS, ADDUCTS, SIGMA, method, n_decoys=N_DECOYS
        )
        table.insert(0, "method", method)
        tables.append(table)
    origin = "planted_ions.csv annotated by oracles/obvious.py (scipy 1.17.1, pandas 3.1.1)"
    _write("expected_annotations.csv", origin, pd.concat(tables).round(9))


def _make_patterns(run: str, version: str, name: str) -> None:
    ion_formulas, mz, intensity = engine.read_patterns(REFERENCE, run)
    some = np.linspace(0, len(ion_formulas) - 1, 40).astype(int)
    table = pd.DataFrame({"ion_formula": [ion_formulas[i] for i in some]})
    for k in range(4):
        table[f"mz_{k}"] = mz[some, k]
    for k in range(4):
        table[f"intensity_{k}"] = intensity[some, k]
    _write(name, f"{ENGINE} {version}; Orbitrap, sigma 0.000619, charge +1", table)


def _make_decoys() -> None:
    draws = {}
    for rule, run in (("per-target-ion", "v1_edge_2k"), ("per-formula", "v3_edge_2k")):
        table = engine.read_table(REFERENCE, run, "decoy_assignment.csv.gz").head(2 * 3 * 20)
        names = table["dm"].to_numpy().reshape(2, 3, 20).tolist()
        draws[rule] = [[" ".join(draw) for draw in formula] for formula in names]
    what = "decoys of the first two formulas of a database, adducts +H +Na +K"
    value = {
        "origin": f"{ENGINE} 0.4.2: {what}",
        "command": COMMAND,
        "draws": draws,
    }
    (GOLDEN / "decoys.json").write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if REFERENCE.is_dir():
        _make_patterns("v3_edge_2k", "0.4.2", "isotope_patterns.csv")
        _make_patterns("v1_edge_db5", "0.3.5", "isotope_patterns_v1.csv")
        _make_decoys()
    _make_planted()
    _make_expected()
