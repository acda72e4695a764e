"""Annotations as the page shows them: one plain mapping (JSON object) each.

The names of the fields are those that ``page/js`` reads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ionbox_science.annotation.annotations import find_isobars
from ionbox_science.annotation.table import (
    AnnotatedDatabase,
    count_isomeric_molecules,
    molecules_by_formula,
    name_adduct,
    name_ions,
    order_annotations,
)
from ionbox_science.scoring.scores import mass_error_ppm
from ionbox_science.setting_table import Polarity

Row = dict[str, Any]

MAX_PARTNERS = 20
"""Colocalized ions of a row. A hundred are known, but they would be nine tenths of the table, which
has to leave room for images."""


@dataclass(frozen=True)
class Partner:
    """An ion whose image looks alike: its name, and the cosine of the two images, up to 1."""

    ion: str
    coefficient: float


def describe_annotations(
    databases: Sequence[AnnotatedDatabase],
    polarity: Polarity,
    ppm: float,
    image_of: Mapping[str, int],
    partners: Mapping[str, Sequence[Partner]],
) -> Iterator[Row]:
    """Yield the annotations in the order of ``annotations.csv``.

    Parameters
    ----------
    databases : sequence of AnnotatedDatabase
        Databases with their annotations, in the order of the plan.
    polarity : {"positive", "negative"}
        Sign of the ions.
    ppm : float
        Half width of an m/z window, for isobars.
    image_of : mapping of str to int
        Row of the image array of each ion, by its name.
    partners : mapping of str to sequence of Partner
        Colocalized ions of each ion, by names, the most similar first; `MAX_PARTNERS` are kept.
    """
    described = [_Described.of(each, polarity, ppm) for each in databases]
    for database, row in order_annotations(databases):
        name = described[database].ions[row]
        found = {"image": image_of.get(name, -1), "partners": []}
        if name in partners:
            found["partners"] = [
                {"ion": each.ion, "coefficient": _short(each.coefficient)}
                for each in partners[name][:MAX_PARTNERS]
            ]
        yield described[database].row(row) | found


@dataclass(frozen=True)
class _Described:
    """A database, and what its rows share, worked out once.

    Attributes
    ----------
    database : AnnotatedDatabase
        Its molecules and annotations.
    ions, isomers
        By row: name of the ion, and number of other molecules it could be.
    molecules
        By formula: ids and names of the database's molecules.
    isomer_ions
        By ion formula: rows that have it.
    isobars
        By row: rows of other ion formulas whose windows overlap with its own.
    """

    database: AnnotatedDatabase
    ions: list[str]
    molecules: dict[str, list[dict[str, str]]]
    isomers: list[int]
    isomer_ions: dict[str, list[int]]
    isobars: dict[int, list[int]]

    @classmethod
    def of(cls, database: AnnotatedDatabase, polarity: Polarity, ppm: float) -> _Described:
        table = database.annotations
        names, ids = molecules_by_formula(database.molecules)
        isobars: dict[int, list[int]] = {}
        pairs = find_isobars(table.ion_formula, table.pattern_mz, ppm)
        for one, other in zip(*(side.tolist() for side in pairs), strict=True):
            isobars.setdefault(one, []).append(other)
        alike: dict[str, list[int]] = {}
        for row, formula in enumerate(table.ion_formula.tolist()):
            alike.setdefault(formula, []).append(row)
        return cls(
            database,
            name_ions(table, polarity),
            {
                formula: [
                    {"id": molecule, "name": name}
                    for molecule, name in zip(ids[formula], names[formula], strict=True)
                ]
                for formula in set(table.formula.tolist())
            },
            count_isomeric_molecules(table, ids),
            alike,
            isobars,
        )

    def row(self, row: int) -> Row:
        """Return a row of the annotations as the page reads it, without image and partners."""
        table = self.database.annotations
        mz = float(table.pattern_mz[row, 0])
        formula = str(table.formula[row])
        alike = self.isomer_ions[str(table.ion_formula[row])]
        isobars = self.isobars.get(row, [])
        return {
            "ion": self.ions[row],
            "formula": formula,
            "adduct": name_adduct(str(table.adduct[row])),
            "neutralLoss": str(table.neutral_loss[row]),
            "chemMod": str(table.chem_mod[row]),
            "mz": round(mz, 6),
            "massError": _short(mass_error_ppm(table.mz_error_abs[row], mz)),
            "msm": _short(table.msm[row]),
            "fdr": _short(table.fdr[row]),
            "fdrAlone": _short(table.fdr_alone[row]),
            "explainedBy": str(table.explained_by[row]),
            "rhoSpatial": _short(table.spatial[row]),
            "rhoSpectral": _short(table.spectral[row]),
            "rhoChaos": _short(table.chaos[row]),
            "molecules": self.molecules[formula],
            "minIntensity": _short(table.min_intensity[row, 0]),
            "maxIntensity": _short(table.max_intensity[row, 0]),
            "totalIntensity": _short(table.total_intensity[row, 0]),
            "isomers": self.isomers[row],
            "isomerIons": [self.ions[other] for other in alike if other != row],
            "isobars": len(isobars),
            "isobarIons": [self.ions[other] for other in isobars],
            "database": self.database.molecules.name,
            "patternMz": [round(value, 6) for value in table.pattern_mz[row].tolist()],
            "abundance": [_short(value) for value in table.pattern_intensity[row]],
            "observed": [_short(value) for value in table.total_intensity[row]],
            "observedMz": [round(value, 6) for value in table.mz_mean[row].tolist()],
        }


def _short(value: float) -> float | None:
    """Keep 6 significant digits; JSON knows no infinity."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
