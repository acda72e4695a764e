"""Ion images as a report carries them: as many of the best ions' as fit.

An image is {"max": its brightest pixel, "packed": text}: what
`ionbox_science.annotation.image_packing` makes of it, deflated, in base64.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from ionbox_science.annotation.image_packing import pack_image
from ionbox_science.progress import report_progress

from ionbox_cloud.planning.work_items import IMAGE_CELLS_PER_ITEM
from ionbox_cloud.stored.images import StoredImages

FloatT = TypeVar("FloatT", bound=np.floating[Any])

_LEVEL = 1
"""Of deflate: 6 takes 1.7 times the CPU and saves 2 % (docs/decisions.md)."""

_FIRST_BATCH = 128  # images that tell how large others will be
_BYTES_AROUND = 150  # at most: maximum, quotes, and the element around the images of an ion


@dataclass(frozen=True)
class EncodedImage:
    """An image as text, to lie in the page's JSON.

    Attributes
    ----------
    maximum : float
        Intensity of the brightest pixel, counts; 0 if the image is empty.
    packed : str
        Its pixels, as the module says; empty if the image is.
    """

    maximum: float
    packed: str

    def to_json(self) -> dict[str, Any]:
        """Return the image as the page reads it."""
        return {"max": self.maximum, "packed": self.packed}


def make_finite(image: npt.NDArray[FloatT]) -> npt.NDArray[FloatT]:
    """Let intensities that are infinite or NaN count as the highest finite one; any shape."""
    finite = np.isfinite(image)
    return image if finite.all() else np.where(finite, image, image[finite].max(initial=0))


def encode_image(image: npt.NDArray[np.floating[Any]]) -> EncodedImage:
    """Encode an image of any shape; intensities in counts, row by row."""
    maximum, packed = pack_image(image)
    return EncodedImage(maximum, deflate(packed.data) if maximum else "")


def encode_mask(mask: npt.NDArray[np.bool_]) -> str:
    """Encode a (height, width) mask: a bit per pixel, row by row, deflated, in base64."""
    return deflate(np.packbits(mask.ravel()).data)


def deflate(data: memoryview) -> str:
    """Compress bytes, without any header (raw deflate), and write them as text (base64)."""
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return base64.b64encode(compressor.compress(data) + compressor.flush()).decode()


def encode_best(
    images: StoredImages, groups: Sequence[Sequence[int]], budget: int
) -> dict[int, list[EncodedImage | None]]:
    """Encode images until a budget is spent, all of a group of ions before any of the next.

    Parameters
    ----------
    images : StoredImages
        All images of the run.
    groups : sequence of sequences of int
        Rows of the images, the best ion first. Of a group come the first isotopes, then the others.
    budget : int
        Bytes of text that the images may take.

    Returns
    -------
    dict
        Row → its images by isotope, None for those left out; a row without any is not in it.

    Notes
    -----
    Images are read in batches, and for a batch every isotope of an object once: few reads where
    images are small, and where they are huge, about twice as many as there is room for at most. How
    many that is, the first batch tells.
    """
    _, n_isotopes, height, width = images.shape
    wanted: list[tuple[int, int]] = []
    for rows in groups:
        wanted += [(row, 0) for row in rows]
        wanted += [(row, isotope) for row in rows for isotope in range(1, n_isotopes)]
    found: dict[int, list[EncodedImage | None]] = {}
    n_next = max(1, min(IMAGE_CELLS_PER_ITEM // (height * width), _FIRST_BATCH))
    n_done, left = 0, budget
    while n_done < len(wanted):
        batch = wanted[n_done : n_done + n_next]
        encoded = dict(_encode(images, batch))
        for row, isotope in batch:
            image = encoded[row, isotope]
            left -= len(image.packed) + _BYTES_AROUND
            if left < 0:
                return found
            found.setdefault(row, [None] * n_isotopes)[isotope] = image
        n_done += len(batch)
        report_progress(n_done, len(wanted), "images")
        # twice as many as there would be room for: those to come are fainter, and so smaller
        n_next = max(n_next, 2 * left * n_done // (budget - left))
    return found


def _encode(
    images: StoredImages, wanted: Sequence[tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], EncodedImage]]:
    """Yield images in the order of the objects that hold them."""
    groups: dict[tuple[int, int], list[int]] = {}
    for row, isotope in wanted:
        groups.setdefault((row // images.per_shard, isotope), []).append(row)
    for (_, isotope), rows in sorted(groups.items()):
        first = min(rows)
        read = images.read(first, max(rows) + 1, isotope)
        for row in rows:
            yield (row, isotope), encode_image(read[row - first])
