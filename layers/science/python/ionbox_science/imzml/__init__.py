"""Datasets as they are stored: the imzML header read and checked, spectra read from the ibd.

The first part of a run (``PlanRun``). `header` is the way in: it reads an imzML by `scan` where it
can, else by `xml`, with the vocabulary in `terms`. `checks` refuses what cannot be annotated. `ibd`
and `spectra` read peaks, for sorting and for single pixels (`spectrum_index`); `peak_picking` makes
peaks of profile spectra.
"""
