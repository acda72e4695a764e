"""The tables of a run, and what the run was."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ionbox.annotation_frame import as_results, read_frame
from ionbox.results_folder import RECORD, ResultsFolder
from ionbox.run_errors import NotInResults

if TYPE_CHECKING:
    import pandas as pd


class RunTables:
    """Facts and tables; a part of `ionbox.run.Run`.

    Parameters
    ----------
    folder : ResultsFolder
        The files of the run.
    """

    def __init__(self, folder: ResultsFolder) -> None:
        self._folder = folder

    def __repr__(self) -> str:
        return f"Run({self.name} | {self._folder.place})"

    # --- what the run was ---

    @functools.cached_property
    def record(self) -> dict[str, Any]:
        """``run.json``: everything that is known of the run."""
        return dict(self._folder.read_json(RECORD))

    @property
    def id(self) -> str:
        """Identity of the run: equal for equal input, settings and version."""
        return str(self.record["run_id"])

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return str(self.record["dataset"]["name"])

    @property
    def config(self) -> dict[str, Any]:
        """The settings with which the run was made, defaults included.

        Examples
        --------
        >>> import ionbox
        >>> ionbox.open("results").config["polarity"]
        'positive'
        """
        return dict(self.record["config"])

    @property
    def metadata(self) -> dict[str, Any]:
        """What is known of the dataset: size, spectra, peaks, checksums."""
        return dict(self.record["dataset"])

    @property
    def databases(self) -> list[str]:
        """Names of the databases, in the order of the run."""
        return [str(database["name"]) for database in self.record["databases"]]

    @property
    def adducts(self) -> list[str]:
        """Adducts that were looked for."""
        return list(self.config["adducts"])

    @property
    def polarity(self) -> str:
        """``Positive`` or ``Negative``."""
        return str(self.config["polarity"]).capitalize()

    @property
    def _sign(self) -> str:
        return "+" if self.config["polarity"] == "positive" else "-"

    # --- tables ---

    @functools.cached_property
    def _table(self) -> pd.DataFrame:
        return read_frame(self._folder.read("annotations.csv"))

    def _select(self, database: str | None, fdr: float | None) -> pd.DataFrame:
        """Return rows of the table, the best FDR first."""
        frame = self._table
        if database is not None:
            if database not in self.databases:
                raise NotInResults(
                    f"{self._folder.place} has no database '{database}'; it has "
                    f"{', '.join(self.databases)}"
                )
            frame = frame[frame["database"] == database]
        return frame if fdr is None else frame[frame["fdr"] <= fdr]

    def results(self, database: str | None = None, fdr: float | None = None) -> pd.DataFrame:
        """Return the annotations as a table.

        Parameters
        ----------
        database : str, optional
            Only those of one database.
        fdr : float, optional
            Only those up to an FDR.

        Returns
        -------
        pandas.DataFrame
            Indexed by formula and adduct (``+H``), the best FDR first; the columns of
            ``annotations.csv``, and ``moc`` and ``intensity`` as METASPACE calls chaos and highest
            intensity. ``moleculeNames`` and ``moleculeIds`` are lists; names that have a comma of
            their own stay one text.

        Examples
        --------
        >>> import ionbox
        >>> table = ionbox.open("results").results(database="acids", fdr=0.2)
        >>> table.index.names
        FrozenList(['formula', 'adduct'])
        >>> bool((table["fdr"] <= 0.2).all())
        True
        """
        return as_results(self._select(database, fdr))

    def annotations(
        self,
        fdr: float = 0.1,
        database: str | None = None,
        return_vals: Sequence[str] = ("sumFormula", "adduct"),
    ) -> list[list[Any]]:
        """Return the annotations as a list of formula and adduct.

        Parameters
        ----------
        fdr : float
            Highest FDR.
        database : str, optional
            Only those of one database.
        return_vals : sequence of str
            Other columns instead; ``sumFormula`` is ``formula``.

        Examples
        --------
        >>> import ionbox
        >>> formula, adduct = ionbox.open("results").annotations(fdr=0.5)[0]
        >>> adduct in {"+H", "+Na", "+K"}
        True
        """
        frame = self._select(database, fdr)
        columns = ["formula" if name == "sumFormula" else name for name in return_vals]
        unknown = [name for name in columns if name not in frame.columns]
        if unknown:
            raise NotInResults(
                f"no column {', '.join(unknown)}; there are {', '.join(map(str, frame))}"
            )
        return [list(row) for row in frame[columns].itertuples(index=False, name=None)]

    def diagnostics(self, database: str | None = None) -> pd.DataFrame:
        """Return the metrics of every scored ion, decoys too.

        Parameters
        ----------
        database : str, optional
            Only those of one database.

        Returns
        -------
        pandas.DataFrame
            A row for each formula with each target or decoy modifier whose ion had a peak;
            ``decoy`` says which, ``fdr`` is that of targets (1 where MSM is 0).

        Examples
        --------
        >>> import ionbox
        >>> scores = ionbox.open("results").diagnostics()
        >>> bool(scores["decoy"].any())
        True
        """
        import pandas as pd

        from ionbox.diagnostics_frame import diagnostics_frame

        self._select(database, None)  # complains of a name that is not there
        chosen = self.databases if database is None else [database]
        frames = [
            diagnostics_frame(self._folder.read_arrays(f"diagnostics/{name}.npz"), name, self._sign)
            for name in chosen
        ]
        return pd.concat(frames, ignore_index=True)
