"""Datasets in the inbox: opened, checked and identified before any work.

`inspect_dataset` reads the imzML and little of the ibd; what shows only once all peaks were read is
checked by the states that sort (`ionbox_cloud.stored.segment_writing`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt
from ionbox_science.config import FileWords, match_analyzer
from ionbox_science.errors import InvalidDataset
from ionbox_science.imzml.checks import Problem, check_dataset, check_peaks, choose_spectra
from ionbox_science.imzml.header import ImzmlHeader, read_header
from ionbox_science.imzml.options import ReadOptions
from ionbox_science.imzml.spectra import ReadRange, read_peak_mz
from ionbox_science.setting_table import Polarity

from ionbox_cloud.identity import sampled_ranges
from ionbox_cloud.messages import DatasetFiles
from ionbox_cloud.planning.read_ahead import Ranges, ReadAhead, array_ranges
from ionbox_cloud.store import ObjectFacts, Store

_SAMPLED_SPECTRA = 512
_UUID_BYTES = 16  # imzML: an ibd begins with a UUID, which the imzML repeats


@dataclass(frozen=True)
class Inspection:
    """What a cheap look at a dataset shows.

    Attributes
    ----------
    imzml : bytes
        Bytes of the imzML file.
    header : ImzmlHeader
        What the imzML says.
    ibd : ObjectFacts or None
        Size and tags of the ibd, if there is one.
    read_range : ReadRange
        Reads the ibd; what a plan samples of it is at hand.
    problems : tuple of Problem
        What is wrong or odd, errors first.
    """

    imzml: bytes
    header: ImzmlHeader
    ibd: ObjectFacts | None
    read_range: ReadRange
    problems: tuple[Problem, ...]

    def messages(self, severity: str) -> tuple[str, ...]:
        """Return the sentences of one severity, without what a resolved config settles."""
        return tuple(
            p.message for p in self.problems if p.severity == severity and not p.settled_by
        )

    def require_fit(self) -> ObjectFacts:
        """Return the ibd's facts of a dataset that can be annotated.

        Raises
        ------
        InvalidDataset
            If any problem prevents annotation; the message has a line for each.
        """
        errors = self.messages("error")
        if self.ibd is None or errors:
            raise InvalidDataset("\n".join(errors))
        return self.ibd


def ibd_reader(inbox: Store, key: str) -> ReadRange:
    """Return a function that reads (offset, length), both in bytes, of an ibd in the inbox."""
    return lambda offset, n_bytes: inbox.read_range(key, offset, n_bytes)


def inspect_dataset(
    inbox: Store, files: DatasetFiles, options: ReadOptions, *, accept_profile: bool
) -> Inspection:
    """Read the header and check everything that can be checked cheaply.

    Raises
    ------
    InvalidDataset
        If the imzML itself cannot be read; other problems are part of the answer.
    MissingObject
        If there is no imzML.
    """
    imzml_name, ibd_name = PurePosixPath(files.imzml_key).name, PurePosixPath(files.ibd_key).name
    read_range = ibd_reader(inbox, files.ibd_key)
    with inbox.side_by_side() as reads:
        seen = reads.start(_look_at_ibd, inbox, files.ibd_key)
        imzml = inbox.read_large(files.imzml_key)
    header = read_header(imzml, imzml_name, options)
    ibd, ibd_uuid = seen.result()
    problems = check_dataset(
        header,
        name=imzml_name,
        ibd_name=ibd_name,
        ibd_size=ibd.n_bytes if ibd else None,
        ibd_uuid=ibd_uuid,
        accept_profile=accept_profile,
        centroid=options.centroid,
    )
    readable = ibd is not None and ibd.n_bytes >= header.ibd_end
    if ibd and readable and not any(p.severity == "error" for p in problems):
        if inbox.is_remote:
            read_range = ReadAhead(read_range, _sampled_ranges(header, ibd.n_bytes))
        problems += check_peaks(header, read_range, ibd_name=ibd_name)
    # "error" comes before "warning"
    problems.sort(key=lambda problem: problem.severity)
    return Inspection(imzml, header, ibd, read_range, tuple(problems))


def _look_at_ibd(inbox: Store, key: str) -> tuple[ObjectFacts | None, bytes | None]:
    """Return what storage says of an ibd, and its UUID; None for what is not there."""
    ibd = inbox.facts(key)
    long_enough = ibd is not None and ibd.n_bytes >= _UUID_BYTES
    return ibd, bytes(inbox.read_range(key, 0, _UUID_BYTES)) if long_enough else None


def _sampled_ranges(header: ImzmlHeader, ibd_bytes: int) -> Ranges:
    """Return offset and end of all that the checks, the identity and the plan read of an ibd."""
    sampled = np.union1d(choose_spectra(header.n_spectra), _choose_sample(header.n_spectra))
    samples = np.array(sampled_ranges(ibd_bytes), np.int64)
    return np.concatenate([array_ranges(header, sampled), samples])


def _choose_sample(n_spectra: int) -> npt.NDArray[np.int64]:
    return np.arange(0, n_spectra, -(-n_spectra // _SAMPLED_SPECTRA))


def words_of(header: ImzmlHeader) -> FileWords:
    """Return what the imzML says about how it was acquired: settings the user need not give."""
    known: dict[str | None, Polarity] = {"positive": "positive", "negative": "negative"}
    polarity = known.get(header.polarity)
    analyzers = [match_analyzer(name) for name in header.instruments]
    return FileWords(polarity, next(filter(None, analyzers), None), header.resolving_power)


@dataclass(frozen=True, eq=False)
class PeakSample:
    """What the peaks of a few hundred spectra are like.

    Attributes
    ----------
    mz : (n_sampled,) float64
        In the order of the file; infinities and NaN are left out.
    n_peaks : int
        Peaks that the whole dataset is expected to have: as declared, or, where peaks are picked,
        so many times fewer than points as in the sample.
    """

    mz: npt.NDArray[np.float64]
    n_peaks: int


def sample_peaks(header: ImzmlHeader, read_range: ReadRange) -> PeakSample:
    """Read the m/z of a few hundred spectra, evenly spread over the file.

    Which ones depends on the number of spectra alone: every attempt samples the same, and so finds
    the same bounds of segments.
    """
    chosen = _choose_sample(header.n_spectra)
    mz = read_peak_mz(header, read_range, chosen).astype(np.float64)
    n_peaks = header.n_peaks
    if header.picked is not None:
        n_points = int(header.mz_count[chosen].sum())
        n_peaks = len(mz) * header.n_peaks // max(n_points, 1)
    return PeakSample(mz[np.isfinite(mz)], n_peaks)
