"""Pictures: ion images packed for the report, made where the images are drawn.

A picture is what `ionbox_science.annotation.image_packing` makes of an image, deflated. The report
takes pictures of the best annotations until it is full. RenderImages knows the place of each of its
images in that order, but not how much room those of other calls take; it judges by its own, and
leaves out what would come far behind the end.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ionbox_science.annotation.image_packing import pack_image
from ionbox_science.columns import ArrayRecord

REPORT_BYTES = 25_000_000
"""Size of a report, at most. Images that do not fit stay outside; those of annotations up to
`GOOD_FDR` come first, all their isotopes before any image of the rest."""

GOOD_FDR = 0.1
"""The usual level, which the page shows first."""

BYTES_AROUND = 150
"""At most what surrounds a picture in a report: maximum, quotes, the element that holds it."""

ROOM_BYTES = 4 * REPORT_BYTES
"""How much pictures may seem to need before some are not packed: one call's may be larger than
others'."""

_LEVEL = 1
"""Of deflate: 6 takes 1.7 times the CPU and saves 2 % (docs/decisions.md)."""

LEFT_OUT = -1
"""Size of a picture that there is no room for."""


@dataclass(frozen=True)
class Pictures(ArrayRecord):
    """The pictures of some ions.

    Attributes
    ----------
    maximum : (n_ions, n_isotopes) float64
        Intensity of the brightest pixel, counts; 0 if the image is empty, or left out.
    start : (n_ions, n_isotopes) int64
        Where each picture begins in ``packed``.
    n_bytes : (n_ions, n_isotopes) int64
        Size of each picture; 0 if the image is empty, `LEFT_OUT` if it is left out.
    packed : (n_packed,) uint8
        All pictures.
    """

    maximum: npt.NDArray[np.float64]
    start: npt.NDArray[np.int64]
    n_bytes: npt.NDArray[np.int64]
    packed: npt.NDArray[np.uint8]


class PicturePacker:
    """Packs the pictures of a call of RenderImages, as many as a report may have room for.

    Parameters
    ----------
    place : (n_ions, n_isotopes) int64
        Of each image in the order in which a report takes them (`order_pictures`).
    room_bytes : int
        What all pictures up to one of them may seem to take in a report, so that it is packed.
    """

    def __init__(self, place: npt.NDArray[np.int64], room_bytes: int = ROOM_BYTES) -> None:
        self._place = place
        self._room_bytes = room_bytes
        self._maximum = np.zeros(place.shape)
        self._start = np.zeros(place.shape, np.int64)
        self._n_bytes = np.full(place.shape, LEFT_OUT, np.int64)
        self._packed = bytearray()
        self._n_packed = self._n_text_bytes = 0

    def add(self, first: int, images: npt.NDArray[np.float32]) -> None:
        """Pack images of ions from ``first`` on, (n, n_isotopes, height, width) float32, counts."""
        order = np.argsort(self._place[first : first + len(images)], axis=None)
        for row, isotope in zip(*np.unravel_index(order, images.shape[:2]), strict=True):
            at = first + row, isotope
            if not self._has_room(int(self._place[at])):
                return
            self._maximum[at], packed = pack_image(images[row, isotope])
            picture = deflate(packed.data) if packed.size else b""
            self._start[at], self._n_bytes[at] = len(self._packed), len(picture)
            self._packed += picture
            self._n_packed += 1
            self._n_text_bytes += text_bytes(len(picture))

    def _has_room(self, place: int) -> bool:
        """Say whether pictures like those so far, one at each place before, leave room for it."""
        return place * self._n_text_bytes <= self._room_bytes * self._n_packed

    def pictures(self) -> Pictures:
        """Return what was packed."""
        packed = np.frombuffer(self._packed, np.uint8)
        return Pictures(self._maximum, self._start, self._n_bytes, packed)


def order_pictures(
    n_images: int, n_isotopes: int, rows: Iterable[tuple[float, float, int]]
) -> npt.NDArray[np.int64]:
    """Return the place of each image in the order in which a report takes them.

    Parameters
    ----------
    n_images, n_isotopes : int
        How many ions have images, and how many images each.
    rows : iterable of (float, float, int)
        FDR, MSM and image of each annotation.

    Returns
    -------
    (n_images, n_isotopes) int64
        Annotations up to `GOOD_FDR` come first, then the rest; of either the first isotopes before
        the others. Equal ones are in no special order.
    """
    best: dict[int, float] = {}
    for fdr, _, image in sorted(rows, key=lambda row: (row[0], -row[1])):
        best.setdefault(image, fdr)
    images = np.array(list(best), np.int64)
    n_good = sum(fdr <= GOOD_FDR for fdr in best.values())
    place = np.empty((n_images, n_isotopes), np.int64)
    for group, before in ((images[:n_good], 0), (images[n_good:], n_good * n_isotopes)):
        place[group, 0] = before + np.arange(len(group))
        others = np.arange(len(group) * (n_isotopes - 1)).reshape(len(group), n_isotopes - 1)
        place[group, 1:] = before + len(group) + others
    return place


def deflate(data: memoryview) -> bytes:
    """Compress bytes, without any header (raw deflate)."""
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def text_bytes(n_bytes: int) -> int:
    """Return the most that a picture of so many bytes takes in a report: in base64, and around."""
    return -(-n_bytes // 3) * 4 + BYTES_AROUND
