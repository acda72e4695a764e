"""What results can be exported to. Nothing heavy is imported here: help stays quick."""

from __future__ import annotations

FORMATS = {
    "anndata": "anndata_tables",
    "spatialdata": "spatialdata_tables",
    "csv-pixels": "pixel_csv",
    "ome-tiff": "ome_tiff",
    "png": "png_folder",
}
"""Formats and their modules in `ionbox.exports`.

Each has ``write(run, out, fdr, database, use_tic)``, which makes ``out`` and returns the number of
ions.
"""

EXTENSIONS = {
    "anndata": (".h5ad",),
    "spatialdata": (".zarr",),
    "csv-pixels": (".csv",),
    "ome-tiff": (".ome.tiff", ".ome.tif", ".tiff", ".tif"),
    "png": (".png",),
}
"""How names of what a format writes end; the first is usual. What ``png`` writes is a folder."""
