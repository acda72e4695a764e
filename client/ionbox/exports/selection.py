"""What all exports have in common: which ions, and their images block by block.

`select` chooses the ions from the table and refuses an empty choice; the `Selection` then yields
images ion by ion (most formats), or pixel by pixel (CSV), never all of them at a time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from ionbox_science.errors import InvalidConfig

from ionbox.results.scaling import scale_image

if TYPE_CHECKING:
    import pandas as pd

    from ionbox.results.description import Database
    from ionbox.results.measurement import RunMeasurement

BLOCK_VALUES = 1 << 26  # float32 values of images in memory at a time: 256 MB

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Selection:
    """Ions to export, each once, the best FDR first.

    Attributes
    ----------
    run : Run
        The run they are of.
    ions : pandas.DataFrame
        Rows as of `Run.results`; of an ion that two databases have, the one with the better FDR.
    use_tic : bool
        Whether intensities are fractions of each pixel's total ion current; else counts.
    """

    run: RunMeasurement
    ions: pd.DataFrame
    use_tic: bool

    @property
    def names(self) -> list[str]:
        """Names of the ions, as in the column ``ion``."""
        return list(self.ions["ion"])

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the images, in pixels."""
        height, width = self.run.mask.shape
        return height, width

    def images(self) -> Iterator[Floats]:
        """Yield the image of each ion: (height, width) float32."""
        for names in self._cut(self.ions["ion"].tolist()):
            yield from self.block(names)

    def pixels(self, folder: Path) -> Iterator[Floats]:
        """Yield the intensities of measured pixels, all ions of some pixels at a time.

        An image holds one ion at all pixels, a row of the CSV one pixel of all ions: the matrix has
        to be transposed, and is too large for memory. So each image is read once, in the order in
        which images are stored, into an unnamed file, from which some pixels at a time are read.

        Parameters
        ----------
        folder : Path
            Where the unnamed file is put; it takes 4 bytes per ion and measured pixel.

        Yields
        ------
        (n_some_pixels, n_ions) float32
            Pixels in the order of the mask, row by row from the top; ions in that of ``ions``.
        """
        mask = self.run.mask
        place = {ion: index for index, ion in enumerate(self.ions["ion"])}
        n_ions, n_pixels = len(place), int(mask.sum())
        stored = self.run.images.indexes["ion"]
        with tempfile.TemporaryFile(dir=folder) as file:
            values = np.memmap(file, np.float32, "w+", shape=(n_ions, n_pixels))
            for names in self._cut([ion for ion in stored if ion in place]):
                for name, image in zip(names, self.block(names), strict=True):
                    values[place[name]] = image[mask]
            per_read = max(1, BLOCK_VALUES // n_ions)
            for start in range(0, n_pixels, per_read):
                yield np.ascontiguousarray(values[:, start : start + per_read].T)

    def _cut(self, names: list[str]) -> Iterator[list[str]]:
        """Cut a list of ions into parts whose images fit into memory together."""
        per_read = max(1, BLOCK_VALUES // max(1, self.run.mask.size))
        for start in range(0, len(names), per_read):
            yield names[start : start + per_read]

    def block(self, names: list[str]) -> Floats:
        """Read the images of some ions: (n_ions, height, width) float32."""
        values: Floats = np.asarray(self.run.images.isel(isotope=0).sel(ion=names).values)
        if self.use_tic:
            values = np.asarray(scale_image(values, "TIC", self.run.tic_image()))
        return values

    def facts(self) -> dict[str, Any]:
        """Return where an export comes from: dataset, run, unit of intensities, version."""
        run = self.run
        return {
            "dataset": run.name,
            "dataset_id": run.metadata["id"],
            "run_id": run.id,
            "intensity": "fraction of the total ion current" if self.use_tic else "counts",
            "ionbox": run.record["versions"]["ionbox"],
        }


def select(run: RunMeasurement, fdr: float, database: Database | None, use_tic: bool) -> Selection:
    """Choose the ions to export; arguments are those of `ionbox.exports.export`.

    Raises
    ------
    InvalidConfig
        If nothing was annotated up to the FDR, or it is not a fraction.
    NotInResults
        If the run has no such database.
    """
    frame = run.results(database, fdr)
    if not len(frame):
        name = database if isinstance(database, str) or database is None else database[0]
        of = f" of {name}" if name else ""
        if not len(run.results(database)):
            raise InvalidConfig(f"the run of {run.name} has no annotations{of}, nothing to export")
        raise InvalidConfig(f"no annotations{of} up to an FDR of {fdr:g}; give a higher one")
    # results() has the best FDR first, so the first row of an ion is its best
    return Selection(run, frame[~frame["ion"].duplicated()], use_tic)


def pixel_size_um(run: RunMeasurement) -> tuple[float, float] | None:
    """Return width and height of a pixel in micrometres, None if the run does not know them."""
    size = run.metadata.get("pixel_size_um")
    if not isinstance(size, list) or len(size) != 2:
        return None
    return float(size[0]), float(size[1])
