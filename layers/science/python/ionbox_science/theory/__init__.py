"""What to look for: molecules, the ions and decoys they make, the isotope patterns of these.

Needs no measured data, so a run computes it beside the sorting (``BuildIons``,
``GenerateIsotopePatterns``) and keeps patterns for other runs. `databases` and `lipids` give
formulas, `formulas` their arithmetic, `ions` targets and decoys, `isotope_patterns` m/z and
abundances.
"""
