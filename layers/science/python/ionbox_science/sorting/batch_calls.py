"""What the kernels that sort peaks (``kernels/sorting``) are given, and checks around their calls.

Shared by `mz_cells` and `transposing`: batches of spectra, as they lie in memory, become a
``struct spectra``, and a kernel is called for one batch after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ionbox_science.imzml.header import ImzmlHeader
from ionbox_science.imzml.spectra import INTENSITY_TYPES, describe_spectra
from ionbox_science.kernel_calls import KernelStruct, Status, call_kernel, check_status
from ionbox_science.progress import ProgressCount
from ionbox_science.sorting.spectrum_parts import OpenDataset, SpectrumBatch, SpectrumPart


def spectra_struct(dataset: OpenDataset, batch: SpectrumBatch) -> KernelStruct:
    """Return ``struct spectra`` of a batch: addresses, lengths, pixels and types of its arrays.

    Keeps the batch alive, which owns the memory that the addresses point to.
    """
    pixel = dataset.pixel[batch.rows]
    return describe_spectra(dataset.header, batch.rows, batch.arrays, dataset.shared_mz, pixel)


def feed_kernel(
    kernel: str,
    dataset: OpenDataset,
    batches: Iterator[SpectrumBatch],
    progress: ProgressCount,
    *arguments: object,
    of_spectra: Sequence[npt.NDArray[Any]] = (),
) -> None:
    """Call a kernel for batch after batch.

    Parameters
    ----------
    kernel : str
        Name of the C function; its first argument is a batch's ``struct spectra``.
    dataset : OpenDataset
        What the batches are part of.
    batches : iterator of SpectrumBatch
        One is forgotten before the next is asked for.
    progress : ProgressCount
        Gets the peaks of each batch: see `count_peaks`.
    *arguments
        Further arguments, the same for all batches.
    of_spectra : sequence of (n_spectra,) array
        Further arguments, with a value for each spectrum of the dataset: the kernel gets the part
        of the batch's spectra.

    Raises
    ------
    InvalidDataset, MemoryError, ValueError
        If the kernel fails: see `ionbox_science.kernel_calls.check_status`.
    """
    for batch in batches:
        spectra = spectra_struct(dataset, batch)
        call_kernel(kernel, spectra, *arguments, *(values[batch.rows] for values in of_spectra))
        progress.add(int(dataset.header.mz_count[batch.rows].sum()))
        del batch, spectra  # else both would live while the next batch is read


def count_peaks(dataset: OpenDataset, parts: Sequence[SpectrumPart], unit: str) -> ProgressCount:
    """Return a count of the declared peaks of some parts, for progress while they are read."""
    n_peaks = sum(int(dataset.header.mz_count[part.rows].sum()) for part in parts)
    return ProgressCount(n_peaks, unit)


def check_arrays(header: ImzmlHeader) -> None:
    """Refuse a header by which the kernels would read the wrong memory.

    `read_header` and `check_dataset` let none through; a header made in another way may be one.

    Raises
    ------
    ValueError
        If m/z and intensity arrays differ in length, have a negative one, or are of types the
        kernels do not know.
    """
    if (header.mz_count != header.intensity_count).any():
        raise ValueError("the header has m/z and intensity arrays of unequal length")
    if (header.mz_count < 0).any():
        raise ValueError("the header has arrays of negative length")
    if header.mz_dtype.str not in ("<f4", "<f8") or (
        header.intensity_dtype.str not in INTENSITY_TYPES
    ):
        raise ValueError(
            f"no kernel for m/z of {header.mz_dtype} with intensities of {header.intensity_dtype}"
        )


def check_filled(rows: npt.NDArray[np.uint64]) -> None:
    """Check that all rows counted in the first pass were filled in the second.

    Parameters
    ----------
    rows : (..., 2) uint64
        Next row to fill, and one past the last, of every bucket or channel.

    Raises
    ------
    InvalidDataset
        If there were fewer peaks than were counted: the ibd has changed meanwhile. (If there are
        more, the kernel says so.)
    """
    if (rows[..., 0] != rows[..., 1]).any():
        check_status(Status.CHANGED)
