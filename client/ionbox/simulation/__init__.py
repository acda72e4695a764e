"""Datasets with a known truth: sections of tissue, planted ions, the imzML they are written to.

For ``ionbox simulate``, tests and benchmarks. ``section.py`` draws what is on the tissue, or
``real_section.py`` where data is to be as hard as real data; ``measurement.py`` measures it as an
instrument would, ``imzml_writer.py`` writes the files, ``simulate.py`` does all of this.
``lipids.py`` writes a database to annotate with.
"""
