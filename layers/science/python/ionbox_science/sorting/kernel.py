"""Calls of the kernels that sort peaks: ``peak_sort.c``, ``transpose.c``, ``merge.c``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ionbox_science.imzml.header import ImzmlHeader
from ionbox_science.kernel_calls import (
    KernelStruct,
    Status,
    call_kernel,
    check_status,
    fill_struct,
)
from ionbox_science.sorting.spectrum_parts import Block, OpenDataset

INTENSITY_TYPES = {"<f4": 0, "<f8": 1, "<i4": 2, "<i8": 3}  # spectra.h


def spectra_struct(dataset: OpenDataset, block: Block) -> KernelStruct:
    """Describe a block to the kernels."""
    header = dataset.header
    addresses = block.arrays.addresses()
    counts = np.ascontiguousarray(header.mz_count[block.rows], np.int64)
    mz_address, intensity_address = addresses[: len(counts)], addresses[-len(counts) :]
    if dataset.shared_mz is not None:
        mz_address = np.full(len(counts), dataset.shared_mz.ctypes.data, np.uint64)
    return fill_struct(
        "spectra",
        n_spectra=len(counts),
        mz_address=mz_address,
        intensity_address=intensity_address,
        n_peaks=counts,
        pixel=dataset.pixel[block.rows],
        mz_bytes=header.mz_dtype.itemsize,
        intensity_type=INTENSITY_TYPES[header.intensity_dtype.str],
        alive=(block, dataset),
    )


def feed_kernel(
    kernel: str,
    dataset: OpenDataset,
    blocks: Iterator[Block],
    *arguments: object,
    spectrum_tic: npt.NDArray[np.float64] | None = None,
) -> None:
    """Call a kernel for block after block; one is forgotten before the next is asked for.

    A kernel that sums intensities takes those of the block's spectra from ``spectrum_tic``,
    (n_spectra,), as its last argument.

    Raises
    ------
    InvalidDataset, MemoryError, ValueError
        As `ionbox_science.kernel_calls.check_status`.
    """
    for block in blocks:
        spectra = spectra_struct(dataset, block)
        sums = () if spectrum_tic is None else (spectrum_tic[block.rows],)
        call_kernel(kernel, spectra, *arguments, *sums)
        del block, spectra


def check_arrays(header: ImzmlHeader) -> None:
    """Refuse what would lead the kernels astray; read headers never have it.

    Raises
    ------
    ValueError
        If m/z and intensity arrays differ in length, or are of types the kernels do not know.
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
    """Compare rows that were filled, the next and the end of each group, with those counted.

    Raises
    ------
    InvalidDataset
        If there were fewer peaks than were counted.
    """
    if (rows[..., 0] != rows[..., 1]).any():
        check_status(Status.CHANGED)
