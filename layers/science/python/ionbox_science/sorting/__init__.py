"""Peaks from the order of spectra to the order of m/z, cut into segments.

Ion images need the peaks of narrow m/z windows from all pixels, an ibd has them spectrum by
spectrum. A run sorts in one of three ways, to the same bytes: in memory (`peak_sorting`), in spans
of spectra that are merged segment by segment (`span_layout`, `span_merging`), or on a disk
(`disk_sorting`). `segments` says where to cut and how a segment is stored.
"""
