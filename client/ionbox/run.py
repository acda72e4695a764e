"""The results of a run in Python, with the names of METASPACE's client.

`open` takes a results folder or a place in a bucket and returns a `Run`, which is used alike for
both. Tables are pandas, images numpy and xarray. The parts of `Run` are in `ionbox.results`, what
reads the files in `ionbox.reading`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ionbox.python_words import in_python
from ionbox.reading.nearby import find_results
from ionbox.results.description import Database
from ionbox.results.isotope_images import IsotopeImages
from ionbox.results.measurement import RunMeasurement

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
        A results folder, as ``ionbox annotate --out`` and ``ionbox fetch --out`` write it, or
        ``s3://BUCKET/results/DATASET/RUN``.
    profile, region : str, optional
        For a bucket: as in the AWS command line.
    inbox : str, optional
        For a bucket: ``s3://BUCKET`` that the dataset was sent to. Only `Run.spectrum` and
        `Run.download_to_dir` need it. `Inbox.dataset` fills it in.

    Returns
    -------
    Run
        Only its record has been read; tables and images are read when they are asked for.

    Raises
    ------
    NoResults
        If there are no results, or a newer ionbox wrote them. The message points to results close
        by, or says how the run ended that left none.
    DamagedResults
        If the run record cannot be read; fetch or annotate again. It is a `NoResults`, too.
    UserMustAct
        For a bucket: if there are no AWS credentials, the login has expired, or no region is set.

    Examples
    --------
    >>> import ionbox
    >>> run = ionbox.open("results")
    >>> run.databases
    ['acids', 'waxes']
    """
    with in_python():
        return Run(find_results(os.fspath(place), profile, region, inbox))


class Run(RunMeasurement):
    """The results of a run; made by `open` and `Inbox.dataset`.

    Notes
    -----
    What the run was: `name`, `id`, `config`, `metadata`, `record`, `databases`, `adducts`,
    `polarity`. Tables: `results`, `annotations`, `diagnostics`, `colocalization`, `colocalized`,
    `label_fractions`. Images: `isotope_images`, `all_annotation_images`, `images`, `tic_image`,
    `mask`, `label_fraction_image`, and of any m/z `mz_image`. Data: `spectrum`, `download_to_dir`,
    `copy_to`, `to_anndata`, `to_spatialdata`.

    Tables and images are read when they are first asked for. What reads them raises
    `DamagedResults` if a file of the results is missing or cut short.
    """

    def to_anndata(
        self, fdr: float = 0.1, database: Database | None = None, *, use_tic: bool = False
    ) -> AnnData:
        """Return pixels and ions as AnnData, laid out as by metaspace-converter.

        Parameters
        ----------
        fdr : float
            Highest FDR of the annotations, a fraction from 0 to 1.
        database : str or (str, str), optional
            Only annotations of one database: its name, or name and version.
        use_tic : bool
            Whether intensities become fractions of each pixel's total ion current; else counts.

        Returns
        -------
        AnnData
            A row per pixel of the whole rectangle, a column per ion;
            `ionbox.exports.anndata_tables.to_anndata` says what is in it.

        Raises
        ------
        InvalidConfig
            If nothing was annotated up to the FDR, or it is not a fraction.
        NotInResults
            If the run has no such database.
        MissingLibrary
            If anndata is not installed.

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
        """Return pixels and ions as SpatialData, laid out as by metaspace-converter.

        Parameters and what is raised are those of `to_anndata`; the library it needs is
        spatialdata. `ionbox.exports.spatialdata_tables.to_spatialdata` says what is in it and has
        an example; for files in this and other formats see `ionbox.exports`.

        Returns
        -------
        SpatialData
            A table as of `to_anndata`, and a point per pixel.
        """
        from ionbox.exports.spatialdata_tables import to_spatialdata

        return to_spatialdata(self, fdr=fdr, database=database, use_tic=use_tic)
