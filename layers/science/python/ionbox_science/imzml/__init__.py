"""The header of a dataset: the imzML read and checked, the ibd and its spectra found."""
