"""A folder of 16-bit PNGs, one per ion, and ``images.json`` with what each is and its scale.

A PNG takes a dozen lines to encode, so this format needs no imaging library.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ionbox.exports.selection import Selection, select

if TYPE_CHECKING:
    from ionbox.results.description import Database
    from ionbox.results.measurement import RunMeasurement

_TOP = 65535  # the highest value of 16 bits
_LIST = "images.json"
_UNSAFE = re.compile(r"[^A-Za-z0-9+\-\[\]]")
_LONGEST = 100  # characters of an ion's name in a file's name, which file systems limit


def write(
    run: RunMeasurement, out: Path, fdr: float, database: Database | None, use_tic: bool
) -> int:
    """Write an image per ion, its values 0 to 65535 for intensity 0 to the image's highest.

    ``images.json`` says which file is which ion, and ``intensity_per_level``: a pixel's value
    times that is its intensity. Arguments and result are those of every format's ``write``.
    """
    selection = select(run, fdr, database, use_tic)
    out.mkdir()
    entries = [
        _write_image(selection, row, image, out) for row, image in enumerate(selection.images())
    ]
    listed = {**selection.facts(), "images": entries}
    (out / _LIST).write_text(json.dumps(listed, indent=1) + "\n", "utf-8")
    return len(entries)


def _write_image(
    selection: Selection, row: int, image: npt.NDArray[np.float32], out: Path
) -> dict[str, Any]:
    ion = selection.ions.iloc[row]
    formula, adduct = selection.ions.index[row]
    top = float(image.max(initial=0))
    per_level = top / _TOP
    # an image of zeros only has no scale, and stays what it is
    levels = np.rint(image / per_level) if per_level else image
    name = f"{row + 1:05}_{safe_name(ion['ion'])}.png"
    (out / name).write_bytes(encode_png(levels.astype(np.uint16)))
    return {
        "file": name,
        "ion": ion["ion"],
        "formula": formula,
        "adduct": adduct,
        "mz": float(ion["mz"]),
        "fdr": float(ion["fdr"]),
        "max_intensity": top,
        "intensity_per_level": per_level,
    }


def safe_name(text: str) -> str:
    """Return text that can be part of a file's name on every system.

    >>> safe_name("C6H12O6-H2O+H+"), safe_name("../a b")
    ('C6H12O6-H2O+H+', '___a_b')
    """
    return _UNSAFE.sub("_", text)[:_LONGEST]


def encode_png(levels: npt.NDArray[np.uint16]) -> bytes:
    """Encode a grey image of 16 bits per pixel as PNG (https://www.w3.org/TR/png-3/).

    Parameters
    ----------
    levels : (height, width) uint16
        Brightness of the pixels, 0 is black.

    Returns
    -------
    bytes
        The file.
    """
    height, width = levels.shape
    rows = np.zeros((height, 1 + 2 * width), np.uint8)  # each row begins with its filter: none
    rows[:, 1:] = levels.astype(">u2").view(np.uint8).reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
