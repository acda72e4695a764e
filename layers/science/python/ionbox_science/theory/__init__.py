"""What is to be expected: formulas, molecules, ions, isotope patterns."""
