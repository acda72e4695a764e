"""What `match_spectra` finds, said as one regular expression made of the first spectrum."""

from __future__ import annotations

import re

import numpy as np
from ionbox_science.imzml.scan import SIGNED, TEXT, UNSIGNED, Int64Array, Template

SLOTS = {
    TEXT: rb"[ !#-%(-;=-~]*",
    SIGNED: rb"(-?[0-9]{1,18})",
    UNSIGNED: rb"([0-9]{1,18})",
}


def match_spectra(source: bytes, template: Template, max_spectra: int) -> tuple[Int64Array, int]:
    """Match with Python's `re`, one spectrum after the other."""
    literals = [re.escape(source[begin:end]) for begin, end in template.literals]
    slots = [SLOTS[int(kind)] for kind in template.kinds] + [b""]
    parts = [part for pair in zip(literals, slots, strict=True) for part in pair]
    pattern = re.compile(rb"[ \t\r\n]*+" + b"".join(parts))
    rows: list[tuple[bytes, ...]] = []
    end = template.start
    while len(rows) < max_spectra and (match := pattern.match(source, end)):
        rows.append(match.groups())
        end = match.end()
    values = np.array([[int(number) for number in row] for row in rows], dtype=np.int64)
    return values.reshape(len(rows), template.n_numbers).T, end
