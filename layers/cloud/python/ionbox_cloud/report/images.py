"""Ion images as a report carries them: as many of the best ions' as fit.

An image is {"max": its brightest pixel, "packed": text}: a picture (`ionbox_cloud.stored.pictures`)
in base64.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from ionbox_science.annotation.image_packing import pack_image

from ionbox_cloud.stored.pictures import LEFT_OUT, Pictures, deflate, text_bytes

FloatT = TypeVar("FloatT", bound=np.floating[Any])


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
    return EncodedImage(maximum, _to_text(deflate(packed.data)) if maximum else "")


def encode_mask(mask: npt.NDArray[np.bool_]) -> str:
    """Encode a (height, width) mask: a bit per pixel, row by row, deflated, in base64."""
    return _to_text(deflate(np.packbits(mask.ravel()).data))


def encode_best(
    pictures: Sequence[Pictures], groups: Sequence[Sequence[int]], budget: int
) -> dict[int, list[EncodedImage | None]]:
    """Encode images until a budget is spent, all of a group of ions before any of the next.

    Parameters
    ----------
    pictures : sequence of Pictures
        Those of all images of the run; ions in order.
    groups : sequence of sequences of int
        Rows of the images, the best ion first. Of a group come the first isotopes, then the others.
    budget : int
        Bytes of text that the images may take.

    Returns
    -------
    dict
        Row → its images by isotope, None for those left out; a row without any is not in it.
    """
    stored = _Stored(pictures)
    found: dict[int, list[EncodedImage | None]] = {}
    for rows in groups:
        wanted = [(row, 0) for row in rows]
        wanted += [(row, isotope) for row in rows for isotope in range(1, stored.n_isotopes)]
        for row, isotope in wanted:
            n_bytes = stored.n_bytes[row][isotope]
            if n_bytes == LEFT_OUT:
                continue
            budget -= text_bytes(n_bytes)
            if budget < 0:
                return found
            images = found.setdefault(row, [None] * stored.n_isotopes)
            images[isotope] = stored.encode(row, isotope)
    return found


class _Stored:
    """Pictures of all ions, by row."""

    def __init__(self, pictures: Sequence[Pictures]) -> None:
        self._packed = [part.packed.data for part in pictures]
        self._part = [at for at, part in enumerate(pictures) for _ in part.n_bytes]
        self._maximum = [row for part in pictures for row in part.maximum.tolist()]
        self.n_bytes = [row for part in pictures for row in part.n_bytes.tolist()]
        self._start = [row for part in pictures for row in part.start.tolist()]
        self.n_isotopes = len(self.n_bytes[0]) if self.n_bytes else 0

    def encode(self, row: int, isotope: int) -> EncodedImage:
        """Return an image that is not left out."""
        start, n_bytes = self._start[row][isotope], self.n_bytes[row][isotope]
        picture = self._packed[self._part[row]][start : start + n_bytes]
        return EncodedImage(self._maximum[row][isotope], _to_text(picture))


def _to_text(data: bytes | memoryview) -> str:
    return base64.b64encode(data).decode()
