"""Images in few bytes, and back, in a few lines of numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

STEPS = 65535


def pack_image(image: npt.NDArray[np.floating]) -> tuple[float, bytes]:
    """Return the brightest pixel, and a bit per pixel with the steps of those that have signal."""
    finite = np.isfinite(image)
    filled = np.where(finite, image, image[finite].max(initial=0))
    maximum = float(filled.max(initial=0))
    if maximum <= 0:
        return 0.0, b""
    shares = filled.astype(np.float64) / maximum
    steps = np.where(shares > 0, np.maximum(np.rint(shares * STEPS), 1), 0).astype("<u2").ravel()
    has_signal = filled.ravel() > 0
    return maximum, np.packbits(has_signal).tobytes() + steps[has_signal].tobytes()


def unpack_image(maximum: float, packed: bytes, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Return the intensities of a packed image, counts, as the page reads them."""
    steps = np.zeros(int(np.prod(shape)))
    if packed:
        bits = np.frombuffer(packed, np.uint8, -(-steps.size // 8))
        kept = np.unpackbits(bits, count=steps.size).astype(bool)
        steps[kept] = np.frombuffer(packed, "<u2", offset=bits.size)
    return (steps * (maximum / STEPS)).reshape(shape)
