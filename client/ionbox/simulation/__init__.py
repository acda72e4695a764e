"""Datasets with a known truth: sections of tissue, planted ions, the imzML they are written to.

For ``ionbox simulate``, tests and benchmarks. ``section.py`` draws what is on the tissue,
``simulate.py`` measures it as an instrument would, ``imzml_writer.py`` writes the files;
``lipids.py`` writes a database to annotate with.
"""
