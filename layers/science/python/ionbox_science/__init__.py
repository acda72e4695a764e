"""Spatial metabolomics in numpy: no AWS, no environment, no logging set-up."""
