"""What arguments of the Python client are, whatever a script passes."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from ionbox_science.errors import InvalidConfig


def is_number(value: object) -> bool:
    """Say whether something is a number, of Python or numpy; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_whole(value: object) -> bool:
    """Say whether something is a whole number, of Python or numpy; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def require_text(name: str, value: object) -> None:
    """Refuse an argument that is no text.

    Raises
    ------
    InvalidConfig
        If so.
    """
    if not isinstance(value, str):
        raise InvalidConfig(f"{name}: expected text, got {value!r}")


def require_bools(**values: object) -> None:
    """Refuse arguments that are neither True nor False, such as a loss in a wrong place.

    Raises
    ------
    InvalidConfig
        If so.
    """
    for name, value in values.items():
        if not isinstance(value, bool | np.bool_):
            raise InvalidConfig(f"{name}: expected True or False, got {value!r}")
