"""Arrays that several spectra share: legal where they are few, refused where they buy work."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ionbox_science.imzml.checks import check_dataset
from ionbox_science.imzml.header import ImzmlHeader, read_header

from tests.imzml_builder import build_pair

N = 40
PLACES = [(1 + i % 8, 1 + i // 8) for i in range(N)]
AXIS = np.arange(100.0, 130.0).tolist()


def header_of(mode: str) -> tuple[ImzmlHeader, bytes]:
    spectra = [(AXIS, [float(1 + i)] * len(AXIS)) for i in range(N)]
    pair = build_pair(spectra, PLACES, mode=mode)
    return read_header(pair.source, "a.imzML"), pair.ibd


def refusals(header: ImzmlHeader, n_bytes: int) -> list[str]:
    problems = check_dataset(
        header,
        name="a.imzML",
        ibd_name="a.ibd",
        ibd_size=n_bytes,
        ibd_uuid=None,
        accept_profile=False,
    )
    return [p.message for p in problems if p.severity == "error"]


def point_at_first(header: ImzmlHeader, n: int, *columns: str) -> ImzmlHeader:
    """Let the last ``n`` spectra have the first one's arrays."""
    changed = {}
    for column in columns:
        offset = getattr(header, column).copy()
        offset[len(offset) - n :] = offset[0]
        changed[column] = offset
    return replace(header, **changed)


@pytest.mark.parametrize("mode", ["processed", "continuous"])
def test_every_spectrum_with_its_own_intensities_is_fine(mode: str) -> None:
    header, ibd = header_of(mode)
    assert header.mode == mode
    assert refusals(header, len(ibd)) == []


def test_a_few_shared_arrays_are_fine() -> None:
    header, ibd = header_of("processed")
    shared = point_at_first(header, N // 2, "mz_offset", "intensity_offset")
    assert refusals(shared, int(shared.ibd_end)) == []
    assert len(ibd) > shared.ibd_end


def test_two_axes_shared_by_many_spectra_are_fine() -> None:
    header, _ = header_of("continuous")
    offset = header.mz_offset.copy()
    offset[N // 2 :] = header.ibd_end
    two = replace(header, mz_offset=offset, mode="processed")
    assert refusals(two, two.ibd_end) == []


@pytest.mark.parametrize("mode", ["processed", "continuous"])
def test_many_spectra_on_the_same_bytes_are_refused(mode: str) -> None:
    header, _ = header_of(mode)
    shared = point_at_first(header, N - 1, "mz_offset", "intensity_offset")
    n_bytes = int(shared.ibd_end)
    (message,) = refusals(shared, n_bytes)
    total = len(AXIS) * (8 + 4 * N)
    assert f"add up to {total:,} bytes, more than 2 times the {n_bytes:,} of a.ibd" in message


@pytest.mark.parametrize("column", ["mz_offset", "intensity_offset"])
def test_arrays_that_overlap_but_begin_elsewhere_are_refused_too(column: str) -> None:
    header, _ = header_of("processed")
    same = point_at_first(header, N - 1, "mz_offset", "intensity_offset")
    shifted = replace(same, **{column: getattr(same, column) + 8 * np.arange(N)})
    assert len(refusals(shifted, int(shifted.ibd_end))) == 1
