"""How ion images are scaled for people, in the ways of METASPACE's client.

Images go in and come out as (height, width) arrays; what is given is never changed. Used by
`Run.isotope_images` and the exports.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from ionbox_science.errors import InvalidConfig

Scale = Literal["TIC"] | bool

Image = npt.NDArray[np.floating[Any]]

_HOTSPOT_QUANTILE = 0.99
_VISIBLE = 1 / 256  # of the maximum: what METASPACE's 8-bit display shows at all


def check_scale(scale: Scale) -> None:
    """Refuse what is not a way of scaling.

    Raises
    ------
    InvalidConfig
        If it is none of True, False and ``"TIC"``.
    """
    if scale not in (True, False, "TIC"):
        raise InvalidConfig(f"scale_intensity is {scale!r}; give True, False or 'TIC'")


def scale_image(image: Image, scale: Scale, tic: Image | None) -> Image:
    """Scale an image.

    Parameters
    ----------
    image : (height, width) float
        Intensities, counts.
    scale : {True, False, "TIC"}
        True: intensities as they are. False: divided by the image's maximum, 0 to 1. ``"TIC"``:
        divided by each pixel's total ion current; 0 where that is 0.
    tic : (height, width) float or None
        Total ion current, counts; needed for ``"TIC"``.

    Raises
    ------
    ValueError
        If ``"TIC"`` is asked for without the image of it.
    """
    if scale == "TIC":
        if tic is None:
            raise ValueError("scaling by TIC needs the TIC image")
        return np.divide(image, tic, out=np.zeros_like(image), where=tic > 0, casting="same_kind")
    if scale:
        return image
    top = image.max(initial=0)
    return image / top if top > 0 else image


def clip_hotspots(image: Image) -> Image:
    """Cap an image at the 99th percentile of its visible pixels: above 1/256 of the maximum.

    What METASPACE's display does, so that a few hot pixels do not darken the rest.

    >>> import numpy as np
    >>> float(clip_hotspots(np.array([[0.0, 1.0], [1.0, 100.0]])).max()) < 100
    True
    """
    visible = image[image > image.max(initial=0) * _VISIBLE]
    if not visible.size:
        return image
    cap = np.quantile(visible, _HOTSPOT_QUANTILE)
    clipped: Image = np.minimum(image, cap.astype(image.dtype))
    return clipped
