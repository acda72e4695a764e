"""Which ions of a run lie in the same places.

Coefficients are computed by the run and read from its ``diagnostics/colocalization.npz``; here they
become tables, for `Run.colocalization`, `Run.colocalized` and ``Run.results(coloc_with=…)``. The
measure is described in `ionbox_science.annotation.colocalization`.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
from ionbox_cloud.published import COLOCALIZATION
from ionbox_science.annotation.colocalization import Colocalization
from ionbox_science.errors import InvalidConfig

from ionbox.argument_checks import is_whole
from ionbox.errors import NotInResults
from ionbox.reading.annotation_frame import as_results
from ionbox.results.description import RunDescription
from ionbox.results.ion_names import Ion, is_formula, read_ion

if TYPE_CHECKING:
    import pandas as pd


class RunColocalization(RunDescription):
    """The part of `ionbox.run.Run` that compares ions by their images."""

    @functools.cached_property
    def _colocalization(self) -> Colocalization:
        if self._folder.has(COLOCALIZATION):
            arrays = self._folder.read_arrays(COLOCALIZATION)
            with self._folder.reading(COLOCALIZATION):
                return Colocalization.from_arrays(arrays)
        # runs of older versions have no such file: computed from their images, which takes longer
        return self._folder.images.colocalize()

    def colocalization(self) -> pd.DataFrame:
        """Return which ions lie in the same places, each with its most similar ones.

        Returns
        -------
        pandas.DataFrame
            A row per pair: ``ion``, ``partner`` and ``coefficient``, the cosine similarity of their
            median-thresholded images (METASPACE's measure), above 0 and up to 1. Up to 100 partners
            per ion, the most similar first; each pair may appear from both sides.

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

    def colocalized(self, ion: Ion, n: int = 10) -> pd.DataFrame:
        """Return the ions whose images are most like that of one ion.

        Parameters
        ----------
        ion : str or (str, str)
            Name, as in the column ``ion`` of the table (``C6H12O6+H+``) or on the page
            (``[C6H12O6+H]+``); formula and adduct, which are the table's index; or a formula that
            has one ion only.
        n : int
            How many ions at most; the run keeps up to 100.

        Returns
        -------
        pandas.DataFrame
            Indexed by ``ion``, the most similar first: ``coefficient``, the cosine similarity, and
            from the ion's best row in the table ``formula``, ``adduct``, ``mz``, ``fdr`` and
            ``moleculeNames`` (a list).

        Raises
        ------
        NotInResults
            If the ion was not annotated, or a formula has several ions: name one of them.
        InvalidConfig
            If ``n`` is negative or not a whole number.
        InvalidFormula
            If the ion cannot be read; the message shows how one is written.

        Examples
        --------
        >>> import ionbox
        >>> run = ionbox.open("results")
        >>> run.colocalized(run.results()["ion"].iloc[0], n=3).index.name
        'ion'
        """
        if not is_whole(n) or n < 0:
            raise InvalidConfig(f"n: expected a whole number of 0 or more, got {n!r}")
        best = self._partners(self._find_ion(ion)).head(n)
        known = self._table[self._table["ion"].isin(best.index)]
        facts = as_results(known.drop_duplicates("ion"), ["ion"])
        columns = ["formula", "adduct", "mz", "fdr", "moleculeNames"]
        frame = facts[columns].reindex(best.index)
        frame.insert(0, "coefficient", best)
        return frame

    def _partners(self, ion: str) -> pd.Series[float]:
        """Return the coefficients of an ion's partners, indexed by ion, the highest first."""
        import pandas as pd

        found = self._colocalization
        (place,) = np.nonzero(found.ion == ion)
        if not place.size:
            raise NotInResults(f"{ion} was not annotated; the column 'ion' of results() has names")
        # an ion with fewer partners than are kept is filled up at its end
        partner = found.partner[place[0]]
        partner = partner[partner >= 0]
        coefficient = found.coefficient[place[0], : partner.size]
        return pd.Series(coefficient, pd.Index(found.ion[partner], name="ion"), name="coefficient")

    def _find_ion(self, ion: Ion) -> str:
        """Return the name of an ion that is given by name, or by a formula that has only one ion.

        The formula is looked up first: without an adduct it would not be readable as an ion.
        """
        if not isinstance(ion, str):
            return read_ion(ion, self._sign)
        formula = ion.strip()
        named = self._table.loc[self._table["formula"] == formula, "ion"].unique().tolist()
        if len(named) > 1:
            raise NotInResults(f"{formula} has several ions, {', '.join(named)}; name one")
        if not named and is_formula(formula):
            raise NotInResults(f"{formula} was not annotated with any adduct")
        return str(named[0]) if named else read_ion(ion, self._sign)

    def _colocalized_rows(self, frame: pd.DataFrame, ion: Ion) -> pd.DataFrame:
        """Keep the rows of an ion and of its partners, the most similar first.

        The column ``colocCoeff`` is added; that of the ion itself is 1, so it stands first.
        """
        name = self._find_ion(ion)
        partners = self._partners(name)
        place = {each: index for index, each in enumerate([name, *partners.index])}
        chosen = frame[frame["ion"].isin(place)]
        chosen = chosen.sort_values("ion", key=lambda ions: ions.map(place), kind="stable")
        coefficient = {**partners.to_dict(), name: 1.0}
        return chosen.assign(colocCoeff=chosen["ion"].map(coefficient).astype(float))
