"""The results of a run in Python, with the names of METASPACE's client.

The same on a folder and on a bucket: tables are pandas, images numpy and xarray.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ionbox.python_words import in_python
from ionbox.reading.nearby import find_results
from ionbox.results.data import RunData
from ionbox.results.facts import Database
from ionbox.results.isotope_images import IsotopeImages

if TYPE_CHECKING:
    from anndata import AnnData
    from spatialdata import SpatialData

__all__ = ["IsotopeImages", "Run", "open"]


def open(
    place: str | os.PathLike[str],
    *,
    profile: str | None = None,
    region: str | None = None,
    inbox: str | None = None,
) -> Run:
    """Open the results of a run.

    Parameters
    ----------
    place : str or path
        A results folder, or ``s3://BUCKET/results/DATASET/RUN``.
    profile, region : str, optional
        For a bucket: as in the AWS command line.
    inbox : str, optional
        For a bucket: ``s3://BUCKET`` that the dataset was sent to. Only `Run.spectrum` and
        `Run.download_to_dir` need it; `Inbox` knows it.

    Raises
    ------
    NoResults
        If there are none.

    Examples
    --------
    >>> import ionbox
    >>> run = ionbox.open("results")
    >>> run.databases
    ['acids', 'waxes']
    """
    with in_python():
        return Run(find_results(os.fspath(place), profile, region, inbox))


class Run(RunData):
    """Results of a run; made by `open`. Tables and images are read when they are asked for."""

    def to_anndata(
        self, fdr: float = 0.1, database: Database | None = None, *, use_tic: bool = False
    ) -> AnnData:
        """Return pixels and ions as metaspace-converter lays them out.

        Parameters are those of `ionbox.exports.anndata_tables.to_anndata`.

        Examples
        --------
        >>> import ionbox
        >>> run = ionbox.open("results")
        >>> run.to_anndata(fdr=0.2).obs_names.size == run.mask.size
        True
        """
        from ionbox.exports.anndata_tables import to_anndata

        return to_anndata(self, fdr=fdr, database=database, use_tic=use_tic)

    def to_spatialdata(
        self, fdr: float = 0.1, database: Database | None = None, *, use_tic: bool = False
    ) -> SpatialData:
        """Return pixels and ions as metaspace-converter lays them out; see `ionbox.exports`.

        Parameters are those of `ionbox.exports.spatialdata_tables.to_spatialdata`, which has an
        example.
        """
        from ionbox.exports.spatialdata_tables import to_spatialdata

        return to_spatialdata(self, fdr=fdr, database=database, use_tic=use_tic)
