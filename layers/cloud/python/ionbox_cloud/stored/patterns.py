"""Ions and their isotope patterns as objects: chunks of ions in order of mass.

BuildIons writes the ions, GenerateIsotopePatterns the chunks; PlanAnnotation reads summaries,
AnnotateSegments and EstimateFdr patterns. They depend on formulas and settings and not on the
dataset, so all runs with these share them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from ionbox_science.scoring.scores import Patterns
from ionbox_science.theory.ions import IonTable

from ionbox_cloud import keys
from ionbox_cloud.json_record import JsonRecord
from ionbox_cloud.planning.work_items import IONS_PER_CHUNK
from ionbox_cloud.storage.array_bytes import Arrays
from ionbox_cloud.store import Store

_ARRAYS = ("mz", "intensity", "is_target")


@dataclass(frozen=True)
class IonCount(JsonRecord):
    """Says that the ions of a database are there, and how many."""

    n_ions: int


@dataclass(frozen=True)
class ChunkSummary(JsonRecord):
    """Says that a chunk is complete, and which m/z its patterns span.

    Attributes
    ----------
    start, stop : int
        Ions of the chunk, without ``stop``.
    mz_min, mz_max : float
        Lowest and highest theoretical m/z; both 0 if it has no patterns.
    """

    start: int
    stop: int
    mz_min: float
    mz_max: float


def write_ions(work: Store, patterns_id: str, table: IonTable) -> None:
    """Write the ions of a database, then their number, which says that they are there."""
    work.write_arrays(keys.ions(patterns_id), table.to_arrays())
    work.write_sealed(keys.ion_count(patterns_id), IonCount(table.n_ions).to_json())


def read_ions(work: Store, patterns_id: str) -> IonTable:
    """Read the ions of a database: 20 bytes per ion.

    Raises
    ------
    MissingObject
        If they are not written.
    """
    return IonTable.from_arrays(work.read_arrays(keys.ions(patterns_id)))


def count_ions(work: Store, patterns_id: str) -> int:
    """Return the number of ions of a database, without reading them.

    Raises
    ------
    MissingObject
        If they are not written.
    """
    return IonCount.from_json(work.read_sealed(keys.ion_count(patterns_id))).n_ions


def write_chunk(
    work: Store,
    patterns_id: str,
    chunk: int,
    start: int,
    mz: npt.NDArray[np.float64],
    intensity: npt.NDArray[np.float32],
    is_target: npt.NDArray[np.bool_],
) -> None:
    """Write the patterns of a chunk, then its summary, which says that they are there.

    Parameters
    ----------
    work : Store
        The work bucket, where patterns are kept.
    patterns_id : str
        Which database under which settings.
    chunk : int
        Number of the chunk, from 0.
    start : int
        First ion of the chunk.
    mz : (n_ions, n_isotopes) float64
        Theoretical m/z, zero padded.
    intensity : (n_ions, n_isotopes) float32
        Theoretical abundances, the highest of an ion 100; zero padded.
    is_target : (n_ions,) bool
        Which of the ions are targets.
    """
    arrays: Arrays = {"mz": mz, "intensity": intensity, "is_target": is_target}
    work.write_arrays(keys.pattern_chunk(patterns_id, chunk), arrays)
    real = mz[mz > 0]
    summary = ChunkSummary(
        start,
        start + len(mz),
        float(real.min(initial=np.inf)) if real.size else 0.0,
        float(real.max(initial=0.0)),
    )
    work.write_sealed(keys.pattern_chunk_summary(patterns_id, chunk), summary.to_json())


def read_summaries(work: Store, patterns_id: str, n_ions: int) -> list[ChunkSummary]:
    """Read the summaries of all chunks, in their order.

    Raises
    ------
    MissingObject
        If a chunk is not complete.
    """
    n_chunks = -(-n_ions // IONS_PER_CHUNK)
    names = [keys.pattern_chunk_summary(patterns_id, chunk) for chunk in range(n_chunks)]
    return [ChunkSummary.from_json(summary) for summary in work.read_many_sealed(names)]


def read_patterns(work: Store, patterns_id: str, start: int, stop: int) -> Patterns:
    """Read the patterns of ions ``start`` to ``stop``.

    Raises
    ------
    MissingObject
        If one of their chunks is not written.
    """
    # at least one chunk, even for no ions: it says how many isotope peaks patterns have
    chunks = range(start // IONS_PER_CHUNK, max(1, -(-stop // IONS_PER_CHUNK)))
    arrays = list(
        work.read_many_arrays([keys.pattern_chunk(patterns_id, chunk) for chunk in chunks])
    )
    rows = slice(start - chunks.start * IONS_PER_CHUNK, stop - chunks.start * IONS_PER_CHUNK)
    return Patterns(
        **{name: np.concatenate([chunk[name] for chunk in arrays])[rows] for name in _ARRAYS}
    )


def read_patterns_of(work: Store, patterns_id: str, ions: npt.NDArray[np.integer[Any]]) -> Patterns:
    """Read the patterns of chosen ions, in the order given; chunks without any are not read.

    Parameters
    ----------
    work : Store
        The work bucket, where patterns are kept.
    patterns_id : str
        Which database under which settings.
    ions : (n_chosen,) int
        Numbers of ions, in any order; one may stand there more than once.

    Raises
    ------
    MissingObject
        If one of their chunks is not written.
    """
    chosen, place = np.unique(ions, return_inverse=True)
    if not len(chosen):
        return read_patterns(work, patterns_id, 0, 0)
    chunks = np.unique(chosen // IONS_PER_CHUNK).tolist()
    names = [keys.pattern_chunk(patterns_id, chunk) for chunk in chunks]
    parts = []
    for chunk, arrays in zip(chunks, work.read_many_arrays(names), strict=True):
        of_chunk = chosen[chosen // IONS_PER_CHUNK == chunk] - chunk * IONS_PER_CHUNK
        parts.append(Patterns(**{name: arrays[name][of_chunk] for name in _ARRAYS}))
    return Patterns.concatenate(parts).take(place)
