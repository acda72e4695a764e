"""The science of a run, in numpy and C kernels: no AWS, no environment, no logging set-up.

Bytes, arrays and frozen dataclasses go in and come out; callers do the fetching and storing. In
the order in which a run needs them, `sorting` and `theory` side by side:

::

    imzml        header of the dataset, its checks, the peaks of its spectra
    config       what was asked, and what the imzML says, made into what runs
    sorting      peaks from spectrum order to m/z order, cut into segments
    theory       molecules to ions and decoys, ions to isotope patterns; needs no data
    scoring      segments and patterns to metrics of every ion, metrics to FDR
    annotation   the table, colocalization and quality of a run, and why an ion is in it or not
"""

__version__ = "0.1.0"

SCIENCE_VERSION = "1"
"""Part of every cache key; raised when any number this package computes may change."""
