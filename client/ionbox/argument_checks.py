"""What arguments of the Python client are, whatever a script passes."""

from __future__ import annotations

from numbers import Integral, Real

from ionbox_science.errors import InvalidConfig


def is_number(value: object) -> bool:
    """Say whether something is a number, of Python or numpy."""
    return isinstance(value, Real)


def is_whole(value: object) -> bool:
    """Say whether something is a whole number, of Python or numpy."""
    return isinstance(value, Integral)


def require_text(name: str, value: object) -> None:
    """Refuse an argument that is no text.

    Raises
    ------
    InvalidConfig
        If so.
    """
    if not isinstance(value, str):
        raise InvalidConfig(f"{name}: expected text, got {value!r}")
