"""An ibd of a gigabyte, and what sorting it must give; as a command, sorts it in bounded memory.

Spectra repeat a few templates, shifted by a little, so that writing takes seconds and many m/z are
equal. Peaks are told apart by a hash: segments are right if they ascend, ties are in order of the
file, and number and sum of hashes are those expected.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from ionbox_science.imzml.header import ImzmlHeader
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.sorting.disk_sorting import sort_on_disk

N_TEMPLATES, N_ROUNDS, N_PEAKS = 64, 325, 4096
N_SEGMENTS = 22
PEAK_BYTES, START = 12, 16

Hashes = npt.NDArray[np.uint64]


def header(n_rounds: int = N_ROUNDS) -> ImzmlHeader:
    """Spectra of equally many peaks, in rows of 100 pixels."""
    index = np.arange(N_TEMPLATES * n_rounds)
    count = np.full(len(index), N_PEAKS)
    return ImzmlHeader(
        mode="processed",
        mz_dtype=np.dtype("<f8"),
        intensity_dtype=np.dtype("<f4"),
        x=(index % 100).astype(np.int32),
        y=(index // 100).astype(np.int32),
        mz_offset=START + index * (N_PEAKS * PEAK_BYTES),
        mz_count=count,
        intensity_offset=START + index * (N_PEAKS * PEAK_BYTES) + N_PEAKS * 8,
        intensity_count=count,
    )


def write(path: Path, n_rounds: int = N_ROUNDS) -> None:
    """Write the ibd, 3.1 MB for each round, and beside it what sorting must give."""
    rng = np.random.default_rng(1)
    templates = np.sort(rng.uniform(100, 1200, (N_TEMPLATES, N_PEAKS)), axis=1)
    bounds = np.quantile(templates, np.arange(1, N_SEGMENTS) / N_SEGMENTS)
    row = np.dtype([("mz", "<f8", N_PEAKS), ("intensity", "<f4", N_PEAKS)])
    spectra = np.empty(N_TEMPLATES, row)
    spectra["intensity"] = rng.uniform(1, 1e5, (N_TEMPLATES, N_PEAKS))
    n_peaks, hashes = np.zeros(N_SEGMENTS, np.int64), np.zeros(N_SEGMENTS, np.uint64)
    with path.open("wb") as ibd:
        ibd.write(bytes(START))
        for i in range(n_rounds):
            spectra["mz"] = templates + i % 8 * 1e-6
            spectra.tofile(ibd)
            pixel = np.arange(N_TEMPLATES * i, N_TEMPLATES * (i + 1), dtype="u4")[:, None]
            all_hashes = hash_peaks(spectra["mz"], spectra["intensity"], pixel)
            segment = bounds.searchsorted(spectra["mz"].ravel(), side="right")
            np.add.at(hashes, segment, all_hashes.ravel())
            n_peaks += np.bincount(segment, minlength=N_SEGMENTS)
    sums = np.add.accumulate(spectra["intensity"].astype("f8"), axis=1)[:, -1]
    tic = np.zeros(-(-N_TEMPLATES * n_rounds // 100) * 100)
    tic[: N_TEMPLATES * n_rounds] = np.tile(sums, n_rounds)
    np.savez(path.with_suffix(".npz"), bounds=bounds, n_peaks=n_peaks, hashes=hashes, tic=tic)


def hash_peaks(
    mz: npt.NDArray[np.floating[Any]],
    intensity: npt.NDArray[np.float32],
    pixel: npt.NDArray[np.uint32],
) -> Hashes:
    """Mix what a peak is made of into a number."""
    mixed = mz.view("u8") ^ intensity.view("u4") * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= pixel * np.uint64(0xC2B2AE3D27D4EB4F)
    return (mixed ^ mixed >> np.uint64(29)) * np.uint64(0xBF58476D1CE4E5B9)


def is_right(peaks: Peaks, n_peaks: int, expected: int) -> bool:
    """Check a segment, a few peaks at a time."""
    found, step = 0, 100_000
    for start in range(0, len(peaks), step):
        mz, pixel = peaks.mz[start : start + step + 1], peaks.pixel[start : start + step + 1]
        ascend = mz[1:] > mz[:-1]
        ties = (mz[1:] == mz[:-1]) & (pixel[1:] > pixel[:-1])
        if not (ascend | ties).all():
            return False
        here = slice(start, start + step)
        found += int(hash_peaks(peaks.mz[here], peaks.intensity[here], peaks.pixel[here]).sum())
    return len(peaks) == n_peaks and found % 2**64 == expected


def read_status(name: str) -> int:
    """Read a figure about this process, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def sort(path: Path, ibd: IO[bytes], limit: int) -> dict[str, int]:
    """Sort with what is left of the limit, and say what came of it."""
    expected = dict(np.load(path.with_suffix(".npz")))
    right: list[bool] = []

    def read_range(offset: int, length: int) -> bytes:
        ibd.seek(offset)
        return ibd.read(length)

    def check_segment(index: int, peaks: Peaks) -> None:
        right.append(is_right(peaks, expected["n_peaks"][index], int(expected["hashes"][index])))

    tic = sort_on_disk(
        header(),
        read_range,
        expected["bounds"],
        check_segment,
        memory_bytes=limit - read_status("VmRSS"),
        folder=path.parent,
    )
    return {
        "n_segments": len(right),
        "n_right": sum(right),
        "tic_is_right": tic.tobytes() == expected["tic"].tobytes(),
        "peak_bytes": read_status("VmHWM"),
    }


if __name__ == "__main__":
    with Path(sys.argv[1]).open("rb") as file:
        sys.stdout.write(json.dumps(sort(Path(sys.argv[1]), file, int(sys.argv[2]))))
