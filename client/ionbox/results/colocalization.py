"""Which ions of a run lie in the same places."""

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
from ionbox.results.facts import RunFacts
from ionbox.results.ion_names import Ion, is_formula, read_ion

if TYPE_CHECKING:
    import pandas as pd


class RunColocalization(RunFacts):
    """Colocalization; a part of `ionbox.run.Run`."""

    @functools.cached_property
    def _colocalization(self) -> Colocalization:
        if self._folder.has(COLOCALIZATION):
            arrays = self._folder.read_arrays(COLOCALIZATION)
            with self._folder.reading(COLOCALIZATION):
                return Colocalization.from_arrays(arrays)
        return self._folder.images.colocalize()  # a run of an older version

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

    def colocalized(self, ion: Ion, n: int = 10) -> pd.DataFrame:
        """Return the ions whose images are most like that of one ion.

        Parameters
        ----------
        ion : str or (str, str)
            Name, as in the column ``ion`` of the table (``C6H12O6+H+``) or on the page
            (``[C6H12O6+H]+``); formula and adduct, which are the table's index; or a formula that
            has one ion only.
        n : int
            How many.

        Returns
        -------
        pandas.DataFrame
            Indexed by ``ion``: ``coefficient``, and where it is in the table the best row's
            ``formula``, ``adduct``, ``mz``, ``fdr`` and ``moleculeNames`` (a list).

        Raises
        ------
        NotInResults
            If the ion was not annotated, or a formula has several.
        InvalidConfig
            If ``n`` is negative.
        InvalidFormula
            If the ion cannot be read.

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
        """Return the coefficients of an ion's partners by ion, the highest first."""
        import pandas as pd

        found = self._colocalization
        (place,) = np.nonzero(found.ion == ion)
        if not place.size:
            raise NotInResults(f"{ion} was not annotated; the column 'ion' of results() has names")
        partner = found.partner[place[0]]
        partner = partner[partner >= 0]
        coefficient = found.coefficient[place[0], : partner.size]
        return pd.Series(coefficient, pd.Index(found.ion[partner], name="ion"), name="coefficient")

    def _find_ion(self, ion: Ion) -> str:
        """Return the name of an ion that is given by name, or by a formula that has only one."""
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
        """Keep an ion and its partners, with ``colocCoeff``, the most similar first."""
        name = self._find_ion(ion)
        partners = self._partners(name)
        place = {each: index for index, each in enumerate([name, *partners.index])}
        chosen = frame[frame["ion"].isin(place)]
        chosen = chosen.sort_values("ion", key=lambda ions: ions.map(place), kind="stable")
        coefficient = {**partners.to_dict(), name: 1.0}
        return chosen.assign(colocCoeff=chosen["ion"].map(coefficient).astype(float))
