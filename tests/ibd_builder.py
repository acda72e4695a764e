"""Headers and ibd files as tests want them: any order of arrays, gaps, types, odd values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from ionbox_science.imzml.header import ImzmlHeader

Arrays = list[npt.NDArray[Any]]

# What sorting must get right: zeros of both signs, NaN of both signs, infinities, neighbours,
# values on the border of a cell, values below and above the inner cells, subnormals.
ODD_MZ = [
    *(0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 1e-310, -1e-310, -5.0, -6.0, 0.5, 1e7, 1e30),
    *(1.0, np.nextafter(1.0, 0), np.nextafter(1.0, 2), 2.0**20, np.nextafter(2.0**20, 0)),
    *(100.0, np.nextafter(100.0, 200), 128.0, np.nextafter(128.0, 0), 500.25, 500.2500001),
]
ODD_FLOATS = [0.0, -0.0, -1.0, 1.0, 2.5, 1e-300, 1e300, np.nan, np.inf, -np.inf, 0.1, 3e7]
ODD_INTEGERS = [0, -1, 1, 7, 2**24 + 1, 2**31 - 1]


@dataclass(frozen=True)
class Dataset:
    """A header and its ibd, laid out as a test wants it."""

    header: ImzmlHeader
    ibd: bytes

    def read_range(self, offset: int, length: int) -> bytes:
        assert offset >= 0
        assert length > 0
        assert offset + length <= len(self.ibd)
        return self.ibd[offset : offset + length]


def lay_out(
    mz: Arrays,
    intensity: Arrays,
    *,
    order: list[int] | None = None,
    gaps: list[int] | None = None,
    share_mz: bool = False,
    pixels: list[int] | None = None,
) -> Dataset:
    """Store arrays in any order, with gaps; array 2i is the m/z, 2i + 1 the intensity of i."""
    n = len(mz)
    ibd = bytearray(b"\xaa" * 16)
    offset = np.zeros(2 * n, np.int64)
    for k, piece in enumerate(order or range(2 * n)):
        if share_mz and piece % 2 == 0 and piece > 0:
            continue
        ibd += b"\x55" * (gaps[k] if gaps else 0)
        offset[piece] = len(ibd)
        ibd += (intensity if piece % 2 else mz)[piece // 2].tobytes()
    if share_mz:
        offset[0::2] = offset[0]
    position = np.array(pixels if pixels else range(n))
    header = ImzmlHeader(
        mode="continuous" if share_mz else "processed",
        mz_dtype=mz[0].dtype,
        intensity_dtype=intensity[0].dtype,
        x=(position % 3 + 5).astype(np.int32),
        y=(position // 3).astype(np.int32),
        mz_offset=offset[0::2],
        mz_count=np.array([len(mz[0 if share_mz else i]) for i in range(n)]),
        intensity_offset=offset[1::2],
        intensity_count=np.array([len(values) for values in intensity]),
    )
    return Dataset(header, bytes(ibd))


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    n = draw(st.integers(1, 8))
    mz_type = draw(st.sampled_from(["<f4", "<f8"]))
    intensity_type = draw(st.sampled_from(["<f4", "<f8", "<i4", "<i8"]))
    share_mz = draw(st.booleans())
    sizes = draw(st.lists(st.integers(0, 6), min_size=n, max_size=n))
    sizes = [sizes[0]] * n if share_mz else sizes
    usual = st.floats(50, 2000)
    mz_value = draw(st.sampled_from([usual, st.sampled_from(ODD_MZ), st.sampled_from(ODD_MZ[-6:])]))
    ascending = draw(st.booleans())
    counts = st.sampled_from(ODD_FLOATS if intensity_type[1] == "f" else ODD_INTEGERS)

    def stored(value: st.SearchStrategy[float], size: int, dtype: str) -> npt.NDArray[Any]:
        with np.errstate(over="ignore", under="ignore"):
            drawn = draw(st.lists(value, min_size=size, max_size=size))
            return np.array(drawn, dtype[1] + "8").astype(dtype)

    mz = [stored(mz_value, size, mz_type) for size in sizes]
    mz = [np.sort(values) for values in mz] if ascending else mz
    dataset = lay_out(
        mz,
        [stored(counts, size, intensity_type) for size in sizes],
        order=draw(st.permutations(range(2 * n))),
        gaps=draw(st.lists(st.integers(0, 20), min_size=2 * n, max_size=2 * n)),
        share_mz=share_mz,
        pixels=draw(st.lists(st.integers(0, 8), min_size=n, max_size=n)),
    )
    picked = draw(st.none() | st.lists(st.booleans(), min_size=n, max_size=n))
    return dataset if picked is None else pick_some(dataset, picked)


def pick_some(dataset: Dataset, picked: list[bool]) -> Dataset:
    """Return a dataset that says of which spectra the peaks are to be picked."""
    return replace(dataset, header=replace(dataset.header, picked=np.array(picked)))


def many(n: int, size: int = 50) -> tuple[Arrays, Arrays]:
    rng = np.random.default_rng(1)
    mz = [np.sort(rng.uniform(100, 900, size)) for _ in range(n)]
    return mz, [rng.uniform(1, 9, size).astype(np.float32) for _ in range(n)]
