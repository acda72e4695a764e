"""Fixtures every level of tests may use."""

from __future__ import annotations

from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
REFERENCE = PROJECT.parent / "shared" / "reference"


@pytest.fixture(scope="session")
def project() -> Path:
    """The checkout's root."""
    return PROJECT


@pytest.fixture(scope="session")
def reference() -> Path:
    """Real datasets and what METASPACE's engine answers on them; not part of this repository."""
    if not REFERENCE.is_dir():
        pytest.skip(f"reference data not found at {REFERENCE}; tests/golden proves the essentials")
    return REFERENCE
