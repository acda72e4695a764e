"""Checks of what a script passes to the Python client, before anything is computed from it.

Used by `Run` and by what reads for it: a wrong type is refused with the argument's name, not by a
traceback from pandas or zarr. numpy's numbers and booleans are as good as Python's.
"""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from ionbox_science.errors import InvalidConfig


def is_number(value: object) -> bool:
    """Say whether something is a number of Python or numpy; True and False do not count."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_whole(value: object) -> bool:
    """Say whether something is an integer of Python or numpy; True and False do not count."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def require_text(name: str, value: object) -> None:
    """Refuse an argument that is not text.

    Raises
    ------
    InvalidConfig
        If the value is not a str; the message has its name and what was given.
    """
    if not isinstance(value, str):
        raise InvalidConfig(f"{name}: expected text, got {value!r}")


def require_bools(**values: object) -> None:
    """Refuse arguments that are neither True nor False.

    A neutral loss passed in the place of a switch, say, would otherwise count as True.

    Raises
    ------
    InvalidConfig
        If a value is not a bool of Python or numpy; the message has its name and what was given.
    """
    for name, value in values.items():
        if not isinstance(value, bool | np.bool_):
            raise InvalidConfig(f"{name}: expected True or False, got {value!r}")
