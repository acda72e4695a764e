"""What trees answer, in numpy: the obvious version of the kernel that sums their leaves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from ionbox_science.scoring.learned_score import LearnedModel


def evaluate(model: LearnedModel, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Ask every question of every tree; features: (n_features, n_ions)."""
    total = np.zeros(features.shape[1])
    for feature, rank, leaf in zip(model.feature, model.rank, model.leaf, strict=True):
        index = np.zeros(features.shape[1], int)
        for level, (row, place) in enumerate(zip(feature, rank, strict=True)):
            own = model.border[model.border_start[row] : model.border_start[row + 1]]
            border = own[place] if place < len(own) else np.inf
            index |= (features[row] > border).astype(int) << level
        total += leaf[index]
    return total * model.scale + model.bias
