"""What a run's dataset holds besides its annotations, and copies of files.

An image of any m/z comes from the dataset's sorted peaks, a spectrum from its ibd. Neither is among
the results: they are looked for where the run was computed (`find_data`), and may be gone by now.
"""

from __future__ import annotations

import functools
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ionbox.python_words import in_python
from ionbox.reading.damage import asking_storage
from ionbox.reading.folder import ResultsFolder
from ionbox.results.images import RunImages

if TYPE_CHECKING:
    from ionbox.reading.measured_data import MeasuredData
    from ionbox.reading.place import Place

_NO_INBOX = (
    "which inbox the dataset is in is not known here; open the run with "
    "ionbox.Inbox().dataset(NAME), or with ionbox.open(…, inbox='s3://BUCKET')"
)


class RunMeasurement(RunImages):
    """The part of `ionbox.run.Run` that reads sorted peaks and ibd, and copies files."""

    @functools.cached_property
    def _place(self) -> Place:
        with in_python():
            return find_data(self._folder)

    @functools.cached_property
    def _measured(self) -> MeasuredData:
        from ionbox.reading.measured_data import MeasuredData

        return MeasuredData(self._place, self._record)

    def mz_image(self, mz: float, ppm: float | None = None) -> npt.NDArray[np.float32]:
        """Return the image of any m/z, annotated or not, made as an ion's isotope image is.

        Parameters
        ----------
        mz : float
            m/z in the middle of the window.
        ppm : float, optional
            Half width of the window, in millionths of ``mz``; that of the run if not given.

        Returns
        -------
        (height, width) float32
            Intensities in the window, summed per pixel; counts, as of
            ``isotope_images(…, scale_intensity=True)``. 0 where nothing was measured.

        Raises
        ------
        Gone
            If the dataset's sorted peaks are not there any more; annotating it again with ``force``
            makes them anew.
        BadQuestion
            If ``mz`` or ``ppm`` is not a number above 0, or more peaks lie in the window than are
            read at once: give a narrower one.

        Notes
        -----
        The sorted peaks are not among the results but where the run was computed: in the work
        folder of this machine, or in the results bucket, where they expire.

        Examples
        --------
        >>> import ionbox
        >>> run = ionbox.open("results")
        >>> best = run.results().iloc[0]
        >>> image = run.mz_image(best["mz"])
        >>> bool((image == run.isotope_images(*best.name)[0]).all())
        True
        """
        with in_python(), asking_storage("sorted peaks"):
            return self._measured.mz_image(mz, ppm)

    def spectrum(self, x: int, y: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
        """Return what was measured at a pixel, read from the ibd.

        Parameters
        ----------
        x, y : int
            Column and row in the images, from 0; the pixel is ``image[y, x]``.

        Returns
        -------
        mz : (n_peaks,) float64
            m/z of the peaks, ascending.
        intensity : (n_peaks,) float32
            Their intensities, counts, all above 0. A pixel that was measured more than once has
            the peaks of all its spectra.

        Raises
        ------
        NotFound
            If there is no such pixel, or nothing was measured there.
        BadQuestion
            If ``x`` or ``y`` is not a whole number.
        Gone
            If the ibd is not there any more, or is not the file that was annotated. Of a run in a
            bucket also if the inbox is not known: open it with ``inbox=…``, or by `Inbox.dataset`.

        Examples
        --------
        >>> import ionbox
        >>> run = ionbox.open("results")
        >>> mz, intensity = run.spectrum(x=3, y=5)
        >>> bool(abs(intensity.sum() / run.tic_image()[5, 3] - 1) < 1e-5)
        True
        """
        with in_python(), asking_storage("ibd"):
            found = self._measured.spectrum(x, y)
        return found.mz, found.intensity

    def download_to_dir(self, path: str | os.PathLike[str], base_name: str | None = None) -> None:
        """Copy the dataset's imzML and ibd into a folder; `copy_to` copies the results.

        Parameters
        ----------
        path : path
            The folder; made if it is not there.
        base_name : str, optional
            Name for both files, without extension; their own names if not given.

        Raises
        ------
        NotInResults
            If it is not known where the files are, they are not there any more, or they were
            changed since they were annotated. Of a run in a bucket, open it with ``inbox=…``.
        InvalidConfig
            If the folder has a file of that name but another size, or the name has a ``/`` in it.

        Notes
        -----
        The files of a local run are read where they were annotated, those of a run in a bucket from
        the inbox. Copies are compared with the checksums in ``run.json``. A file of the right size
        that is in the folder already is left as it is.

        Examples
        --------
        >>> import ionbox
        >>> from pathlib import Path
        >>> ionbox.open("results").download_to_dir("input", base_name="section")
        >>> sorted(path.name for path in Path("input").iterdir())
        ['section.ibd', 'section.imzML']
        """
        from ionbox.reading.input_files import copy_input

        with in_python(), asking_storage("the dataset"):
            copy_input(self._place.ibd, self._record, Path(path), base_name)

    def copy_to(self, path: str | os.PathLike[str]) -> None:
        """Copy all files of the results into a folder, which `ionbox.open` reads as well.

        Parameters
        ----------
        path : path
            The folder; made if it is not there.

        Raises
        ------
        InvalidConfig
            If it is where these results are, holds the results of another run or other files, or
            cannot be written to.

        Examples
        --------
        >>> import ionbox
        >>> ionbox.open("results").copy_to("copy")
        >>> ionbox.open("copy").id == ionbox.open("results").id
        True
        """
        self._folder.copy_to(Path(path))


def find_data(folder: ResultsFolder) -> Place:
    """Find the data that results came from: the dataset's sorted peaks, and its ibd.

    Parameters
    ----------
    folder : ResultsFolder
        The results.

    Returns
    -------
    Place
        What could not be found has a sentence there that says why.

    Raises
    ------
    UserMustAct
        For a bucket: if there are no AWS credentials, the login has expired, or no region is set.
    """
    from ionbox.account import Account, plain_errors
    from ionbox.reading.place import Data, bucket_place, folder_place

    if folder.path is not None:
        return folder_place(folder.path)
    with plain_errors():
        account = Account(folder.profile, folder.region)
        place = bucket_place(account, folder.place)
        if folder.inbox is None:
            return replace(place, ibd=Data(None, missing=_NO_INBOX))
        bucket = folder.inbox.removeprefix("s3://").strip("/")
        return replace(place, ibd=Data(account.open_bucket(bucket)))
