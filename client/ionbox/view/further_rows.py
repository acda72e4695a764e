"""Annotations that a report has no room for, put together again from the other results.

A report describes its best annotations only, so that the file stays small. The viewer shows all:
the rest are described here in the same form, from diagnostics, images and the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from ionbox_cloud.report.rows import Partner, describe_annotations
from ionbox_science.annotation.annotations import (
    Annotations,
    choose_annotations,
    collect_annotations,
    rank_targets,
)
from ionbox_science.annotation.explanations import ScoredDatabase
from ionbox_science.annotation.table import AnnotatedDatabase, name_ions
from ionbox_science.config import RunConfig
from ionbox_science.scoring.targeted import is_targeted
from ionbox_science.theory.databases import MoleculeDatabase

from ionbox.reading.annotation_frame import read_frame
from ionbox.reading.image_group import ImageGroup


@dataclass
class _Molecules:
    """What the table says of a database's molecules, by formula.

    The table joins all molecules of a formula in one cell, so here they are one molecule with a
    long name.
    """

    ids: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def database(self, name: str) -> MoleculeDatabase:
        formulas = tuple(self.ids)
        return MoleculeDatabase(
            name, tuple(self.ids.values()), tuple(self.names.values()), formulas
        )


def describe_further(
    n_known: int,
    table: bytes,
    config: RunConfig,
    scored: Mapping[str, Callable[[], ScoredDatabase]],
    images: ImageGroup,
    partners: Mapping[str, Sequence[Partner]],
) -> list[dict[str, Any]]:
    """Describe the annotations from ``n_known`` on, in the order of the table.

    Parameters
    ----------
    n_known : int
        How many annotations, from the first, are described already.
    table : bytes
        Content of ``annotations.csv``.
    config : RunConfig
        Settings of the run.
    scored : mapping of str to callable
        By name of database, what reads its diagnostics. They are read one after the other.
    images : ImageGroup
        The run's images and patterns.
    partners : mapping of str to sequence of Partner
        By name of ion, the ions colocalized with it.

    Returns
    -------
    list of dict
        As `ionbox_cloud.report.rows` describes them, but with the molecules of a formula as one.
    """
    frame = read_frame(table)
    molecules: dict[str, _Molecules] = {name: _Molecules() for name in scored}
    explained: dict[str, dict[str, str]] = {name: {} for name in scored}
    # results of versions without competition have no such column
    explained_by = frame["explainedBy"] if "explainedBy" in frame else [""] * len(frame)
    columns = (
        frame[name] for name in ("database", "formula", "ion", "moleculeIds", "moleculeNames")
    )
    for database, formula, ion, ids, names, by in zip(*columns, explained_by, strict=True):
        molecules[database].ids[formula] = ids
        molecules[database].names[formula] = names
        explained[database][ion] = by
    isomers = frame["isomeric_mols_count"].tolist()
    databases = [
        AnnotatedDatabase(
            molecules[name].database(name), _annotate(read(), config, images, explained[name])
        )
        for name, read in scored.items()
    ]
    described = describe_annotations(
        databases, config.polarity, config.ppm, images.image_of, partners
    )
    return [
        {**found, "isomers": n_isomers}
        for found, n_isomers in list(zip(described, isomers, strict=True))[n_known:]
    ]


def _annotate(
    found: ScoredDatabase, config: RunConfig, images: ImageGroup, explained: Mapping[str, str]
) -> Annotations:
    """Choose the targets of a database as the run did; their patterns lie beside the images.

    ``explained`` says by name of ion who explains it.
    """
    keep_all = is_targeted(config.targeted, len(found.table.formulas))
    ranked = rank_targets(found.table, found.scores, config.fdr_method, keep_all=keep_all)
    if config.competition:
        # of decoys nobody wrote down which are explained, but what came of it
        ranked = choose_annotations(
            found.table, found.scores, found.fdr, ranked.fdr, keep_all=keep_all
        )
    formulas = found.table.ion_formulas(found.scores.ion[ranked.score_row])
    place = {formula: row for row, formula in enumerate(images.ion_formula)}
    rows = np.array([place[formula] for formula in formulas], np.int64)
    mz, abundance = images.mz[rows], images.abundance[rows]
    annotations = collect_annotations(found.table, found.scores, ranked, mz, abundance)
    names = name_ions(annotations, config.polarity)
    return replace(annotations, explained_by=np.array([explained[ion] for ion in names], np.str_))
