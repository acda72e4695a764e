"""The checksum of a whole ibd that is read for nothing else."""

from __future__ import annotations

import functools
import time

from ionbox_science.imzml.ibd import PassingDigest
from ionbox_science.imzml.spectra import ReadRange
from ionbox_science.progress import report_progress

from ionbox_cloud.planning.work_items import cut
from ionbox_cloud.stored.segments import read_ahead

_PIECE_BYTES = 32 << 20  # of one request; two pieces are in memory at a time


def digest_ibd(algorithm: str, read_range: ReadRange, n_bytes: int, allowance_s: float) -> str:
    """Return the checksum of a whole ibd.

    Parameters
    ----------
    algorithm : str
        As ``hashlib`` names it.
    read_range : ReadRange
        Reads the ibd.
    n_bytes : int
        Size of the ibd.
    allowance_s : float
        Seconds after which it is given up.

    Returns
    -------
    str
        Hex digits; empty if time was too short.
    """
    digest = PassingDigest(algorithm, read_range)
    deadline = time.monotonic() + allowance_s
    pieces = list(cut(n_bytes, _PIECE_BYTES))
    reads = [functools.partial(read_range, start, stop - start) for start, stop in pieces]
    for (start, stop), piece in zip(pieces, read_ahead(reads), strict=True):
        digest(start, memoryview(piece))
        report_progress(stop, n_bytes, "bytes")
        if time.monotonic() > deadline:
            return ""
    return digest.finish(n_bytes)
