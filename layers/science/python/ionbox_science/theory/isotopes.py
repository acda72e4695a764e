"""Isotopes of the elements, as the kernels take them: symbols, masses, natural abundances.

Read once from ``data/isotopes.tsv``, which names its source; used by `compositions`, for the order
of elements, and by `isotope_patterns`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources

import numpy as np
import numpy.typing as npt

from ionbox_science.theory.formulas import ISOTOPE_LABELS, element_masses


@dataclass(frozen=True)
class Isotopes:
    """Isotopes of all elements.

    Attributes
    ----------
    symbols : bytes
        Two characters each, padded with a zero byte: elements in ascending order, then isotope
        labels.
    n_elements : int
        How many of the symbols are elements.
    label_masses : (n_labels,) float64
        Masses of the labels in Da.
    starts : (n_elements + 1,) int32
        Where each element's isotopes begin in the two columns below, and at last their length.
    masses : (n_isotopes,) float64
        Masses in Da.
    abundances : (n_isotopes,) float64
        Shares of the natural element, 0 to 1.
    """

    symbols: bytes
    n_elements: int
    label_masses: npt.NDArray[np.float64]
    starts: npt.NDArray[np.int32]
    masses: npt.NDArray[np.float64]
    abundances: npt.NDArray[np.float64]


@functools.cache
def read_isotopes() -> Isotopes:
    """Return the isotopes of ``data/isotopes.tsv``."""
    text = (resources.files("ionbox_science") / "data" / "isotopes.tsv").read_text("utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")][1:]
    # cpyMSpec sums elements in the order of their symbols, and sums depend on order in the last
    # bits
    rows.sort(key=lambda row: row[0])
    symbols = sorted({symbol for symbol, _, _ in rows})
    n_isotopes = [sum(row[0] == symbol for row in rows) for symbol in symbols]
    return Isotopes(
        symbols=b"".join(s.encode().ljust(2, b"\0") for s in (*symbols, *ISOTOPE_LABELS)),
        n_elements=len(symbols),
        label_masses=np.array([element_masses()[label] for label in ISOTOPE_LABELS]),
        starts=np.concatenate(([0], np.cumsum(n_isotopes))).astype(np.int32),
        masses=np.array([float(mass) for _, mass, _ in rows]),
        abundances=np.array([float(abundance) for _, _, abundance in rows]),
    )
