"""An OME-TIFF with a channel per ion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ionbox.exports.selection import pixel_size_um, select
from ionbox.extras import need

if TYPE_CHECKING:
    from ionbox.results.data import RunData
    from ionbox.results.facts import Database

_LARGE = 1 << 31  # bytes; above, offsets need 64 bits


def write(run: RunData, out: Path, fdr: float, database: Database | None, use_tic: bool) -> int:
    """Write the intensities themselves, float32, compressed; channels are named by ion.

    Images are read and written block by block. The physical size of a pixel is said where the run
    knows it.
    """
    tifffile = need("tifffile", "OME-TIFFs")
    selection = select(run, fdr, database, use_tic)
    shape = (len(selection.ions), *selection.shape)
    metadata: dict[str, Any] = {"axes": "CYX", "Channel": {"Name": selection.names}}
    size = pixel_size_um(run)
    if size:
        metadata |= {"PhysicalSizeX": size[0], "PhysicalSizeXUnit": "µm"}
        metadata |= {"PhysicalSizeY": size[1], "PhysicalSizeYUnit": "µm"}
    n_bytes = 4 * shape[0] * shape[1] * shape[2]
    with tifffile.TiffWriter(out, ome=True, bigtiff=n_bytes > _LARGE) as tiff:
        tiff.write(
            selection.images(),
            shape=shape,
            dtype="float32",
            photometric="minisblack",
            compression="zlib",
            metadata=metadata,
        )
    return len(selection.ions)
