"""Which column and row of an image each position of the file is.

Usually images are the bounding box of all positions. Where the box is large and nearly empty, as of
regions far apart on one slide, rows and columns in which nothing was measured are left out, so that
images cost what was measured. A few of every such gap stay: chaos looks two pixels around each
pixel (a closing, see `ionbox_science.scoring.chaos`), so that no score depends on the rest of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]

GAP = 3
"""Empty rows or columns that stay of a gap: what is dilated from either side does not touch."""

SMALL_BOX = 1 << 16
"""Pixels of a box whose images cost little, measured or not: its gaps stay as they are."""

MOST_IMAGE_PIXELS = 1 << 25
"""Pixels of an image, such as 5,792 x 5,792: 128 MB each, and an ion has one per isotope peak."""

_WORTH = 2  # times smaller, at least: regions that lie near each other are drawn as they lie


@dataclass(frozen=True)
class Layout:
    """The positions that images show.

    Attributes
    ----------
    x, y : (width,), (height,) int64
        Position in the file of every column and row of images, ascending.
    """

    x: Int64Array
    y: Int64Array

    @property
    def n_pixels(self) -> int:
        """Pixels of an image."""
        return len(self.x) * len(self.y)

    def pixel_index(
        self, x: npt.NDArray[np.integer[Any]], y: npt.NDArray[np.integer[Any]]
    ) -> npt.NDArray[np.uint32]:
        """Return the row-major pixel of positions that the layout has, uint32."""
        row, column = _places(self.y, y), _places(self.x, x)
        return (row * len(self.x) + column).astype(np.uint32)


def span(values: npt.NDArray[np.integer[Any]]) -> int:
    """Return the pixels from the first to the last position along an axis, both included."""
    return int(values.max()) - int(values.min()) + 1


def lay_out(
    x: npt.NDArray[np.integer[Any]], y: npt.NDArray[np.integer[Any]], *, close_gaps: bool
) -> Layout:
    """Return the layout of positions, with their gaps or without."""
    along = _without_gaps if close_gaps else _whole
    return Layout(along(x), along(y))


def has_gaps_to_close(x: npt.NDArray[np.integer[Any]], y: npt.NDArray[np.integer[Any]]) -> bool:
    """Say whether images should be drawn without their gaps, which makes them far smaller."""
    n_pixels = span(x) * span(y)
    # the first two only spare the look at rows and columns: what is half full cannot shrink to half
    if n_pixels <= SMALL_BOX or n_pixels < _WORTH * len(x):
        return False
    return _WORTH * lay_out(x, y, close_gaps=True).n_pixels <= n_pixels


def _places(axis: Int64Array, values: npt.NDArray[np.integer[Any]]) -> Int64Array:
    """Return where in an axis values are; by arithmetic where it has no gaps, which is faster."""
    if len(axis) == span(axis):
        places: Int64Array = np.subtract(values, axis[0], dtype=np.int64)
        return places
    return np.searchsorted(axis, values).astype(np.int64)


def _whole(values: npt.NDArray[np.integer[Any]]) -> Int64Array:
    return np.arange(int(values.min()), int(values.max()) + 1, dtype=np.int64)


def _without_gaps(values: npt.NDArray[np.integer[Any]]) -> Int64Array:
    used = np.unique(values).astype(np.int64)
    # behind every used one, as many empty ones as stay of the gap that follows
    behind = used[:-1, None] + np.arange(GAP + 1)
    return np.concatenate([behind[behind < used[1:, None]], used[-1:]])
