"""What the viewer is asked."""

from __future__ import annotations

from typing import Any

PPM = 3.0

Query = dict[str, Any]
"""What is asked of an address, by name: whatever can be written into it."""
