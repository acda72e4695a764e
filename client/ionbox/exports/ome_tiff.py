"""An OME-TIFF with a channel per ion, for image viewers such as QuPath, Fiji and napari."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ionbox.exports.selection import pixel_size_um, select
from ionbox.extras import need

if TYPE_CHECKING:
    from ionbox.results.description import Database
    from ionbox.results.measurement import RunMeasurement

_LARGE = 1 << 31  # bytes; offsets of a plain TIFF have 32 bits, and metadata comes on top


def write(
    run: RunMeasurement, out: Path, fdr: float, database: Database | None, use_tic: bool
) -> int:
    """Write the intensities as they are, float32, compressed; channels are named by ion.

    Images are read and written block by block, so memory stays bounded. The physical size of a
    pixel (µm) is written if the run knows it. Arguments and result are those of every format's
    ``write``.
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
