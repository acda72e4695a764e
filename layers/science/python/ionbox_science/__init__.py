"""Spatial metabolomics in numpy: no AWS, no environment, no logging set-up."""

__version__ = "0.1.0"

SCIENCE_VERSION = "1"
"""Part of every cache key; raised when any number this package computes may change."""
