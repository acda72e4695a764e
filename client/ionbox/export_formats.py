"""What results can be exported to: the formats' names, modules and file extensions.

Apart from `ionbox.exports`, which does the work, so that ``ionbox export --help`` need not import
numpy and pandas.
"""

from __future__ import annotations

FORMATS = {
    "anndata": "anndata_tables",
    "spatialdata": "spatialdata_tables",
    "csv-pixels": "pixel_csv",
    "ome-tiff": "ome_tiff",
    "png": "png_folder",
}
"""Formats, and their modules in `ionbox.exports`.

Each module has ``write(run, out, fdr, database, use_tic)``, which makes the file or folder ``out``
and returns the number of ions in it; `ionbox.exports.export` says what the arguments mean.
"""

EXTENSIONS = {
    "anndata": (".h5ad",),
    "spatialdata": (".zarr",),
    "csv-pixels": (".csv",),
    "ome-tiff": (".ome.tiff", ".ome.tif", ".tiff", ".tif"),
    "png": (".png",),
}
"""How the names of what a format writes end, the usual ending first.

``png`` writes a folder, which needs no ending; ``.png`` is here so that a name with it is refused
for other formats.
"""
