"""A run's images and tables in the formats of other software.

===============  ================================================================  ==============
format           what                                                              needs
===============  ================================================================  ==============
``anndata``      one ``.h5ad``: pixels x ions, as metaspace-converter lays it out  anndata
``spatialdata``  one ``.zarr``: the same as table and points                       spatialdata
``csv-pixels``   one CSV: a row per measured pixel, a column per ion
``ome-tiff``     one OME-TIFF: a channel per ion, float32                          tifffile
``png``          a folder: a 16-bit PNG per ion, and ``images.json`` with scales
===============  ================================================================  ==============

All have one image per ion, that of the first isotope peak, of the annotations up to an FDR. An ion
that several databases have is exported once, with its best row.

`export` writes any of them for ``ionbox export``; `Run.to_anndata` and `Run.to_spatialdata` return
two of them without a file. A module per format, what they share is in ``selection.py``.
"""

from __future__ import annotations

import contextlib
import importlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ionbox_science.errors import InvalidConfig

from ionbox.export_formats import EXTENSIONS, FORMATS
from ionbox.results.filters import check_fdr

if TYPE_CHECKING:
    from ionbox.results.description import Database
    from ionbox.results.measurement import RunMeasurement


def export(
    run: RunMeasurement,
    to: str,
    out: Path,
    *,
    fdr: float = 0.1,
    database: Database | None = None,
    use_tic: bool = False,
) -> int:
    """Write a run in a format of other software.

    Parameters
    ----------
    run : Run
        The run, as `ionbox.open` returns it.
    to : str
        Name of the format, one of those in the table above.
    out : Path
        File or folder to write; must not exist. It appears once all of it is written.
    fdr : float
        Highest FDR of the annotations, a fraction from 0 to 1.
    database : str or (str, str), optional
        Only annotations of one database: its name, or name and version.
    use_tic : bool
        Whether intensities become fractions of each pixel's total ion current; else counts.

    Returns
    -------
    int
        Number of ions that were written.

    Raises
    ------
    InvalidConfig
        If there is no such format, the FDR is not a fraction, ``out`` exists or has the ending of
        another format, or nothing was annotated up to the FDR.
    NotInResults
        If the run has no such database.
    MissingLibrary
        If the format needs a library that is not installed; the message says how to install it.

    Examples
    --------
    >>> from pathlib import Path
    >>> import ionbox
    >>> from ionbox.exports import export
    >>> run = ionbox.open("results")
    >>> n_ions = export(run, "csv-pixels", Path("pixels.csv"), fdr=0.2)
    >>> n_ions == run.results(fdr=0.2)["ion"].nunique()
    True
    """
    check_fdr(fdr)
    if to not in FORMATS:
        raise InvalidConfig(f"no format '{to}'; give one of {', '.join(FORMATS)}")
    _check_name(to, out)
    if out.exists():
        raise InvalidConfig(f"{out} exists; give another name")
    module = importlib.import_module(f"ionbox.exports.{FORMATS[to]}")
    out.parent.mkdir(parents=True, exist_ok=True)
    with _whole(out) as incoming:
        n_ions: int = module.write(run, incoming, fdr, database, use_tic)
    return n_ions


def _check_name(to: str, out: Path) -> None:
    """Refuse a name that would make other software take a format for another."""
    name = out.name.lower()
    if name.endswith(EXTENSIONS[to]):
        return
    for other, endings in EXTENSIONS.items():
        if name.endswith(endings):
            right = "a folder" if to == "png" else f"a name that ends in {EXTENSIONS[to][0]}"
            raise InvalidConfig(
                f"{out} is named as {other} is, and {to} would be written; give {right}"
            )


@contextlib.contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """Give a hidden place to write to, which becomes ``out`` once all is written."""
    incoming = out.with_name(f".{out.name}.incoming")
    _remove(incoming)
    try:
        yield incoming
        incoming.replace(out)
    finally:
        _remove(incoming)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
