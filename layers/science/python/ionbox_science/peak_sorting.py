"""All peaks of a dataset sorted by m/z, straight from the bytes of the ibd.

The order is that of numpy's stable sort: peaks of equal m/z keep the order of the spectra in the
file, and of the peaks within a spectrum. Kernels do the work (``kernels/peak_sort.c`` says how);
`spectrum_runs` cuts it into runs of spectra that threads can do on their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ionbox_science.ibd import ReadRange, WatchPiece
from ionbox_science.imzml import ImzmlHeader
from ionbox_science.mz_cells import count_cells, sort_cells
from ionbox_science.sort_kernel import check_arrays
from ionbox_science.spectra import Peaks
from ionbox_science.spectrum_runs import OpenDataset, SpectrumRun, split_evenly
from ionbox_science.transposing import is_axis, transpose_spectra


@dataclass(frozen=True, eq=False)
class SortedSpectra:
    """The peaks of a dataset in order of m/z, and what each pixel sums to.

    Attributes
    ----------
    peaks : Peaks
        m/z ascending; peaks of equal m/z in the order of the file.
    tic : (n_pixels,) float64, counts
        Total ion current: the sum of float32 intensities in file order.
    """

    peaks: Peaks
    tic: npt.NDArray[np.float64]


def sort_spectra(
    header: ImzmlHeader,
    read_range: ReadRange,
    *,
    n_threads: int = 1,
    block_bytes: int = 16 * 1024 * 1024,
    keep_bytes: int = 0,
    watch: WatchPiece | None = None,
) -> SortedSpectra:
    """Sort all peaks above zero by m/z and sum the intensity per pixel.

    Parameters
    ----------
    header : ImzmlHeader
        Of a dataset that passed `ionbox_science.dataset_checks.check_dataset`.
    read_range : ReadRange
        Reads the ibd; called from ``n_threads`` threads at once.
    n_threads : int
        Threads that read and sort. The result does not depend on it. Where reading waits for a
        network, more threads than cores let reading and sorting overlap.
    block_bytes : int
        Arrays are read together up to this size, shared evenly by the threads; a longer array is
        read alone. One request covers at most two blocks: arrays and gaps between them.
    keep_bytes : int
        The ibd is needed twice, to count and to place the peaks. Pieces are kept from the first
        time up to this size, and only the rest is read again. Zero is right for a file on this
        machine; for an object store, give what memory there is beside the result.
    watch : callable, optional
        Called with every piece that is read for the first time, to compute a checksum, say
        (`ionbox_science.ibd.PassingDigest`). With several threads it is called by all of them.

    Raises
    ------
    InvalidDataset
        If the ibd ends too early, or changes between the two times it is read.
    ValueError
        If the header has m/z and intensity arrays of unequal length.

    Notes
    -----
    Intensities are compared with zero as they are stored, then cast to float32; NaN is dropped,
    infinity kept. m/z of any value are sorted as numpy sorts them: NaN last.

    Memory: the result (12 or 16 bytes per peak above zero), ``keep_bytes``, two blocks at most,
    and per thread about 3 MB; more only where over 65,536 peaks lie within 1/4096 of an octave of
    m/z (24 bytes for each), or have an m/z below 1 or above 2^20 (48 bytes for each).

    Where all spectra share one ascending m/z array nothing is sorted: the intensities are
    transposed.
    """
    check_arrays(header)
    dataset = OpenDataset.open(header, read_range, watch)
    runs = [
        SpectrumRun(dataset, rows, block_bytes // n_threads, keep_bytes // n_threads)
        for rows in split_evenly(dataset.n_bytes, n_threads)
    ]
    if dataset.shared_mz is not None and is_axis(dataset.shared_mz):
        return SortedSpectra(*transpose_spectra(dataset, dataset.shared_mz, runs, n_threads))
    counted = count_cells(dataset, runs, n_threads)
    peaks = sort_cells(dataset, runs, counted, 0, counted.per_run.shape[1], n_threads)
    return SortedSpectra(peaks, counted.tic)
