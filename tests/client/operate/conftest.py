"""Fixtures of several of these tests."""

from __future__ import annotations

import pytest

from tests.client.operating import Cloud


@pytest.fixture
def annotated(installed: Cloud) -> Cloud:
    """One run that succeeded."""
    installed.start("abc-1", "brain")
    installed.leave_traces("abc-1", "brain")
    return installed
