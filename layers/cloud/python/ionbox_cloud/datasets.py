"""Datasets in the inbox: opened, checked and identified before any work."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt
from ionbox_science.config import FileWords, Polarity, match_analyzer
from ionbox_science.dataset_checks import Problem, check_dataset, check_peaks
from ionbox_science.errors import InvalidDataset
from ionbox_science.imzml import ImzmlHeader, read_header
from ionbox_science.spectra import ReadRange, read_peaks

from ionbox_cloud import keys
from ionbox_cloud.identity import identify_dataset
from ionbox_cloud.messages import DatasetFiles
from ionbox_cloud.store import ObjectFacts, Store

_SAMPLED_SPECTRA = 512
_UUID_BYTES = 16


@dataclass(frozen=True)
class OpenDataset:
    """A dataset that can be annotated.

    ``warnings`` are sentences for the user.
    """

    dataset_id: str
    header: ImzmlHeader
    ibd: ObjectFacts
    warnings: tuple[str, ...]


def ibd_reader(inbox: Store, key: str) -> ReadRange:
    """Return a function that reads (offset, n_bytes) of an ibd."""
    return lambda offset, n_bytes: inbox.read_range(key, offset, n_bytes)


def open_dataset(inbox: Store, files: DatasetFiles, *, accept_profile: bool) -> OpenDataset:
    """Read the header, check everything that can be checked cheaply, identify the content.

    Raises
    ------
    InvalidDataset
        All problems that prevent annotation, one per line.
    """
    imzml_name, ibd_name = PurePosixPath(files.imzml_key).name, PurePosixPath(files.ibd_key).name
    imzml = inbox.read(files.imzml_key)
    header = read_header(imzml, imzml_name)
    ibd = inbox.facts(files.ibd_key)
    read_range = ibd_reader(inbox, files.ibd_key)
    long_enough = ibd is not None and ibd.n_bytes >= _UUID_BYTES
    problems = check_dataset(
        header,
        name=imzml_name,
        ibd_name=ibd_name,
        ibd_size=ibd.n_bytes if ibd else None,
        ibd_uuid=bytes(read_range(0, _UUID_BYTES)) if long_enough else None,
        accept_profile=accept_profile,
    )
    if ibd is None or _errors(problems):
        raise InvalidDataset("\n".join(_errors(problems)))
    problems += check_peaks(header, read_range, ibd_name=ibd_name)
    if _errors(problems):
        raise InvalidDataset("\n".join(_errors(problems)))
    return OpenDataset(
        dataset_id=identify_dataset(imzml, ibd.n_bytes, read_range),
        header=header,
        ibd=ibd,
        warnings=tuple(problem.message for problem in problems),
    )


def _errors(problems: list[Problem]) -> list[str]:
    return [problem.message for problem in problems if problem.severity == "error"]


def words_of(header: ImzmlHeader) -> FileWords:
    """Return what the imzML says about how it was acquired."""
    known: dict[str | None, Polarity] = {"positive": "positive", "negative": "negative"}
    polarity = known.get(header.polarity)
    analyzers = [match_analyzer(name) for name in header.instruments]
    return FileWords(polarity, next(filter(None, analyzers), None), header.resolving_power)


def sample_mz(header: ImzmlHeader, read_range: ReadRange) -> npt.NDArray[np.float64]:
    """Read the m/z of every k-th spectrum, k from counts alone."""
    step = -(-header.n_spectra // _SAMPLED_SPECTRA)
    sampled = [
        read_peaks(header, read_range, index, index + 1).mz
        for index in range(0, header.n_spectra, step)
    ]
    return np.concatenate(sampled).astype(np.float64)


def compare_checksum(inbox: Store, ibd_key: str, header: ImzmlHeader) -> str:
    """Say whether the ibd has the checksum its imzML declares."""
    if header.checksum is None:
        return "not declared"
    algorithm, declared = header.checksum
    digest = hashlib.new(algorithm, usedforsecurity=False)
    for piece in inbox.iterate(ibd_key):
        digest.update(piece)
    return "matches" if digest.hexdigest() == declared else "differs"


def read_stored_header(work: Store, dataset_id: str) -> ImzmlHeader:
    """Read the header that PlanRun stored."""
    return ImzmlHeader.from_arrays(work.read_arrays(keys.header(dataset_id)))
