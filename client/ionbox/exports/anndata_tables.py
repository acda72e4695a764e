"""AnnData as metaspace-converter lays it out: pixels x ions.

So that notebooks written for METASPACE's datasets, and scanpy and squidpy, take a run as it is.
`to_anndata` makes it in memory (the whole of ``X`` at a time), `write` puts it into a file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ionbox.exports.selection import Selection, select
from ionbox.extras import need

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from ionbox.results.description import Database
    from ionbox.results.measurement import RunMeasurement


def to_anndata(
    run: RunMeasurement,
    *,
    fdr: float = 0.1,
    database: Database | None = None,
    use_tic: bool = False,
) -> AnnData:
    """Return pixels and ions as AnnData.

    Parameters
    ----------
    run : Run
        The run, as `ionbox.open` returns it.
    fdr : float
        Highest FDR of the annotations, a fraction from 0 to 1.
    database : str or (str, str), optional
        Only annotations of one database: its name, or name and version. Of an ion that several
        databases have, the row with the better FDR is taken.
    use_tic : bool
        Whether intensities become fractions of each pixel's total ion current; else counts.

    Returns
    -------
    AnnData
        ``X``: (n_pixels, n_ions) float32, pixels of the whole rectangle row by row, 0 where
        nothing was measured. ``obs``: ``ion_image_pixel_x`` and ``_y`` (column and row, from 0),
        ``ion_image_shape_x`` and ``_y`` (pixels), ``measured`` (bool). ``obsm["spatial"]``: x and y
        on the sample in pixels, (n_pixels, 2) float64, as scanpy and squidpy expect. ``var``: the
        columns of ``annotations.csv``, indexed by formula, adduct, modification and loss as one
        text, with lists as JSON. ``uns["metaspace"]``: facts under the names of METASPACE, and the
        parameters this was made with; ``uns["ionbox"]``: dataset, run and version of ionbox.

    Raises
    ------
    InvalidConfig
        If nothing was annotated up to the FDR, or it is not a fraction.
    NotInResults
        If the run has no such database.
    MissingLibrary
        If anndata is not installed; the message has the command that installs it.

    Examples
    --------
    >>> import ionbox
    >>> from ionbox.exports.anndata_tables import to_anndata
    >>> run = ionbox.open("results")
    >>> table = to_anndata(run, fdr=0.2)
    >>> table.n_obs == run.mask.size, table.n_vars == run.results(fdr=0.2)["ion"].nunique()
    (True, True)
    """
    anndata = need("anndata", "AnnData exports")
    parameters = {
        "dataset_id": run.metadata["id"],
        "database": database,
        "fdr": fdr,
        "use_tic": use_tic,
    }
    selection = select(run, fdr, database, use_tic)
    intensities = np.empty((run.mask.size, len(selection.ions)), np.float32)
    for column, image in enumerate(selection.images()):
        intensities[:, column] = image.ravel()
    obs = _pixels(run)
    x, y = run.pixel_positions
    columns = obs["ion_image_pixel_x"], obs["ion_image_pixel_y"]
    spatial = np.stack((x[columns[0]], y[columns[1]]), axis=1).astype(np.float64)
    return anndata.AnnData(
        X=intensities,
        obs=obs,
        var=_ions(selection),
        obsm={"spatial": spatial},
        uns={
            "metaspace": {
                **_metaspace_facts(run),
                "metaspace_to_anndata_parameters": _storable(parameters),
            },
            "ionbox": selection.facts(),
        },
    )


def write(
    run: RunMeasurement, out: Path, fdr: float, database: Database | None, use_tic: bool
) -> int:
    """Write a ``.h5ad`` file; arguments and result are those of every format's ``write``."""
    table = to_anndata(run, fdr=fdr, database=database, use_tic=use_tic)
    table.write_h5ad(out, compression="gzip", convert_strings_to_categoricals=False)
    return int(table.n_vars)


def _pixels(run: RunMeasurement) -> pd.DataFrame:
    import pandas as pd

    height, width = run.mask.shape
    y, x = np.indices((height, width)).reshape(2, -1)
    return pd.DataFrame(
        {
            "ion_image_pixel_x": x,
            "ion_image_pixel_y": y,
            "ion_image_shape_y": height,
            "ion_image_shape_x": width,
            "measured": run.mask.ravel(),
        },
        index=pd.Index(np.arange(run.mask.size).astype(str), name="ion_image_pixel", dtype=object),
    )


def _ions(selection: Selection) -> pd.DataFrame:
    """Return the table of ions, indexed as by metaspace-converter; lists become JSON."""
    import pandas as pd

    frame = selection.ions.reset_index()
    for name in ("moleculeNames", "moleculeIds"):
        frame[name] = [json.dumps(values, ensure_ascii=False) for values in frame[name]]
    columns = (frame[name] for name in ("formula", "adduct", "chemMod", "neutralLoss"))
    names = ["".join(parts) for parts in zip(*columns, strict=True)]
    frame.index = pd.Index(names, name="formula_adduct", dtype=object)
    # pandas' newer type of text cannot be written by every version of anndata
    text = [name for name in frame if frame[name].dtype.kind not in "fiub"]
    return frame.astype(dict.fromkeys(text, object))


def _metaspace_facts(run: RunMeasurement) -> dict[str, Any]:
    height, width = run.mask.shape
    return {
        "id": run.metadata["id"],
        "name": run.name,
        "adducts": run.adducts,
        "databases": run.databases,
        # a dict by their place in the list: AnnData cannot write a list of dicts
        "database_details": {
            str(place): _storable(asdict(details))
            for place, details in enumerate(run.database_details)
        },
        "polarity": run.polarity,
        "image_size": {"x": width, "y": height},
        "status": "FINISHED",
        "metadata": _storable(run.metadata),
        "config": _storable(run.config),
    }


def _storable(value: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what an HDF5 file cannot hold: None, empty lists, and lists of mixed types."""
    plain: dict[str, Any] = {}
    for name, entry in value.items():
        if isinstance(entry, Mapping):
            plain[name] = _storable(entry)
        elif isinstance(entry, Sequence) and not isinstance(entry, str):
            if entry and len({type(item) for item in entry}) == 1:
                plain[name] = list(entry)
        elif entry is not None:
            plain[name] = entry
    return plain
