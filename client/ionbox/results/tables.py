"""The tables of a run: annotations, and the metrics of all ions, as pandas frames.

`Run.results` and `Run.annotations` choose rows of ``annotations.csv``, `Run.diagnostics` reads
``diagnostics/``. The frames are laid out by `ionbox.reading`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from ionbox_cloud.published import LABEL_FRACTIONS, diagnostics

from ionbox.argument_checks import require_bools
from ionbox.errors import NotInResults
from ionbox.reading.annotation_frame import as_results, read_fractions_frame
from ionbox.results.colocalization import RunColocalization
from ionbox.results.description import Database
from ionbox.results.filters import filter_annotations
from ionbox.results.ion_names import Ion

if TYPE_CHECKING:
    import pandas as pd

Cell: TypeAlias = str | int | float | bool
"""A value of the table of annotations."""

# METASPACE's names that annotations(return_vals=…) takes, and the columns they mean
_METASPACE_NAMES = {
    "sumFormula": "formula",
    "msmScore": "msm",
    "fdrLevel": "fdr",
}


class RunTables(RunColocalization):
    """The part of `ionbox.run.Run` that has its tables."""

    def results(
        self,
        database: Database | None = None,
        fdr: float | None = None,
        coloc_with: Ion | None = None,
        include_chem_mods: bool | None = None,
        include_neutral_losses: bool | None = None,
        **annotation_filter: Any,
    ) -> pd.DataFrame:
        """Return the annotations as a table.

        Parameters
        ----------
        database : str or (str, str), optional
            Only those of one database: its name, or name and version; the version is compared
            where the run knows one, see `database_details`. Of all databases if not given.
        fdr : float, optional
            Only those up to an FDR, a fraction from 0 to 1: 0.1 is 10 %.
        coloc_with : str or (str, str), optional
            Only this ion (or the one ion of a formula) and those in the same places as it, the
            most similar first, with their coefficients as ``colocCoeff``; see `colocalized`.
        include_chem_mods, include_neutral_losses : bool, optional
            True puts ``chemMod`` or ``neutralLoss`` into the index; False leaves out ions that
            have one. If not given, no ion is left out (METASPACE's client would leave them out).
        **annotation_filter
            METASPACE's filters, such as ``sumFormula="C6H12O6"`` or ``mzFilter={"min": 200}``; see
            `ionbox.results.filters.filter_annotations`.

        Returns
        -------
        pandas.DataFrame
            Indexed by formula and adduct (``+H``), the best FDR first; the columns of
            ``annotations.csv``, and ``moc`` and ``intensity`` as METASPACE calls chaos and highest
            intensity. ``moleculeNames`` and ``moleculeIds`` are lists; names that have a comma of
            their own stay one text.

        Raises
        ------
        NotInResults
            If the run has no such database, or did not annotate the ion of ``coloc_with``.
        InvalidConfig
            If the FDR is not a fraction, a switch is neither True nor False, or a filter is not
            known or has a value of the wrong kind.
        InvalidFormula
            If an ion or adduct cannot be read; the message shows how one is written.

        Examples
        --------
        >>> import ionbox
        >>> table = ionbox.open("results").results(database="acids", fdr=0.2)
        >>> table.index.names
        FrozenList(['formula', 'adduct'])
        >>> bool((table["fdr"] <= 0.2).all())
        True
        >>> similar = ionbox.open("results").results(coloc_with=table["ion"].iloc[0])
        >>> float(similar["colocCoeff"].iloc[0])
        1.0
        """
        given = {
            "include_chem_mods": include_chem_mods,
            "include_neutral_losses": include_neutral_losses,
        }
        require_bools(**{name: value for name, value in given.items() if value is not None})
        frame = filter_annotations(self._select(database, fdr), annotation_filter)
        index = ["formula", "adduct"]
        for name, included in (
            ("chemMod", include_chem_mods),
            ("neutralLoss", include_neutral_losses),
        ):
            if included:
                index.append(name)
            elif included is not None:
                frame = frame[frame[name] == ""]
        if coloc_with is not None:
            frame = self._colocalized_rows(frame, coloc_with)
        return as_results(frame, index)

    @overload  # before the last, whose filters may have any name
    def annotations(
        self,
        fdr: float = ...,
        database: Database | None = ...,
        *,
        return_vals: Sequence[str],
        **annotation_filter: Any,
    ) -> list[tuple[Cell, ...]]: ...

    @overload
    def annotations(
        self,
        fdr: float,
        database: Database | None,
        return_vals: Sequence[str],
        **annotation_filter: Any,
    ) -> list[tuple[Cell, ...]]: ...

    @overload
    def annotations(
        self, fdr: float = ..., database: Database | None = ..., **annotation_filter: Any
    ) -> list[tuple[str, str]]: ...

    def annotations(
        self,
        fdr: float = 0.1,
        database: Database | None = None,
        return_vals: Sequence[str] = ("sumFormula", "adduct"),
        **annotation_filter: Any,
    ) -> Sequence[tuple[Cell, ...]]:
        """Return the annotations as a list with formula and adduct of each.

        Parameters
        ----------
        fdr : float
            Highest FDR, a fraction from 0 to 1.
        database : str or (str, str), optional
            Only those of one database, as of `results`.
        return_vals : sequence of str
            Columns of the table to return, if not formula and adduct; METASPACE's ``sumFormula``,
            ``msmScore`` and ``fdrLevel`` will do for ``formula``, ``msm`` and ``fdr``.
        **annotation_filter
            Filters, as of `results`.

        Returns
        -------
        list of tuple
            Formula and adduct, two texts, or the values of ``return_vals`` for each annotation, the
            best FDR first. What the table leaves empty is NaN, or an empty text.

        Raises
        ------
        NotInResults
            If the run has no such database, or the table no such column.
        InvalidConfig
            If the FDR is not a fraction, or a filter is not known or has a wrong value.
        InvalidFormula
            If an ion or adduct of a filter cannot be read.

        Examples
        --------
        >>> import ionbox
        >>> formula, adduct = ionbox.open("results").annotations(fdr=0.5)[0]
        >>> adduct in {"+H", "+Na", "+K"}
        True
        """
        frame = filter_annotations(self._select(database, fdr), annotation_filter)
        columns = [_METASPACE_NAMES.get(name, name) for name in return_vals]
        unknown = [name for name in columns if name not in frame.columns]
        if unknown:
            raise NotInResults(
                f"no column {', '.join(unknown)}; there are {', '.join(map(str, frame))}"
            )
        return list(frame[columns].itertuples(index=False, name=None))

    def label_fractions(self) -> pd.DataFrame:
        """Return which share of each molecule is labelled, of those annotated with and without.

        Labels are pseudo elements of the database's formulas: ``Cx6H12O6`` is glucose of carbon-13.
        What natural isotopes of lighter forms put into the windows of labelled ones is taken off.

        Returns
        -------
        pandas.DataFrame
            A row for each molecule, kind of ion and label: ``formula`` without labels, ``adduct``
            (``+H``), ``chemMod``, ``neutralLoss``, ``label``, ``ion`` and ``labelledIons`` (lists),
            ``fdr``, the highest of these ions, ``meanFraction`` over the ``pixels`` that have one,
            and ``overallFraction``, of all intensity. Empty if there is none.

        Raises
        ------
        DamagedResults
            If the table cannot be read.

        Examples
        --------
        >>> import ionbox
        >>> len(ionbox.open("results").label_fractions())
        0
        """
        data = self._folder.read(LABEL_FRACTIONS) if self._folder.has(LABEL_FRACTIONS) else None
        with self._folder.reading(LABEL_FRACTIONS):
            return read_fractions_frame(data)

    def diagnostics(self, database: Database | None = None) -> pd.DataFrame:
        """Return the metrics of every scored ion, decoys too, not only of annotations.

        Parameters
        ----------
        database : str or (str, str), optional
            Only those of one database, as of `results`.

        Returns
        -------
        pandas.DataFrame
            A row for each formula with each target or decoy modifier whose ion had a peak. Columns
            are named as in the table, ``decoy`` says which rows are decoys; ``fdr`` is that of
            targets (1 where MSM is 0), and no number for decoys.

        Raises
        ------
        NotInResults
            If the run has no such database.

        Examples
        --------
        >>> import ionbox
        >>> scores = ionbox.open("results").diagnostics()
        >>> bool(scores["decoy"].any())
        True
        """
        import pandas as pd
        from ionbox_cloud.stored.annotations import unpack_diagnostics

        from ionbox.reading.diagnostics_frame import diagnostics_frame

        chosen = self.databases if database is None else [self._find_database(database)]
        frames = []
        for name in chosen:
            arrays = self._folder.read_arrays(diagnostics(name))
            with self._folder.reading(diagnostics(name)):
                frames.append(diagnostics_frame(unpack_diagnostics(name, arrays), self._sign))
        return pd.concat(frames, ignore_index=True)
