"""How ion images are cut from the data: a part of a run's config, which needs no numpy."""

from __future__ import annotations

from dataclasses import dataclass

from ionbox_science.setting_table import DEFAULTS


@dataclass(frozen=True)
class ImageOptions:
    """How images are cut from the data and when they count.

    Attributes
    ----------
    ppm : float
        Half width of an m/z window, in parts per million.
    min_px : int
        Measured peaks an image needs to count as not empty.
    """

    ppm: float = DEFAULTS["ppm"]
    min_px: int = DEFAULTS["min_px"]
