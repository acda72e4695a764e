"""What all exports have in common: the ions, and their images block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from ionbox_science.errors import InvalidConfig

from ionbox.scaling import scale_image

if TYPE_CHECKING:
    import pandas as pd

    from ionbox.run import Run
    from ionbox.run_facts import Database

_BLOCK_VALUES = 1 << 26  # of images in memory at a time: 256 MB

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Selection:
    """Ions to export, each once, the best FDR first.

    Attributes
    ----------
    ions : pandas.DataFrame
        Rows as of `Run.results`; of an ion that two databases have, the better one.
    """

    run: Run
    ions: pd.DataFrame
    use_tic: bool

    @property
    def names(self) -> list[str]:
        """The ions as in the column ``ion``."""
        return list(self.ions["ion"])

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, pixels."""
        height, width = self.run.mask.shape
        return height, width

    def images(self) -> Iterator[Floats]:
        """Yield the image of each ion: (height, width) float32."""
        per_read = max(1, _BLOCK_VALUES // max(1, self.run.mask.size))
        for start in range(0, len(self.ions), per_read):
            yield from self.block(self.names[start : start + per_read], slice(None))

    def strips(self) -> Iterator[tuple[int, Floats]]:
        """Yield (first row of pixels, all ions' pixels of some rows: (n_ions, rows, width))."""
        height, width = self.shape
        rows = max(1, _BLOCK_VALUES // max(1, len(self.ions) * width))
        for start in range(0, height, rows):
            yield start, self.block(self.names, slice(start, start + rows))

    def block(self, names: list[str], rows: slice) -> Floats:
        """Read some rows of pixels of some ions."""
        lazy = self.run.images.isel(isotope=0, y=rows).sel(ion=names)
        values: Floats = np.asarray(lazy.values)
        if self.use_tic:
            values = np.asarray(scale_image(values, "TIC", self.run.tic_image()[rows]))
        return values

    def facts(self) -> dict[str, Any]:
        """Say where an export comes from."""
        run = self.run
        return {
            "dataset": run.name,
            "dataset_id": run.metadata["id"],
            "run_id": run.id,
            "intensity": "fraction of the total ion current" if self.use_tic else "counts",
            "ionbox": run.record["versions"]["ionbox"],
        }


def select(run: Run, fdr: float, database: Database | None, use_tic: bool) -> Selection:
    """Choose the ions to export.

    Raises
    ------
    InvalidConfig
        If there are none.
    """
    frame = run.results(database, fdr)
    if not len(frame):
        name = database if isinstance(database, str) or database is None else database[0]
        of = f" of {name}" if name else ""
        raise InvalidConfig(f"no annotations{of} up to an FDR of {fdr:g}; give a higher one")
    return Selection(run, frame[~frame["ion"].duplicated()], use_tic)


def pixel_size_um(run: Run) -> tuple[float, float] | None:
    """Return width and height of a pixel in micrometres, None if the run does not know."""
    size = run.metadata.get("pixel_size_um")
    if not isinstance(size, list) or len(size) != 2:
        return None
    return float(size[0]), float(size[1])
