"""Two tables of annotations side by side: ``ionbox compare``. Nothing heavy is imported here."""

TOLERANCE = 1e-4
"""Difference of a metric that does not count; tables have 6 significant digits."""
