"""``annotations.csv``: METASPACE's export columns, the database, and what competition made of it.

In: the annotations of each database and its molecules. Out: the bytes of the table, and the same
rows' order and names for whoever shows them (images, report, exports). ``PublishResults`` in a run.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ionbox_science import __version__
from ionbox_science.annotation.annotations import Annotations, count_isobars, count_isomers
from ionbox_science.csv_cells import guard_cell
from ionbox_science.scoring.scores import mass_error_ppm
from ionbox_science.setting_table import Polarity
from ionbox_science.theory.databases import MoleculeDatabase
from ionbox_science.theory.formulas import NO_FORMULA_CHANGE
from ionbox_science.theory.ion_rule import IonRule

COLUMNS = (
    "group",
    "datasetName",
    "datasetId",
    "formula",
    "adduct",
    "chemMod",
    "neutralLoss",
    "ion",
    "mz",
    "massError",
    "msm",
    "fdr",
    "rhoSpatial",
    "rhoSpectral",
    "rhoChaos",
    "moleculeNames",
    "moleculeIds",
    "minIntensity",
    "maxIntensity",
    "totalIntensity",
    "isomeric_mols_count",
    "isomeric_ions_count",
    "isobaric_ions_count",
    "database",
    "explainedBy",
    "fdrAlone",
)


@dataclass(frozen=True)
class AnnotatedDatabase:
    """A database, and the annotations made with it."""

    molecules: MoleculeDatabase
    annotations: Annotations


def write_annotations(
    dataset_name: str,
    dataset_id: str,
    polarity: Polarity,
    ppm: float,
    databases: Sequence[AnnotatedDatabase],
) -> bytes:
    """Write the table of annotations.

    Parameters
    ----------
    dataset_name, dataset_id : str
        Name for people and hash of the content.
    polarity : {"positive", "negative"}
        Sign of the ions.
    ppm : float
        Half width of an m/z window in parts per million, by which isobars are counted.
    databases : sequence of AnnotatedDatabase
        The annotations of all are in one table.

    Returns
    -------
    bytes
        CSV, UTF-8, one comment line with the software's version. Sorted by FDR, then falling MSM,
        then names, so that equal results make equal bytes. m/z has 6 decimals, other numbers 6
        significant digits. Names that a spreadsheet would take for a formula are guarded, see
        `csv_cells`.
    """
    rows = [list(_rows(dataset_name, dataset_id, polarity, ppm, each)) for each in databases]
    text = io.StringIO()
    text.write(f"# ionbox {__version__}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows[database][row] for database, row in order_annotations(databases))
    return text.getvalue().encode()


def order_annotations(databases: Sequence[AnnotatedDatabase]) -> list[tuple[int, int]]:
    """Return (database, row) of all annotations in the order of the table.

    By FDR, then falling MSM, then the names of database, formula, modification, loss and adduct.
    """
    keys = [
        (fdr, -msm, each.molecules.name, *parts, index, row)
        for index, each in enumerate(databases)
        for row, (fdr, msm, *parts) in enumerate(
            zip(
                *(
                    getattr(each.annotations, name).tolist()
                    for name in ("fdr", "msm", "formula", "chem_mod", "neutral_loss", "adduct")
                ),
                strict=True,
            )
        )
    ]
    # the last two of a key are the answer, and keep equal rows in their order
    return [(key[-2], key[-1]) for key in sorted(keys)]


def name_ions(table: Annotations, polarity: Polarity) -> list[str]:
    """Return the names of annotated ions as in the column ``ion``."""
    sign = "+" if polarity == "positive" else "-"
    parts = (table.formula, table.chem_mod, table.neutral_loss, table.adduct)
    rows = zip(*(column.tolist() for column in parts), strict=True)
    return [format_ion(formula, mod, loss, adduct, sign) for formula, mod, loss, adduct in rows]


def format_ion(formula: str, chem_mod: str, neutral_loss: str, adduct: str, sign: str) -> str:
    """Write an ion as METASPACE does: formula, modifiers, sign of the charge."""
    written = "" if adduct in NO_FORMULA_CHANGE else adduct
    return f"{formula}{chem_mod}{neutral_loss}{written}{sign}"


def name_adduct(adduct: str) -> str:
    """Write an adduct as METASPACE's export does: ``M+H``, ``[M]+``."""
    return adduct if adduct in NO_FORMULA_CHANGE else f"M{adduct}"


def _rows(
    dataset_name: str,
    dataset_id: str,
    polarity: Polarity,
    ppm: float,
    database: AnnotatedDatabase,
) -> Iterator[list[str]]:
    """Yield the cells of each annotation."""
    table, molecules = database.annotations, database.molecules
    sign = "+" if polarity == "positive" else "-"
    names, ids = molecules_by_formula(molecules)
    isomeric_ions = count_isomers(table.ion_formula).tolist()
    isomeric_mols = count_isomeric_molecules(table, ids)
    isobaric_ions = count_isobars(table.ion_formula, table.pattern_mz, ppm).tolist()
    mz = table.pattern_mz[:, 0]
    mass_error = mass_error_ppm(table.mz_error_abs, mz)
    for i, (formula, chem_mod, loss, adduct) in enumerate(
        zip(
            table.formula.tolist(),
            table.chem_mod.tolist(),
            table.neutral_loss.tolist(),
            table.adduct.tolist(),
            strict=True,
        )
    ):
        numbers = (
            mass_error[i],
            table.msm[i],
            table.fdr[i],
            table.spatial[i],
            table.spectral[i],
            table.chaos[i],
        )
        intensities = (
            table.min_intensity[i, 0],
            table.max_intensity[i, 0],
            table.total_intensity[i, 0],
        )
        yield [
            "",
            guard_cell(dataset_name),
            dataset_id,
            formula,
            name_adduct(adduct),
            chem_mod,
            loss,
            format_ion(formula, chem_mod, loss, adduct, sign),
            f"{mz[i]:.6f}",
            *(f"{number:.6g}" for number in numbers),
            guard_cell(", ".join(names[formula])),
            guard_cell(", ".join(ids[formula])),
            *(f"{intensity:.6g}" for intensity in intensities),
            str(isomeric_mols[i]),
            str(isomeric_ions[i]),
            str(isobaric_ions[i]),
            guard_cell(molecules.name),
            str(table.explained_by[i]),
            f"{table.fdr_alone[i]:.6g}",
        ]


def molecules_by_formula(
    molecules: MoleculeDatabase,
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the names and the ids of each formula's molecules, sorted by id."""
    names: dict[str, list[str]] = {}
    ids: dict[str, list[str]] = {}
    rows = zip(molecules.ids, molecules.names, molecules.formulas, strict=True)
    for molecule_id, name, formula in sorted(set(rows)):
        names.setdefault(formula, []).append(name)
        ids.setdefault(formula, []).append(molecule_id)
    return names, ids


def count_isomeric_molecules(table: Annotations, ids: dict[str, list[str]]) -> list[int]:
    """Count the other molecules that could be behind each annotated ion.

    These are all molecules of annotations with its ion formula, less one. Each counts once, however
    many of its ions share that formula.
    """
    of_ion: dict[str, set[str]] = {}
    pairs = list(zip(table.ion_formula.tolist(), table.formula.tolist(), strict=True))
    for ion_formula, formula in pairs:
        of_ion.setdefault(ion_formula, set()).update(ids[formula])
    return [len(of_ion[ion_formula]) - 1 for ion_formula, _ in pairs]


def summarise(
    databases: Sequence[AnnotatedDatabase], rule: IonRule, levels: Sequence[float]
) -> list[dict[str, object]]:
    """Count annotations per database and kind of ion at each FDR level, cumulatively.

    Parameters
    ----------
    databases : sequence of AnnotatedDatabase
        The annotations.
    rule : IonRule
        Which kinds of ion were looked for: those without annotations get a row too.
    levels : sequence of float
        FDR levels.

    Returns
    -------
    list of dict
        Per database and kind, the keys ``database``, ``ion`` (such as ``M+H``) and ``counts``:
        annotations by level, as text, and ``all``.
    """
    summary: list[dict[str, object]] = []
    for database in databases:
        table = database.annotations
        columns = (table.chem_mod.tolist(), table.neutral_loss.tolist(), table.adduct.tolist())
        found = list(zip(*columns, strict=True))
        for parts in rule.target_parts():
            fdr = table.fdr[[row == parts for row in found]]
            counts = {f"{level:g}": int(np.count_nonzero(fdr <= level)) for level in levels}
            summary.append(
                {
                    "database": database.molecules.name,
                    "ion": _name_kind(*parts),
                    "counts": {**counts, "all": len(fdr)},
                }
            )
    return summary


def _name_kind(chem_mod: str, neutral_loss: str, adduct: str) -> str:
    """Write a kind of ion: ``M-H2O+H``, ``[M-H2O]+``."""
    if adduct in NO_FORMULA_CHANGE:
        return f"[M{chem_mod}{neutral_loss}]{adduct[-1]}"
    return f"M{chem_mod}{neutral_loss}{adduct}"
