"""Everything the science ring refuses on purpose: input that the user has to change.

::

    IonboxError
    └── InvalidInput            the user must act; never retried
        ├── InvalidDataset      imzML or ibd
        ├── InvalidDatabase     molecule table
        ├── InvalidConfig       sidecar file or command line
        └── InvalidFormula      a chemical formula, adduct, loss or modification

What else can end a run has its classes in the cloud ring's ``errors.py``: failures that pass, which
are retried, and mistakes of ours. A wrong call of a function here raises ``ValueError`` or
``TypeError``.

The class name is what the state machine catches, so renaming a class here means renaming it in
``statemachine/annotate.asl.json``; a test holds both directions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class IonboxError(Exception):
    """Root of every error ionbox raises on purpose."""


class InvalidInput(IonboxError):  # noqa: N818 (the class name is what users read)
    """What the user gave cannot be used as it is; the message says what to change."""


class InvalidDataset(InvalidInput):
    """The imzML or ibd file is broken, incomplete or of a kind that cannot be annotated."""


class InvalidDatabase(InvalidInput):
    """The molecule table cannot be read, has no column of formulas, or has rows that are none."""


class InvalidConfig(InvalidInput):
    """A setting is unknown, missing, of the wrong type or out of range."""


class InvalidFormula(InvalidInput):
    """A formula or modifier that cannot be parsed, or an ion that would have negative counts."""


class Refusals:
    """Collects what independent checks refuse, so that the user sees all of it at once.

    Run each check through `check`, then call `raise_any` once.
    """

    def __init__(self) -> None:
        self._errors: list[InvalidInput] = []

    def check(self, check: Callable[[], T]) -> T | None:
        """Return what a check returns; None, and the error kept, if it raises `InvalidInput`."""
        try:
            return check()
        except InvalidInput as error:
            self._errors.append(error)
            return None

    def messages(self) -> tuple[str, ...]:
        """Return what was refused so far, one line per problem, in the order of the checks."""
        return tuple(line for error in self._errors for line in str(error).splitlines())

    def raise_any(self) -> None:
        """Raise what was refused: a line per problem, under the class they share or `InvalidInput`.

        Raises
        ------
        InvalidInput
            If any check refused.
        """
        if self._errors:
            kinds = {type(error) for error in self._errors}
            kind = kinds.pop() if len(kinds) == 1 else InvalidInput
            raise kind("\n".join(map(str, self._errors)))
