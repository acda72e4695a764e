"""What ionbox costs, side by side with the libraries it replaces: ``python -m benchmarks``."""
