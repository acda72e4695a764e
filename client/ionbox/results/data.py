"""What a run's dataset holds besides its annotations, and copies of files."""

from __future__ import annotations

import functools
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ionbox.python_words import in_python
from ionbox.reading.folder import ResultsFolder
from ionbox.results.images import RunImages

if TYPE_CHECKING:
    from ionbox.reading.measured_data import MeasuredData
    from ionbox.reading.place import Place

_NO_INBOX = (
    "which inbox the dataset is in is not known here; open the run with "
    "ionbox.Inbox().dataset(NAME), or with ionbox.open(…, inbox='s3://BUCKET')"
)


class RunData(RunImages):
    """Sorted peaks, spectra and files; a part of `ionbox.run.Run`."""

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
            Middle of the window.
        ppm : float, optional
            Half its width; that of the run if not given.

        Returns
        -------
        (height, width) float32
            Intensities in the window, summed per pixel; counts, as of
            ``isotope_images(…, scale_intensity=True)``.

        Raises
        ------
        Gone
            If the dataset's sorted peaks are not there any more.
        BadQuestion
            If a number makes no sense, or more than 20 million peaks lie in the window.

        Notes
        -----
        The sorted peaks are in the work folder or the results bucket that the run was computed in,
        not among the results.

        Examples
        --------
        >>> import ionbox
        >>> run = ionbox.open("results")
        >>> best = run.results().iloc[0]
        >>> image = run.mz_image(best["mz"])
        >>> bool((image == run.isotope_images(*best.name)[0]).all())
        True
        """
        return self._measured.mz_image(mz, ppm)

    def spectrum(self, x: int, y: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
        """Return what was measured at a pixel, read from the ibd.

        Parameters
        ----------
        x, y : int
            Column and row in the images, from 0.

        Returns
        -------
        mz : (n_peaks,) float64
            Ascending.
        intensity : (n_peaks,) float32
            Counts, above 0; of all spectra of the pixel.

        Raises
        ------
        NotFound
            If there is no such pixel, or nothing was measured there.
        Gone
            If the ibd is not there any more, or is another.

        Examples
        --------
        >>> import ionbox
        >>> run = ionbox.open("results")
        >>> mz, intensity = run.spectrum(x=3, y=5)
        >>> bool(abs(intensity.sum() / run.tic_image()[5, 3] - 1) < 1e-5)
        True
        """
        found = self._measured.spectrum(x, y)
        return found.mz, found.intensity

    def download_to_dir(self, path: str | os.PathLike[str], base_name: str | None = None) -> None:
        """Copy the dataset's imzML and ibd into a folder; `copy_to` copies the results.

        Parameters
        ----------
        path : path
            The folder; made if it is not there.
        base_name : str, optional
            Name of both files, without extension; their own if not given.

        Raises
        ------
        NotInResults
            If it is not known where they are, or they are not those any more that were annotated.
        InvalidConfig
            If another file of that name is in the folder.

        Notes
        -----
        Of a local run they are where they were annotated, of one in a bucket in the inbox. Copies
        are compared with the checksums of the run. A file that is there already stays.

        Examples
        --------
        >>> import ionbox
        >>> from pathlib import Path
        >>> ionbox.open("results").download_to_dir("input", base_name="section")
        >>> sorted(path.name for path in Path("input").iterdir())
        ['section.ibd', 'section.imzML']
        """
        from ionbox.reading.input_files import copy_input

        copy_input(self._place.ibd, self._record, Path(path), base_name)

    def copy_to(self, path: str | os.PathLike[str]) -> None:
        """Copy all files of the results into a folder.

        Parameters
        ----------
        path : path
            The folder; made if it is not there.

        Raises
        ------
        InvalidConfig
            If it holds something else.

        Examples
        --------
        >>> import ionbox
        >>> ionbox.open("results").copy_to("copy")
        >>> ionbox.open("copy").id == ionbox.open("results").id
        True
        """
        self._folder.copy_to(Path(path))


def find_data(folder: ResultsFolder) -> Place:
    """Find the data that results came from.

    Parameters
    ----------
    folder : ResultsFolder
        The results.
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
