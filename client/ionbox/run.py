"""The results of a run in Python, with the names of METASPACE's client.

The same on a folder and on a bucket: tables are pandas, images numpy and xarray.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ionbox_cloud.images import COLOCALIZATION, colocalize_images
from ionbox_science.colocalization import Colocalization

from ionbox.isotope_images import IsotopeImages
from ionbox.results_folder import ResultsFolder
from ionbox.run_errors import NotInResults
from ionbox.run_images import RunImages

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from spatialdata import SpatialData

__all__ = ["IsotopeImages", "Run", "open"]


def open(
    place: str | os.PathLike[str], *, profile: str | None = None, region: str | None = None
) -> Run:
    """Open the results of a run.

    Parameters
    ----------
    place : str or path
        A results folder, or ``s3://BUCKET/results/DATASET/RUN``.
    profile, region : str, optional
        For a bucket: as in the AWS command line.

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
    return Run(ResultsFolder.find(place, profile, region))


class Run(RunImages):
    """Results of a run; made by `open`. Everything is read when it is asked for."""

    @functools.cached_property
    def _colocalization(self) -> Colocalization:
        if self._folder.has(COLOCALIZATION):
            return Colocalization.from_arrays(self._folder.read_arrays(COLOCALIZATION))
        return colocalize_images(self._folder.images)  # a run of an older version

    def colocalization(self) -> pd.DataFrame:
        """Return which ions lie in the same places, each with its most similar ones.

        Returns
        -------
        pandas.DataFrame
            ``ion``, ``partner`` and ``coefficient``, the cosine similarity of their
            median-thresholded images (METASPACE's measure); up to 100 partners per ion, the most
            similar first.

        Examples
        --------
        >>> import ionbox
        >>> pairs = ionbox.open("results").colocalization()
        >>> bool(pairs["coefficient"].between(0, 1).all())
        True
        """
        import pandas as pd

        found = self._colocalization
        ion, place = np.nonzero(found.partner >= 0)
        return pd.DataFrame(
            {
                "ion": found.ion[ion],
                "partner": found.ion[found.partner[ion, place]],
                "coefficient": found.coefficient[ion, place],
            }
        )

    def colocalized(self, ion: str, n: int = 10) -> pd.DataFrame:
        """Return the ions whose images are most like that of one ion.

        Parameters
        ----------
        ion : str
            Name, as in the column ``ion`` of the table.
        n : int
            How many.

        Returns
        -------
        pandas.DataFrame
            Indexed by ``ion``: ``coefficient``, and where it is in the table the best row's
            ``formula``, ``adduct``, ``mz``, ``fdr`` and ``moleculeNames``.

        Examples
        --------
        >>> import ionbox
        >>> run = ionbox.open("results")
        >>> run.colocalized(run.results()["ion"].iloc[0], n=3).index.name
        'ion'
        """
        found = self._colocalization
        (place,) = np.nonzero(found.ion == ion)
        if not place.size:
            raise NotInResults(f"{ion} was not annotated; the column 'ion' of results() has names")
        partner = found.partner[place[0]]
        partner = partner[partner >= 0][:n]
        facts = self._table.drop_duplicates("ion").set_index("ion")
        columns = ["formula", "adduct", "mz", "fdr", "moleculeNames"]
        frame = facts[columns].reindex(found.ion[partner]).rename_axis("ion")
        frame.insert(0, "coefficient", found.coefficient[place[0], : partner.size])
        return frame

    # --- elsewhere ---

    def download_to_dir(self, path: str | os.PathLike[str]) -> None:
        """Copy all files of the run into a folder.

        Examples
        --------
        >>> import ionbox
        >>> ionbox.open("results").download_to_dir("copy")
        >>> ionbox.open("copy").id == ionbox.open("results").id
        True
        """
        self._folder.copy_to(Path(path))

    def to_anndata(
        self, fdr: float = 0.1, database: str | None = None, *, use_tic: bool = False
    ) -> AnnData:
        """Return pixels and ions as metaspace-converter lays them out; see `ionbox.exports`."""
        from ionbox.exports.anndata_tables import to_anndata

        return to_anndata(self, fdr=fdr, database=database, use_tic=use_tic)

    def to_spatialdata(
        self, fdr: float = 0.1, database: str | None = None, *, use_tic: bool = False
    ) -> SpatialData:
        """Return pixels and ions as metaspace-converter lays them out; see `ionbox.exports`."""
        from ionbox.exports.spatialdata_tables import to_spatialdata

        return to_spatialdata(self, fdr=fdr, database=database, use_tic=use_tic)
