"""Peaks from the order of spectra to the order of m/z: segments, by memory or by disk."""
