"""What ionbox costs, side by side with the libraries it replaces: ``python -m benchmarks``."""

import sys
from pathlib import Path

# the kernels' oracles are the tests'
sys.path.append(str(Path(__file__).parents[1] / "tests"))
