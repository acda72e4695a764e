"""How a dataset is read: which of its spectra, and how their positions become pixels.

Two runs that read a dataset differently have different peaks, so these options are a part of the
identity of everything that is computed from them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ionbox_science.setting_table import DEFAULTS


@dataclass(frozen=True)
class ReadOptions:
    """How a dataset is read.

    Attributes
    ----------
    ms_level : int
        Only spectra of this level are read; one that states none is of level 1.
    pixel_step : int
        Distance of neighbouring pixels in the positions of the file: 1 where they are numbered, 50
        where positions are micrometres and pixels 50 of them wide.
    centroid : bool
        Whether peaks are picked from spectra that do not say they are centroided.
    """

    ms_level: int = DEFAULTS["ms_level"]
    pixel_step: int = DEFAULTS["pixel_step"]
    centroid: bool = DEFAULTS["centroid"]

    def to_json(self) -> dict[str, Any]:
        """Return the options by name."""
        return asdict(self)
