"""``annotations.csv`` and tables like it as pandas frames.

`read_frame` parses bytes, `as_results` gives a frame the shape of METASPACE's ``results()``. Used
by `ionbox.results`, ``ionbox compare`` (which also reads METASPACE's exports) and the viewer.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ionbox_science.csv_cells import unguard_cell
from ionbox_science.theory.formulas import plain_adduct

if TYPE_CHECKING:
    import pandas as pd

# Types are set by name, since pandas guesses them from the content: a molecule named "NA" would be
# read as missing, a column of numbers that happen to be whole would become integers.
_TEXT = (
    *("group", "datasetName", "datasetId", "formula", "adduct", "chemMod", "neutralLoss", "ion"),
    *("moleculeNames", "moleculeIds", "database", "explainedBy"),
    *("chem_mod", "neutral_loss", "moldb_id"),  # the engine's names
)
_NUMBERS = (
    *("mz", "massError", "msm", "fdr", "fdrAlone", "rhoSpatial", "rhoSpectral", "rhoChaos"),
    *("minIntensity", "maxIntensity", "totalIntensity"),
)


_COUNTS = ("isomeric_mols_count", "isomeric_ions_count", "isobaric_ions_count")


def read_frame(data: bytes) -> pd.DataFrame:
    """Read a CSV of annotations; text stays text, also where it reads ``NA`` or has a ``#``.

    Parameters
    ----------
    data : bytes
        ``annotations.csv``, or METASPACE's export: UTF-8, comment lines first.

    Returns
    -------
    pandas.DataFrame
        Columns as in the file; adducts as METASPACE's client writes them, ``+H``, and names without
        the apostrophe that guards them from spreadsheets. Empty, without columns, if the file has
        nothing but comments.

    Raises
    ------
    ValueError
        If the bytes are not UTF-8, or the lines are not rows of a CSV.
    """
    import pandas as pd

    # pandas' own comment="#" would cut lines at a # anywhere, in the name of a molecule, too
    lines = data.decode("utf-8-sig").splitlines(keepends=True)
    first = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    text = "".join(lines[first:])
    if not text.strip():
        return pd.DataFrame()
    header = pd.read_csv(io.StringIO(text), nrows=0).columns
    strings = [name for name in _TEXT if name in header]
    kinds: dict[str, Any] = dict.fromkeys(strings, str)
    kinds |= {name: float for name in _NUMBERS if name in header}
    frame = pd.read_csv(
        io.StringIO(text),
        dtype=kinds,
        keep_default_na=False,
        na_values={name: ["", "nan", "NaN"] for name in header if name not in strings},
    )
    for name in strings:
        frame[name] = frame[name].map(unguard_cell).astype(str)
    if not len(frame):  # without a value pandas cannot see that these are whole numbers
        frame = frame.astype({name: "int64" for name in _COUNTS if name in header})
    if "adduct" in header:
        frame["adduct"] = frame["adduct"].map(plain_adduct).astype(str)
    return frame


def read_fractions_frame(data: bytes | None) -> pd.DataFrame:
    """Read ``label_fractions.csv``, which a run may do without; ``labelledIons`` become lists."""
    import pandas as pd
    from ionbox_cloud.stored.label_fractions import COLUMNS

    text = data.decode() if data is not None else f"#\n{','.join(COLUMNS)}\n"
    numbers = dict.fromkeys(("fdr", "meanFraction", "overallFraction"), float)
    kinds: dict[str, Any] = {name: numbers.get(name, str) for name in COLUMNS}
    frame = pd.read_csv(
        io.StringIO(text),
        skiprows=1,
        dtype={**kinds, "pixels": int},
        keep_default_na=False,
        na_values={name: ["nan"] for name in numbers},
    )
    frame["adduct"] = frame["adduct"].map(plain_adduct).astype(str)
    frame["labelledIons"] = frame["labelledIons"].map(_split).astype(object)
    return frame


def as_results(frame: pd.DataFrame, index: Sequence[str] = ("formula", "adduct")) -> pd.DataFrame:
    """Give a frame of annotations the shape of METASPACE's ``results()``.

    Parameters
    ----------
    frame : pandas.DataFrame
        As of `read_frame`; it is not changed.
    index : sequence of str
        Columns that become the index.

    Returns
    -------
    pandas.DataFrame
        Names and ids of molecules are lists; ``moc`` and ``intensity`` repeat ``rhoChaos`` and
        ``maxIntensity`` under METASPACE's names.
    """
    frame = frame.assign(moc=frame["rhoChaos"], intensity=frame["maxIntensity"])
    ids = frame["moleculeIds"].map(_split)
    names = [
        split_names(text, len(of_row))
        for text, of_row in zip(frame["moleculeNames"], ids, strict=True)
    ]
    frame["moleculeIds"] = ids.astype(object)
    frame["moleculeNames"] = _objects(names, frame)
    return frame.set_index(list(index))


def _objects(values: list[list[str]], frame: pd.DataFrame) -> pd.Series[list[str]]:
    import pandas as pd

    return pd.Series(values, index=frame.index, dtype=object)


def _split(text: str) -> list[str]:
    return text.split(", ") if text else []


def split_names(text: str, n_ids: int) -> list[str]:
    """Split names at commas, if that makes as many as there are ids.

    A name may have a comma and a space of its own. If the numbers differ, it is not known which
    commas part names, so the text stays whole.
    """
    names = _split(text)
    return names if len(names) == n_ids else [text]
