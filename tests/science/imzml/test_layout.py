"""Images of positions far apart: no larger than what was measured, and no score changes."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ionbox_science.errors import InvalidDataset
from ionbox_science.imzml import layout
from ionbox_science.imzml.header import ImzmlHeader, read_header
from ionbox_science.imzml.layout import MOST_IMAGE_PIXELS, SMALL_BOX, has_gaps_to_close, lay_out
from ionbox_science.scoring.ion_images import Grid, extract_images, find_windows
from ionbox_science.scoring.options import ImageOptions
from ionbox_science.scoring.scores import IonScores, score_ions

from tests.builders import build_patterns, build_peaks, join_peaks
from tests.imzml_builder import Pair, build_pair

PATTERNS = build_patterns([[200.0, 201.0, 202.0], [300.0, 301.0, 0.0]])

axes = st.lists(st.integers(0, 40), min_size=12, max_size=12)


def build_at(positions: list[tuple[int, int]]) -> Pair:
    spectra = [([100.0 + i % 7], [1.0 + i]) for i in range(len(positions))]
    return build_pair(spectra, positions)


def header_at(positions: list[tuple[int, int]]) -> ImzmlHeader:
    return read_header(build_at(positions).source, "a.imzML")


def block(x: int, y: int, width: int = 5, height: int = 4) -> list[tuple[int, int]]:
    return [(x + column, y + row) for row in range(height) for column in range(width)]


def score(
    x: np.ndarray, y: np.ndarray, intensity: np.ndarray, *, close_gaps: bool
) -> tuple[IonScores, np.ndarray, layout.Layout]:
    """Score two ions whose peaks lie in given places, with the whole box or without its gaps."""
    made = lay_out(x, y, close_gaps=close_gaps)
    pixel = made.pixel_index(x, y)
    mask = np.zeros(made.n_pixels, bool)
    mask[pixel] = True
    parts = [
        build_peaks([mz] * len(pixel), share * intensity, pixel)
        for row, intensities in zip(PATTERNS.mz, PATTERNS.intensity, strict=True)
        for mz, share in zip(row, intensities, strict=True)
        if mz
    ]
    peaks, grid = join_peaks(parts), Grid(mask.reshape(len(made.y), len(made.x)))
    scores = score_ions(peaks, PATTERNS, grid, ImageOptions(), (100.0, 400.0))
    images = extract_images(peaks, find_windows(peaks.mz, PATTERNS.mz, 3.0), grid)
    return scores, images, made


@settings(max_examples=200)
@given(axes, axes, st.lists(st.integers(0, 9), min_size=12, max_size=12))
def test_no_bit_of_a_score_or_image_depends_on_the_gaps(
    xs: list[int], ys: list[int], intensities: list[int]
) -> None:
    x, y = np.array(xs), np.array(ys)
    intensity = np.array(intensities, np.float32)
    whole, all_pixels, box = score(x, y, intensity, close_gaps=False)
    closed, pixels, made = score(x, y, intensity, close_gaps=True)
    for field in fields(IonScores):
        assert getattr(closed, field.name).tobytes() == getattr(whole, field.name).tobytes()
    # put back to where they were measured, images are the same
    back = np.zeros_like(all_pixels)
    back[:, :, (made.y - box.y[0])[:, None], made.x - box.x[0]] = pixels
    np.testing.assert_array_equal(back, all_pixels)


def test_a_gap_of_two_would_change_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pixels 3 apart fall together when closed if only one empty column stays."""
    x, y = np.array([0, 1, 0, 1, 6, 7, 6, 7]), np.array([0, 0, 1, 1, 0, 0, 1, 1])
    intensity = np.arange(1, 9, dtype=np.float32)
    whole, _, _ = score(x, y, intensity, close_gaps=False)
    monkeypatch.setattr(layout, "GAP", 1)
    wrong, _, _ = score(x, y, intensity, close_gaps=True)
    assert wrong.chaos.tolist() != whole.chaos.tolist()


@pytest.mark.parametrize(
    ("positions", "size"),
    [
        (block(1, 1) + block(7000, 2500), (13, 11)),
        (block(1, 1) + block(19_497, 14_998), (13, 11)),
        (block(1, 1) + block(20_000, 1), (13, 4)),
        ([(50 * x, 50 * y) for x, y in block(1, 1, 12, 10)], (45, 37)),
        ([(17 * i, 13 * i) for i in range(1, 40)], (4 * 38 + 1, 4 * 38 + 1)),
    ],
    ids=["far", "farther", "in one direction", "micrometres", "diagonal"],
)
def test_images_of_regions_far_apart_are_small(
    positions: list[tuple[int, int]], size: tuple[int, int]
) -> None:
    header = header_at(positions)
    assert header.gaps_closed
    assert (header.width, header.height) == size
    assert header.mask.sum() == len(positions)
    rows, columns = np.divmod(header.pixel_index.astype(int), header.width)
    found = list(zip(header.layout.x[columns], header.layout.y[rows], strict=True))
    assert found == positions
    (warning,) = [text for text in header.warnings if "lie far apart" in text]
    assert f"{header.box[0]:,} x {header.box[1]:,} pixels" in warning


@pytest.mark.parametrize(
    "positions",
    [
        block(1, 1, 30, 20),
        block(1, 1) + block(200, 200),  # a small box costs nothing
        [(x, y) for x in range(1, 521, 2) for y in range(1, 521, 2)],
        block(1, 1, 300, 150) + block(1, 200, 300, 150),  # two sections, one slide
    ],
    ids=["whole", "small", "every other", "near"],
)
def test_other_images_are_the_box_of_their_positions(positions: list[tuple[int, int]]) -> None:
    x, y = (np.array(axis) for axis in zip(*positions, strict=True))
    assert not has_gaps_to_close(x, y)
    made = lay_out(x, y, close_gaps=False)
    assert (len(made.x), len(made.y)) == (np.ptp(x) + 1, np.ptp(y) + 1)
    expected = (y - y.min()) * len(made.x) + x - x.min()
    np.testing.assert_array_equal(made.pixel_index(x, y), expected)


def test_the_limit_of_a_small_box_is_what_it_says() -> None:
    ends = np.array([1, SMALL_BOX]), np.array([1, 1])
    assert not has_gaps_to_close(*ends)
    assert has_gaps_to_close(ends[0] + np.array([0, 1]), ends[1])


def test_stored_headers_keep_their_gaps_closed_or_not() -> None:
    for positions in (block(1, 1) + block(7000, 2500), block(1, 1)):
        header = header_at(positions)
        again = ImzmlHeader.from_arrays(header.to_arrays())
        assert again.gaps_closed == header.gaps_closed
        np.testing.assert_array_equal(again.pixel_index, header.pixel_index)
    older = header_at(block(1, 1) + block(700, 250)).to_arrays()
    older["scalars"] = np.array(str(older["scalars"]).replace('"gaps_closed": true, ', ""))
    assert ImzmlHeader.from_arrays(older).width == 704


def test_images_beyond_the_limit_are_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    positions = [(17 * i, 13 * i) for i in range(1, 40)]
    n_pixels = header_at(positions).layout.n_pixels
    source = build_at(positions).source
    monkeypatch.setattr("ionbox_science.imzml.header.MOST_IMAGE_PIXELS", n_pixels)
    assert read_header(source, "a.imzML").gaps_closed
    monkeypatch.setattr("ionbox_science.imzml.header.MOST_IMAGE_PIXELS", n_pixels - 1)
    with pytest.raises(InvalidDataset) as refused:
        read_header(source, "a.imzML")
    text = str(refused.value)
    assert "39 spectra span 647 x 495 pixels, and images without their gaps would be 153" in text
    assert f"more than the {n_pixels - 1:,} pixels" in text
    assert "pixel_step" in text
    assert 4 * MOST_IMAGE_PIXELS == 128 << 20  # bytes of an image, as the constant's note says
