"""Calls of the kernels that sort peaks: ``peak_sort.c``, ``transpose.c``, ``merge.c``."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ionbox_science.errors import InvalidDataset
from ionbox_science.imzml.header import ImzmlHeader
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.kernels import check_status, library
from ionbox_science.sorting.spectrum_parts import Block, OpenDataset

_INTENSITY_TYPES = {"<f4": 0, "<f8": 1, "<i4": 2, "<i8": 3}  # spectra.h
_CHANGED = 4  # spectra.h

_ADDRESS, _INT64, _INT32 = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "ionbox_get_n_cells": (),
    "ionbox_count_cells": (_ADDRESS,) * 3,
    "ionbox_plan_buckets": (_ADDRESS,) * 4,
    "ionbox_scatter_peaks": (_ADDRESS,) * 4,
    "ionbox_sort_buckets": (_INT64, _ADDRESS, _INT32, _ADDRESS),
    "ionbox_merge_buckets": (_INT64, _ADDRESS, _INT64, _ADDRESS, _INT32, _ADDRESS),
    "ionbox_count_channels": (_ADDRESS, _INT64, _ADDRESS, _ADDRESS),
    "ionbox_fill_channels": (_INT64, _INT32, _ADDRESS, _ADDRESS, _ADDRESS),
    "ionbox_scatter_channels": (_ADDRESS, _INT64, _ADDRESS, _ADDRESS, _ADDRESS),
}


@functools.cache
def sort_kernel() -> ctypes.CDLL:
    """Return the compiled kernels with the signatures of sorting set."""
    loaded = library()
    for name, types in _SIGNATURES.items():
        getattr(loaded, name).argtypes = types
        getattr(loaded, name).restype = _INT32
    loaded.ionbox_plan_buckets.restype = _INT64
    return loaded


class KernelSpectra(ctypes.Structure):
    """``struct spectra`` of the kernels: a block, which is kept alive with it."""

    alive: tuple[object, ...]

    _fields_ = (
        ("n_spectra", ctypes.c_int64),
        ("mz_address", ctypes.c_void_p),
        ("intensity_address", ctypes.c_void_p),
        ("n_peaks", ctypes.c_void_p),
        ("pixel", ctypes.c_void_p),
        ("mz_bytes", ctypes.c_int32),
        ("intensity_type", ctypes.c_int32),
    )

    @staticmethod
    def of(dataset: OpenDataset, block: Block) -> KernelSpectra:
        """Describe a block to the kernels."""
        header = dataset.header
        addresses = block.arrays.addresses()
        counts = np.ascontiguousarray(header.mz_count[block.rows], np.int64)
        pixel = dataset.pixel[block.rows]
        mz_address, intensity_address = addresses[: len(counts)], addresses[-len(counts) :]
        if dataset.shared_mz is not None:
            mz_address = np.full(len(counts), dataset.shared_mz.ctypes.data, np.uint64)
        spectra = KernelSpectra(
            len(counts),
            mz_address.ctypes.data,
            intensity_address.ctypes.data,
            counts.ctypes.data,
            pixel.ctypes.data,
            header.mz_dtype.itemsize,
            _INTENSITY_TYPES[header.intensity_dtype.str],
        )
        spectra.alive = mz_address, intensity_address, counts, pixel, block, dataset
        return spectra


class KernelColumns(ctypes.Structure):
    """``struct columns`` of the kernels, which must not outlive the peaks."""

    _fields_ = (
        ("mz", ctypes.c_void_p),
        ("intensity", ctypes.c_void_p),
        ("pixel", ctypes.c_void_p),
    )

    @staticmethod
    def of(peaks: Peaks) -> KernelColumns:
        """Describe columns to the kernels."""
        columns = peaks.mz, peaks.intensity, peaks.pixel
        return KernelColumns(*(column.ctypes.data for column in columns))


def feed_kernel(
    kernel: Callable[..., int],
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
        As `check`.
    """
    for block in blocks:
        spectra = KernelSpectra.of(dataset, block)
        sums = () if spectrum_tic is None else (pointer(spectrum_tic[block.rows]),)
        check(kernel(ctypes.byref(spectra), *arguments, *sums))
        del block, spectra


def pointer(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    """Return the address of an array that outlives the call."""
    return ctypes.c_void_p(array.ctypes.data)


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
        header.intensity_dtype.str not in _INTENSITY_TYPES
    ):
        raise ValueError(
            f"no kernel for m/z of {header.mz_dtype} with intensities of {header.intensity_dtype}"
        )


def check(status: int) -> None:
    """Raise what a kernel's return value stands for.

    Raises
    ------
    InvalidDataset
        If there are more peaks than were counted.
    MemoryError, ValueError
        As `ionbox_science.kernels.check_status`.
    """
    if status == _CHANGED:
        raise _changed()
    check_status(status)


def check_filled(rows: npt.NDArray[np.uint64]) -> None:
    """Compare rows that were filled, the next and the end of each group, with those counted.

    Raises
    ------
    InvalidDataset
        If there were fewer peaks than were counted.
    """
    if (rows[..., 0] != rows[..., 1]).any():
        raise _changed()


def _changed() -> InvalidDataset:
    return InvalidDataset(
        "The ibd changed while it was being read: upload imzML and ibd again, then run again."
    )
