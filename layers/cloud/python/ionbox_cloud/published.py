"""Names of what a run publishes: files, arrays and prefixes, each written down once.

Handlers write them and the client reads them. ``docs/results.md`` says what is in each.

::

    results/<dataset>/<run>/
        run.json                     RECORD: what the run was; written last, so all else is there
        annotations.csv              TABLE
        report.html                  REPORT
        ion_images.zarr              IMAGES: arrays as `ImageArrays` names them
        label_fractions.csv          LABEL_FRACTIONS; only where molecules have isotope labels
        diagnostics/<database>.npz   `diagnostics`: IONS_PREFIX…, SCORES_PREFIX…, FDR
        diagnostics/colocalization.npz
        spectrum_index.npz           SPECTRUM_INDEX

    executions/<execution>/status.json    STATUS: how an attempt ended

On one machine, the user's folder has STATUS beside the others, and SOURCES: where this machine has
the ibd and the sorted peaks.
"""

from __future__ import annotations

RECORD = "run.json"
STATUS = "status.json"
TABLE = "annotations.csv"
REPORT = "report.html"
IMAGES = "ion_images.zarr"
LABEL_FRACTIONS = "label_fractions.csv"
SPECTRUM_INDEX = "spectrum_index.npz"
SOURCES = "sources.json"

DIAGNOSTICS = "diagnostics"
RESERVED_DATABASE = "colocalization"
"""No database may have this name: it is taken beside the databases' files in ``diagnostics/``."""
COLOCALIZATION = f"{DIAGNOSTICS}/{RESERVED_DATABASE}.npz"

IONS_PREFIX, SCORES_PREFIX, FDR = "ions_", "scores_", "fdr"
"""Arrays of a database's diagnostics: those of its ion table, of its scores, and the FDR."""


class ImageArrays:
    """Arrays of ``ion_images.zarr``, and the attributes that map ions to rows."""

    IMAGES = "images"
    IMAGE_OF = "image_of"
    SILENT = "silent"
    LABEL_FRACTIONS = "label_fractions"
    FRACTION_OF = "fraction_of"
    ION_FORMULA = "ion_formula"
    MZ = "mz"
    ABUNDANCE = "abundance"
    TIC = "tic"
    MASK = "mask"
    X = "x"
    Y = "y"


def diagnostics(database_name: str) -> str:
    """Return the name of a database's diagnostics."""
    return f"{DIAGNOSTICS}/{database_name}.npz"
