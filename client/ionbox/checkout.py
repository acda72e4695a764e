"""Where this copy of ionbox lies: in a checkout, or installed from a wheel.

A wheel has ``functions`` and ``statemachine`` inside the package, a checkout at its top. The local
runner finds handlers and state machine below `ROOT`, ``ionbox deploy`` the stack; `INSTALLED` also
decides which ``pip`` command users are told.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent

INSTALLED = (_PACKAGE / "statemachine").is_dir()
"""Whether this copy came from a wheel."""

ROOT = _PACKAGE if INSTALLED else _PACKAGE.parents[1]
"""The folder that holds ``functions`` and ``statemachine``."""
