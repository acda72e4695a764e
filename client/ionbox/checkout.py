"""Where this copy of ionbox lies: in a checkout, or installed from a wheel.

A wheel has ``functions`` and ``statemachine`` inside the package, a checkout at its top.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent

INSTALLED = (_PACKAGE / "statemachine").is_dir()

ROOT = _PACKAGE if INSTALLED else _PACKAGE.parents[1]
"""The folder of ``functions`` and ``statemachine``."""
