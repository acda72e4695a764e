"""Datasets with a known truth: sections of tissue, planted ions, the imzML they are written to."""
