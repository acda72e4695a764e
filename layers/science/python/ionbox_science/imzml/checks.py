"""Checks of a dataset, most of them before any compute is spent on it.

`check_dataset` compares the header with itself and with the size and UUID of the ibd, `check_peaks`
looks into a few spectra: both run when a run is planned and return all problems at once, as
sentences that say what to do. `check_mz_counts` runs when all peaks have been sorted and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import numpy as np
import numpy.typing as npt

from ionbox_science.errors import InvalidDataset
from ionbox_science.imzml.header import ImzmlHeader
from ionbox_science.imzml.ibd import WatchPiece
from ionbox_science.imzml.spectra import ReadRange, read_peaks, read_spectrum

# The heaviest proteins seen by imaging are below 1 MDa; a wrong data type gives far more.
_MAX_PLAUSIBLE_MZ = 1e6
# Some files have a peak at m/z 0 here and there; a wrong data type spoils far more.
_MOST_IMPLAUSIBLE = 0.01
# Some exports store equal arrays once, for a few spectra; far more is a small file that asks for
# the work of a large one.
_MOST_SHARED = 2
_N_SAMPLED = 64
_SPECTRA_PER_READ = 4096
# In a profile a step is mostly about as long as the next; between centroids one in five is.
_EVEN_STEPS = 0.4
_FEWEST_STEPS = 16


@dataclass(frozen=True)
class Problem:
    """Something wrong with a dataset.

    Attributes
    ----------
    severity : {"error", "warning"}
        An error prevents the annotation, a warning does not.
    message : str
        What is wrong where, and what to do.
    settled_by : str
        Name of a setting that answers the problem: who gives it need not be told.
    """

    severity: Literal["error", "warning"]
    message: str
    settled_by: str = ""


def check_dataset(
    header: ImzmlHeader,
    *,
    name: str,
    ibd_name: str,
    ibd_size: int | None,
    ibd_uuid: bytes | None,
    accept_profile: bool,
    centroid: bool = False,
) -> list[Problem]:
    """Check the header, and the ibd as far as its size and first bytes tell.

    Parameters
    ----------
    header : ImzmlHeader
        What the imzML says.
    name, ibd_name : str
        File names, for messages.
    ibd_size : int or None
        Bytes; None if there is no ibd.
    ibd_uuid : bytes or None
        First 16 bytes of the ibd, None if not known.
    accept_profile : bool
        Whether profile spectra are only a warning.
    centroid : bool
        Whether peaks were to be picked from profile spectra; from which, the header says.

    Returns
    -------
    list of Problem
        Errors first.
    """
    problems = [Problem("warning", text) for text in header.warnings]
    problems += _check_ibd(header, name, ibd_name, ibd_size, ibd_uuid)
    problems += _check_arrays(header, name)
    problems += _check_sharing(header, name, ibd_name, ibd_size)
    problems += _check_kind(header, name, accept_profile=accept_profile, centroid=centroid)
    problems += _check_polarity(header, name)
    problems += _check_positions(header, name)
    # "error" sorts before "warning"; within each, the order of the checks stays
    return sorted(problems, key=lambda problem: problem.severity)


def _check_ibd(
    header: ImzmlHeader, name: str, ibd_name: str, size: int | None, uuid: bytes | None
) -> Iterator[Problem]:
    if size is None:
        yield Problem("error", f"{ibd_name} is missing: put it beside {name}.")
        return
    if size == 0:
        yield Problem("error", f"{ibd_name} is empty (0 bytes): copy or upload it again.")
        return
    # Each may differ though the files belong together (a tool copied an old UUID, or more bytes
    # follow the arrays); if both do, they are taken for no pair.
    belongs = _same_uuid(header.uuid, uuid)
    found = "unknown" if uuid is None else uuid.hex()
    if not belongs and size != header.ibd_end:
        yield Problem(
            "error",
            f"{ibd_name} belongs to another imzML: its UUID is {found} and it has {size} "
            f"bytes, but {name} says {header.uuid} and describes {header.ibd_end}; "
            "give the two files of one export.",
        )
    elif size < header.ibd_end:
        yield _truncated(header, ibd_name, size)
    elif not belongs:
        yield Problem(
            "warning",
            f"{ibd_name} has UUID {found} but {name} says {header.uuid}; the sizes "
            "agree, so check that both come from one export.",
        )


def _same_uuid(declared: str | None, found: bytes | None) -> bool:
    """Compare in both byte orders: Windows tools write the first three fields little-endian."""
    if declared is None or found is None or len(found) < 16:
        return True  # nothing to compare
    expected = UUID(hex=declared)
    return found in (expected.bytes, expected.bytes_le)


def _truncated(header: ImzmlHeader, ibd_name: str, size: int) -> Problem:
    beyond = np.flatnonzero(header.ends > size)
    return Problem(
        "error",
        f"{ibd_name} is truncated: it has {size} bytes and lacks {header.ibd_end - size}; "
        f"{len(beyond)} of {header.n_spectra} spectra do not fit, the first is spectrum index "
        f"{beyond[0]}; copy or upload it again.",
    )


def _check_arrays(header: ImzmlHeader, name: str) -> Iterator[Problem]:
    if header.n_peaks == 0:
        text = f"{name}: none of the {header.n_spectra} spectra has a peak"
        yield Problem("error", f"{text}; check the peak picking of the export.")
    unequal = np.flatnonzero(header.mz_count != header.intensity_count)
    if len(unequal):
        i = unequal[0]
        yield Problem(
            "error",
            f"{name}: {len(unequal)} of {header.n_spectra} spectra have m/z and intensity arrays "
            f"of unequal length, the first is spectrum index {i} with {header.mz_count[i]} m/z "
            f"values and {header.intensity_count[i]} intensities; export the dataset again.",
        )


def _check_sharing(
    header: ImzmlHeader, name: str, ibd_name: str, size: int | None
) -> Iterator[Problem]:
    """Notice arrays that are used again and again, so that there are more peaks than bytes.

    An m/z axis counts once however many spectra have it, as all do in continuous mode; intensities
    are each spectrum's own.
    """
    axes = np.unique(np.stack((header.mz_offset, header.mz_count)), axis=1)
    n_bytes = (
        int(axes[1].sum()) * header.mz_dtype.itemsize
        + int(header.intensity_count.sum()) * header.intensity_dtype.itemsize
    )
    # one that ends before its arrays do is refused as truncated
    if size and header.ibd_end <= size and n_bytes > _MOST_SHARED * size:
        yield Problem(
            "error",
            f"{name}: the arrays of its {header.n_spectra:,} spectra add up to {n_bytes:,} bytes, "
            f"more than {_MOST_SHARED} times the {size:,} of {ibd_name}, so most spectra are said "
            "to be the same bytes; export the dataset again.",
        )


def _check_kind(
    header: ImzmlHeader, name: str, *, accept_profile: bool, centroid: bool
) -> Iterator[Problem]:
    if header.picked is not None:
        silent = "does not say whether its spectra are centroided"
        said = "declares profile spectra" if header.spectrum_type else silent
        yield Problem(
            "warning",
            f"{name} {said}: ionbox picks the peaks of {np.count_nonzero(header.picked)} of "
            f"{header.n_spectra} spectra.",
        )
    elif header.spectrum_type == "profile":
        if accept_profile:
            yield Problem(
                "warning",
                f"{name} declares profile spectra: every sample point counts as a peak, so "
                "scores and ion images are less reliable than with centroided data.",
            )
        else:
            yield Problem(
                "error",
                f"{name} declares profile spectra: pass --centroid to have their peaks picked, or "
                "--accept-profile if the spectra are centroided in fact.",
            )
    elif centroid:
        yield Problem(
            "warning",
            f"{name} declares centroided spectra: there are no peaks to pick, and they are read as "
            "they are.",
        )
    elif header.spectrum_type is None:
        yield Problem(
            "warning",
            f"{name} does not say whether its spectra are centroided; ionbox takes them as such.",
        )


def _check_polarity(header: ImzmlHeader, name: str) -> Iterator[Problem]:
    if header.polarity is None:
        text = f"{name} does not say its polarity: give --polarity positive or negative."
        yield Problem("warning", text, settled_by="polarity")
    elif header.polarity == "mixed":
        text = f"{name} has spectra of both polarities: export one file per polarity."
        yield Problem("error", text)


def _check_positions(header: ImzmlHeader, name: str) -> Iterator[Problem]:
    n_repeated = header.n_spectra - len(np.unique(header.pixel_index))
    if n_repeated:
        yield Problem(
            "warning",
            f"{name}: {n_repeated} of {header.n_spectra} spectra repeat the position of another; "
            "their intensities will be summed.",
        )
    yield from _check_density(header, name)
    declared = header.declared_size
    width, height = header.box
    if declared and (width > declared[0] or height > declared[1]):
        yield Problem(
            "warning",
            f"{name} declares {declared[0]} x {declared[1]} pixels, but its spectra span "
            f"{width} x {height}; ionbox goes by the spectra.",
        )


def _check_density(header: ImzmlHeader, name: str) -> Iterator[Problem]:
    """Notice positions that are no numbers of pixels, such as micrometres."""
    step = int(np.gcd.reduce(np.concatenate([np.diff(np.unique(a)) for a in (header.x, header.y)])))
    if step > 1:
        width, height = header.box
        filled = len(np.unique(header.pixel_index)) / (width * height)
        yield Problem(
            "warning",
            f"{name}: all positions step by {step} or a multiple, so that {filled:.2%} of the "
            f"image's {width} x {height} pixels are measured and none has a "
            f"neighbour, without which no ion scores; if pixels are {step} apart, give the step "
            f"(pixel_step: {step}).",
            settled_by="",
        )


def choose_spectra(n_spectra: int, n_sampled: int = _N_SAMPLED) -> npt.NDArray[np.int64]:
    """Return the indices of the spectra that `check_peaks` looks at.

    Returns
    -------
    (n,) int64
        Ascending; ``n_sampled`` of them, or all if there are fewer.
    """
    return np.unique(np.linspace(0, n_spectra - 1, n_sampled).round().astype(np.int64))


def check_peaks(
    header: ImzmlHeader, read_range: ReadRange, *, ibd_name: str, n_sampled: int = _N_SAMPLED
) -> list[Problem]:
    """Look at the values of a few spectra: the first, the last, and some evenly between.

    This finds what neither sizes nor UUIDs tell, such as a wrong data type or another file's data.

    Parameters
    ----------
    header : ImzmlHeader
        Header of a dataset without errors in `check_dataset`.
    read_range : ReadRange
        Reads the ibd.
    ibd_name : str
        File name, for messages.
    n_sampled : int
        Spectra to read at most.

    Returns
    -------
    list of Problem
        Errors first: those of the first spectrum that has any. Then a warning for each oddity, with
        the number of spectra that have it.

    Raises
    ------
    InvalidDataset
        If the ibd ends before a spectrum does.
    """
    sample = choose_spectra(header.n_spectra, n_sampled)
    first_errors: list[Problem] = []
    first_wrong: tuple[int, float] | None = None
    oddities: Counter[str] = Counter()
    n_kept = n_implausible = 0
    for index in sample.tolist():
        mz, intensity = read_spectrum(header, index, read_range)
        kept = intensity > 0
        n_kept += int(np.count_nonzero(kept))
        oddities.update(_odd_values(mz, intensity))
        if header.picked is not None and header.picked[index] and _is_uneven(mz):
            oddities[_UNEVEN] += 1
        measured = mz[kept]
        wrong = measured[_is_implausible(measured)]
        n_implausible += len(wrong)
        if len(wrong):
            first_wrong = first_wrong or (index, float(wrong[0]))
            oddities["m/z values that cannot be (such as 0), which are dropped"] += 1
        if not first_errors:
            first_errors += _only_zeros(mz, intensity, index, ibd_name)
    if first_wrong and n_implausible > n_kept * _MOST_IMPLAUSIBLE:
        first_errors.insert(0, _describe_implausible(*first_wrong, ibd_name))
    if n_kept == 0:
        oddities["no intensity above zero"] = len(sample)
    return first_errors + [
        Problem("warning", f"{ibd_name}: {n} of {len(sample)} spectra looked at have {text}.")
        for text, n in oddities.items()
    ]


@dataclass(frozen=True)
class PeakCounts:
    """What the peaks of a whole dataset are; the numbers that the sort finds.

    Attributes
    ----------
    n_peaks : int
        Peaks with an intensity above zero, picked ones where peaks are picked.
    n_implausible : int
        Those of them without a plausible m/z, which a run drops.
    mz_min, mz_max : float
        Range of the plausible m/z; infinity and its negative if there is none.
    """

    n_peaks: int
    n_implausible: int
    mz_min: float
    mz_max: float


def count_peaks(
    header: ImzmlHeader, read_range: ReadRange, watch: WatchPiece | None = None
) -> PeakCounts:
    """Read all spectra once, for `check_mz_counts`; ``watch`` sees every piece that is read."""
    n_peaks = n_implausible = 0
    mz_min, mz_max = np.inf, -np.inf
    for first in range(0, header.n_spectra, _SPECTRA_PER_READ):
        stop = min(first + _SPECTRA_PER_READ, header.n_spectra)
        mz = read_peaks(header, read_range, first, stop, watch=watch).mz
        wrong = _is_implausible(mz)
        n_peaks += len(mz)
        n_implausible += int(np.count_nonzero(wrong))
        mz_min = mz.min(where=~wrong, initial=mz_min)
        mz_max = mz.max(where=~wrong, initial=mz_max)
    return PeakCounts(n_peaks, n_implausible, float(mz_min), float(mz_max))


def describe_dropped(n_implausible: int, ibd_name: str) -> str:
    """Return the warning about peaks without a plausible m/z, which no run uses."""
    return (
        f"{ibd_name}: {n_implausible:,} peaks have no plausible m/z (0, negative, above "
        f"{_MAX_PLAUSIBLE_MZ:,.0f} or not a number) and were dropped"
    )


def plausible_rows(sorted_mz: npt.NDArray[np.floating[Any]]) -> slice:
    """Return the rows whose m/z an instrument can measure: above zero, not far too high, a number.

    Parameters
    ----------
    sorted_mz : (n_peaks,) float32 or float64
        Ascending, NaN last, as the sort leaves them.
    """
    first = int(np.searchsorted(sorted_mz, 0.0, side="right"))
    return slice(first, int(np.searchsorted(sorted_mz, _MAX_PLAUSIBLE_MZ, side="right")))


def check_mz_counts(
    n_implausible: int, n_peaks: int, ibd_name: str, *, checksum_differs: bool
) -> None:
    """Refuse a dataset of whose sorted peaks too many have implausible m/z; a few are dropped.

    Such damage can hide between the spectra that `check_peaks` looked at.

    Parameters
    ----------
    n_implausible, n_peaks : int
        Peaks with such m/z in all segments, and all peaks.
    ibd_name : str
        File name, for the message.
    checksum_differs : bool
        Whether the ibd's checksum is not the declared one, which tells damage from a wrong export.

    Raises
    ------
    InvalidDataset
        If there are any in a file whose checksum differs, or more than one in a hundred.
    """
    if checksum_differs and n_implausible:
        reason = (
            "and the checksum is not the one its imzML declares, so the file is damaged; copy or "
            "upload it again"
        )
    elif n_implausible > n_peaks * _MOST_IMPLAUSIBLE:
        reason = (
            "so the imzML declares a wrong data type or the file is damaged; export the dataset "
            "again"
        )
    else:
        return
    raise InvalidDataset(
        f"{ibd_name}: {n_implausible:,} of {n_peaks:,} peaks have no plausible m/z, {reason}."
    )


_UNEVEN = (
    "m/z as uneven as those of centroided spectra, of which picking keeps a part; if they are "
    "centroided in fact, pass --accept-profile instead of --centroid"
)


def _is_uneven(mz: npt.NDArray[np.floating[Any]]) -> bool:
    """Tell centroided spectra by steps of m/z that are not about as long as the next."""
    step = np.diff(mz.astype(np.float64))
    if len(step) <= _FEWEST_STEPS:
        return False
    longer, shorter = np.maximum(step[1:], step[:-1]), np.minimum(step[1:], step[:-1])
    return bool((longer <= 1.5 * shorter).mean() < _EVEN_STEPS)


def _is_implausible(mz: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.bool_]:
    # negated as a whole, so that NaN, for which every comparison is false, is found too
    return ~((mz > 0) & (mz <= _MAX_PLAUSIBLE_MZ))


def _describe_implausible(index: int, mz: float, ibd_name: str) -> Problem:
    return Problem(
        "error",
        f"{ibd_name}: spectrum index {index} has an m/z value of {mz:.6g}, so the imzML declares "
        "a wrong data type or belongs to another ibd; export the dataset again.",
    )


def _only_zeros(
    mz: npt.NDArray[np.floating[Any]], intensity: npt.NDArray[Any], index: int, ibd_name: str
) -> Iterator[Problem]:
    """Notice a file that was allocated but never filled; one zero alone may stand for no peak."""
    if len(mz) > 1 and not mz.any() and not intensity.any():
        yield Problem(
            "error",
            f"{ibd_name}: spectrum index {index} holds only zeros, so the file is not complete; "
            "copy or upload it again.",
        )


def _odd_values(mz: npt.NDArray[np.floating[Any]], intensity: npt.NDArray[Any]) -> Iterator[str]:
    if (mz[1:] < mz[:-1]).any():
        yield "m/z values that do not ascend; ionbox sorts them"
    if (intensity < 0).any():
        yield "negative intensities, which are dropped"
    if np.isnan(intensity).any():
        yield "intensities that are not a number, which are dropped"
    if np.isinf(intensity).any():
        yield "infinite intensities, which are kept and spoil the images they fall in"
