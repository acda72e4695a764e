"""The images of a run: of single ions as numpy arrays, of all ions as one xarray.DataArray.

Isotope images come from ``ion_images.zarr``, which keeps intensities as they were summed; scaling
and clipping (`ionbox.results.scaling`) happen here, when somebody asks for it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from ionbox_science.annotation.table import format_ion
from ionbox_science.errors import InvalidConfig
from ionbox_science.theory.formulas import read_adduct

from ionbox.argument_checks import require_bools, require_text
from ionbox.errors import NotInResults
from ionbox.results.description import Database
from ionbox.results.filters import filter_annotations
from ionbox.results.isotope_images import IsotopeImages
from ionbox.results.scaling import Image, Scale, check_scale, clip_hotspots, scale_image
from ionbox.results.tables import RunTables

if TYPE_CHECKING:
    import xarray as xr

_VALUES_AT_ONCE = 1 << 28  # float32 values of images that are read together: 1 GiB


class RunImages(RunTables):
    """The part of `ionbox.run.Run` that has the images."""

    @functools.cached_property
    def _image_of(self) -> dict[str, int]:
        return self._folder.images.image_of

    @functools.cached_property
    def _mz(self) -> npt.NDArray[np.float64]:
        return self._folder.images.mz

    @functools.cached_property
    def _tic(self) -> npt.NDArray[np.float64]:
        return self._folder.images.tic

    @functools.cached_property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Which pixels were measured: (height, width) bool, read-only."""
        return self._folder.images.mask

    @property
    def pixel_positions(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Where each column and row of the images lies: (width,) and (height,) int64, pixels.

        From 0, and ascending by 1, unless regions lie so far apart that images leave out what is
        between them.

        Examples
        --------
        >>> import ionbox
        >>> x, y = ionbox.open("results").pixel_positions
        >>> len(x), int(y[-1])
        (16, 11)
        """
        return self._folder.images.positions

    def tic_image(self) -> npt.NDArray[np.float64]:
        """Return the total ion current, the sum of each pixel's intensities.

        Returns
        -------
        (height, width) float64
            Counts; 0 where nothing was measured.

        Examples
        --------
        >>> import ionbox
        >>> ionbox.open("results").tic_image().shape
        (12, 16)
        """
        return self._tic.copy()

    @functools.cached_property
    def images(self) -> xr.DataArray:
        """All images as an xarray.DataArray, read when its values are used.

        Dimensions are (ion, isotope, y, x), values float32, counts. Ions are named as in the column
        ``ion`` of the table and stand in order of m/z; the coordinate ``mz`` has the theoretical
        m/z of each image. Ions of the same ion formula have the same images.

        Examples
        --------
        >>> import ionbox
        >>> run = ionbox.open("results")
        >>> best = run.results()["ion"].iloc[0]
        >>> run.images.sel(ion=best, isotope=0).dims
        ('y', 'x')
        """
        from ionbox.results.lazy_images import lazy_images

        return lazy_images(self._folder.images, self._image_of, self._mz)

    def isotope_images(
        self,
        sf: str,
        adduct: str,
        only_first_isotope: bool = False,
        scale_intensity: Scale | Image = True,
        hotspot_clipping: bool = False,
        neutral_loss: str = "",
        chem_mod: str = "",
    ) -> IsotopeImages:
        """Return the images of an annotated ion.

        Parameters
        ----------
        sf : str
            Molecular formula.
        adduct : str
            ``+H``; ``M+H`` or ``[M+H]+`` will do.
        only_first_isotope : bool
            Whether to leave out the images of all but the first isotope peak.
        scale_intensity : {True, False, "TIC"} or (height, width) float
            True: intensities as measured, counts. False: each image divided by its maximum, 0 to 1.
            ``"TIC"``: fractions of each pixel's total ion current (the viewer shows parts per
            million of it). An image: fractions of that instead; 0 where it is 0.
        hotspot_clipping : bool
            Whether to cap each image at the 99th percentile of its visible pixels: those above
            1/256 of the maximum.
        neutral_loss, chem_mod : str
            Neutral loss (``-H2O``) and chemical modification (``+C``) of the ion, empty for none.

        Returns
        -------
        IsotopeImages
            A sequence of (height, width) float32 arrays, one per isotope peak, by ascending m/z; an
            isotope peak that the pattern does not have is all 0.

        Raises
        ------
        NotInResults
            If the ion was not annotated; the message names ions of that formula which were.
        InvalidConfig
            If the formula is empty, the scale is none of these or an image of another shape, or a
            switch is neither True nor False.
        InvalidFormula
            If the adduct cannot be read.

        Examples
        --------
        >>> import ionbox
        >>> run = ionbox.open("results")
        >>> images = run.isotope_images(*run.annotations(fdr=0.5)[0])
        >>> len(images), images[0].shape
        (4, (12, 16))
        """
        for name, text in (("sf", sf), ("neutral_loss", neutral_loss), ("chem_mod", chem_mod)):
            require_text(name, text)
        require_bools(only_first_isotope=only_first_isotope, hotspot_clipping=hotspot_clipping)
        formula = sf.strip()
        if not formula:
            raise InvalidConfig("sf: no formula given; write one such as C6H12O6")
        parts = (formula, read_adduct(adduct), neutral_loss, chem_mod)
        divisor = self._divisor(scale_intensity)
        row = self._find_image(*parts)
        n_isotopes = 1 if only_first_isotope else self._folder.images.shape[1]
        images = self._folder.images.take((row, slice(n_isotopes)))
        to_unit = divisor is None and not scale_intensity
        return self._isotope_images(images, row, parts, to_unit, divisor, hotspot_clipping)

    def _isotope_images(
        self,
        images: npt.NDArray[np.float32],
        row: int,
        parts: tuple[str, str, str, str],
        to_unit: bool,
        divisor: Image | None,
        hotspot_clipping: bool,
    ) -> IsotopeImages:
        # clipping before scaling to 0 to 1, so that the brightest pixel shown is 1
        scaled: list[Image] = list(images)
        if divisor is not None:
            scaled = [scale_image(image, "TIC", divisor) for image in scaled]
        if hotspot_clipping:
            scaled = [clip_hotspots(image) for image in scaled]
        if to_unit:
            scaled = [scale_image(image, False, None) for image in scaled]
        return IsotopeImages(scaled, *parts, mz=self._mz[row, : len(images)].tolist())

    def _divisor(self, scale: Scale | Image) -> Image | None:
        """Return the image that images are divided by, None if they are not."""
        if not isinstance(scale, np.ndarray):
            check_scale(scale)
            return self._tic if scale == "TIC" else None
        if scale.shape != self.mask.shape:
            raise InvalidConfig(
                f"scale_intensity: expected an image of {self.mask.shape}, got one of {scale.shape}"
            )
        return scale

    def label_fraction_image(
        self,
        sf: str,
        adduct: str,
        neutral_loss: str = "",
        chem_mod: str = "",
        label: str | None = None,
    ) -> Image:
        """Return which share of a molecule is labelled, pixel by pixel.

        Parameters
        ----------
        sf : str
            Formula of the molecule, without labels or with them.
        adduct : str
            As ``+H``, ``M+H`` or ``[M+H]+``.
        neutral_loss, chem_mod : str
            As in the table; empty for none.
        label : str, optional
            Which label, ``Cx`` say; needed only where the molecule was annotated with several.

        Returns
        -------
        (height, width) float32
            Labelled over all, 0 to 1; NaN where there is nothing of the molecule. How it is
            measured is said in `label_fractions`.

        Raises
        ------
        NotInResults
            If the molecule was not annotated both with this label and without.
        InvalidConfig, InvalidFormula
            If a value is no text, or the adduct cannot be read.

        Examples
        --------
        >>> import ionbox
        >>> run = ionbox.open("results")
        >>> for row in run.label_fractions().itertuples():
        ...     image = run.label_fraction_image(row.formula, row.adduct, label=row.label)
        """
        for name, text in (("sf", sf), ("neutral_loss", neutral_loss), ("chem_mod", chem_mod)):
            require_text(name, text)
        ion = format_ion(sf, chem_mod, neutral_loss, read_adduct(adduct), self._sign)
        by_label = self._folder.images.fraction_of.get(ion, {})
        if label is None and len(by_label) > 1:
            raise NotInResults(f"{ion} was found with several labels: give one of {[*by_label]}")
        if not by_label or (label is not None and label not in by_label):
            which = "isotope labels" if label is None else label
            raise NotInResults(
                f"{ion} was not annotated both with {which} and without; label_fractions() lists "
                "the molecules that were"
            )
        chosen = by_label[label] if label is not None else next(iter(by_label.values()))
        return self._folder.images.read_fraction(chosen)

    def _find_image(self, formula: str, adduct: str, neutral_loss: str, chem_mod: str) -> int:
        """Return the row of an ion's images in ``ion_images.zarr``."""
        ion = format_ion(formula, chem_mod, neutral_loss, adduct, self._sign)
        if ion in self._image_of:
            return int(self._image_of[ion])
        others = self._table[self._table["formula"] == formula]["ion"].drop_duplicates()
        known = f"annotated with this formula: {', '.join(others)}. " if len(others) else ""
        raise NotInResults(
            f"{ion} was not annotated, so it has no images. {known}diagnostics() has the scores of "
            "all ions"
        )

    def all_annotation_images(
        self,
        fdr: float = 0.1,
        database: Database | None = None,
        only_first_isotope: bool = False,
        scale_intensity: Scale | Image = True,
        hotspot_clipping: bool = False,
        **annotation_filter: Any,
    ) -> list[IsotopeImages]:
        """Return the images of all annotations up to an FDR, in the order of `results`.

        Parameters are those of `annotations` and `isotope_images`.

        Returns
        -------
        list of IsotopeImages
            One per row of ``results(database, fdr)``.

        Raises
        ------
        NotInResults
            If there is no such database.
        InvalidConfig
            If the FDR is not a fraction, a filter is not known, or the scale or a switch is wrong.
        InvalidFormula
            If an ion or adduct of a filter cannot be read.

        Notes
        -----
        All images are in memory at the same time. ``only_first_isotope=True`` takes one per ion
        instead of all; `images` reads them one after the other.

        Examples
        --------
        >>> import ionbox
        >>> run = ionbox.open("results")
        >>> len(run.all_annotation_images(fdr=0.5)) == len(run.annotations(fdr=0.5))
        True
        """
        require_bools(only_first_isotope=only_first_isotope, hotspot_clipping=hotspot_clipping)
        divisor = self._divisor(scale_intensity)
        to_unit = divisor is None and not scale_intensity
        frame = filter_annotations(self._select(database, fdr), annotation_filter)
        n_isotopes = 1 if only_first_isotope else self._folder.images.shape[1]
        rows = [self._image_of[ion] for ion in frame["ion"]]
        found = dict(self._read_images(sorted(set(rows)), n_isotopes))
        columns = (frame[name] for name in ("formula", "adduct", "neutralLoss", "chemMod"))
        return [
            self._isotope_images(found[row], row, parts, to_unit, divisor, hotspot_clipping)
            for row, parts in zip(rows, zip(*columns, strict=True), strict=True)
        ]

    def _read_images(
        self, rows: Sequence[int], n_isotopes: int
    ) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
        """Yield images by row; each chunk of the file is read once."""
        images = self._folder.images
        per_read = max(1, _VALUES_AT_ONCE // max(1, int(np.prod(images.shape[1:]))))
        for start in range(0, len(rows), per_read):
            some = list(rows[start : start + per_read])
            yield from zip(some, images.take((some, slice(n_isotopes))), strict=True)
