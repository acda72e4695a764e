"""``annotations.csv`` and tables like it as pandas frames."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ionbox_science.csv_cells import unguard_cell
from ionbox_science.theory.formulas import plain_adduct

if TYPE_CHECKING:
    import pandas as pd

_TEXT = (
    *("group", "datasetName", "datasetId", "formula", "adduct", "chemMod", "neutralLoss", "ion"),
    *("moleculeNames", "moleculeIds", "database"),
    *("chem_mod", "neutral_loss", "moldb_id"),  # the engine's names
)
_NUMBERS = (  # also where a file happens to have whole numbers only
    *("mz", "massError", "msm", "fdr", "rhoSpatial", "rhoSpectral", "rhoChaos"),
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
        Columns as in the file; adducts as METASPACE's client writes them, ``+H``.
    """
    import pandas as pd

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
    if not len(frame):  # nothing tells that these are whole numbers
        frame = frame.astype({name: "int64" for name in _COUNTS if name in header})
    if "adduct" in header:
        frame["adduct"] = frame["adduct"].map(plain_adduct).astype(str)
    return frame


def as_results(frame: pd.DataFrame, index: Sequence[str] = ("formula", "adduct")) -> pd.DataFrame:
    """Give a frame of annotations the shape of METASPACE's ``results()``.

    Indexed by some columns; molecules as lists; ``moc`` and ``intensity`` are METASPACE's
    names of ``rhoChaos`` and ``maxIntensity``.
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
    """Split names; names with a comma of their own, which tell nothing apart, stay one text."""
    names = _split(text)
    return names if len(names) == n_ids else [text]
