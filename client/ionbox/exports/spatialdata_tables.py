"""SpatialData as metaspace-converter lays it out: a table, and points where the pixels are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ionbox.exports.anndata_tables import to_anndata
from ionbox.exports.selection import pixel_size_um
from ionbox.extras import need

if TYPE_CHECKING:
    from spatialdata import SpatialData

    from ionbox.results.data import RunData
    from ionbox.results.facts import Database

_POINTS = "maldi_points"
_X, _Y = "ion_image_pixel_x", "ion_image_pixel_y"


def to_spatialdata(
    run: RunData, *, fdr: float = 0.1, database: Database | None = None, use_tic: bool = False
) -> SpatialData:
    """Return pixels and ions as SpatialData; parameters are those of `to_anndata`.

    Returns
    -------
    SpatialData
        ``tables["table"]``: as of `to_anndata`. ``points["maldi_points"]``: a point per pixel with
        its intensities, in micrometres where the run knows the size of a pixel, else in pixels.

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
    table.obs["instance_id"] = table.obs.index.astype(int)
    table.obs.index.name = "index"
    # pandas' own type of text is not one that every anndata writes
    region = pd.Categorical.from_codes([0] * table.n_obs, pd.Index([_POINTS], dtype=object))
    table.obs["region"] = region
    places = table.obs[[_X, _Y]].reset_index(drop=True)
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


def write(run: RunData, out: Path, fdr: float, database: Database | None, use_tic: bool) -> int:
    """Write a ``.zarr`` folder."""
    made = to_spatialdata(run, fdr=fdr, database=database, use_tic=use_tic)
    made.write(out)
    return int(made.tables["table"].n_vars)
