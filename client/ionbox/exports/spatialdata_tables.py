"""SpatialData as metaspace-converter lays it out: a table, and points where the pixels are.

The table is that of ``anndata_tables.py``; the points tie it to a place on the sample, so that
spatialdata can lay a run over microscopy.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ionbox.exports.anndata_tables import to_anndata
from ionbox.exports.selection import pixel_size_um
from ionbox.extras import need

if TYPE_CHECKING:
    from spatialdata import SpatialData

    from ionbox.results.description import Database
    from ionbox.results.measurement import RunMeasurement

_POINTS = "maldi_points"
_X, _Y = "ion_image_pixel_x", "ion_image_pixel_y"


def to_spatialdata(
    run: RunMeasurement,
    *,
    fdr: float = 0.1,
    database: Database | None = None,
    use_tic: bool = False,
) -> SpatialData:
    """Return pixels and ions as SpatialData; parameters are those of `to_anndata`.

    Returns
    -------
    SpatialData
        ``tables["table"]``: as of `to_anndata`. ``points["maldi_points"]``: a point per pixel with
        its intensities; x and y are pixels, and the transformation to ``global`` makes them
        micrometres if the run knows the size of a pixel.

    Raises
    ------
    InvalidConfig
        If nothing was annotated up to the FDR, or it is not a fraction.
    NotInResults
        If the run has no such database.
    MissingLibrary
        If spatialdata or anndata is not installed; the message has the command that installs it.

    Examples
    --------
    >>> import ionbox
    >>> from ionbox.exports.spatialdata_tables import to_spatialdata
    >>> made = to_spatialdata(ionbox.open("results"), fdr=0.2)
    >>> sorted(made.points)
    ['maldi_points']
    """
    spatialdata = need("spatialdata", "SpatialData exports")
    models = need("spatialdata.models", "SpatialData exports")
    transformations = need("spatialdata.transformations", "SpatialData exports")
    table = to_anndata(run, fdr=fdr, database=database, use_tic=use_tic)
    # how spatialdata ties rows of the table to the points: a region, and an instance in it
    table.obs["instance_id"] = table.obs.index.astype(int)
    table.obs.index.name = "index"
    # pandas' newer type of text cannot be written by every version of anndata
    region = pd.Categorical.from_codes([0] * table.n_obs, pd.Index([_POINTS], dtype=object))
    table.obs["region"] = region
    places = pd.DataFrame(table.obsm["spatial"].astype(np.int64), columns=[_X, _Y])
    intensities = pd.DataFrame(table.X, columns=table.var.index)
    scale = transformations.Scale(list(pixel_size_um(run) or (1.0, 1.0)), axes=("x", "y"))
    points = models.PointsModel.parse(
        pd.concat([places, intensities], axis=1),
        coordinates={"x": _X, "y": _Y},
        transformations={"global": scale},
    )
    parsed = models.TableModel.parse(
        table, region=[_POINTS], region_key="region", instance_key="instance_id"
    )
    return spatialdata.SpatialData(tables={"table": parsed}, points={_POINTS: points})


def write(
    run: RunMeasurement, out: Path, fdr: float, database: Database | None, use_tic: bool
) -> int:
    """Write a ``.zarr`` folder; arguments and result are those of every format's ``write``."""
    made = to_spatialdata(run, fdr=fdr, database=database, use_tic=use_tic)
    made.write(out)
    return int(made.tables["table"].n_vars)
