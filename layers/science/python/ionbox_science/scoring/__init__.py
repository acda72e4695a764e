"""Segments and isotope patterns to the images, metrics and false discovery rate of ions.

`ion_images` finds the measured peaks of each isotope peak, `scores` computes the metrics of an ion
from them (`chaos` is one), ``AnnotateSegments`` in a run; `fdr` ranks targets against decoys when
all ions are scored (``EstimateFdr``).
"""
