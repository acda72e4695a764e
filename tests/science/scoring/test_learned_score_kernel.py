"""The kernel that sums the leaves of trees against its numpy version."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ionbox_science.scoring.learned_score import LearnedModel

from tests.oracles.learned_score import evaluate as oracle

Float32s = npt.NDArray[np.float32]


def make_model(seed: int, *, n_features: int = 3, n_trees: int = 7, depth: int = 4) -> LearnedModel:
    """Draw trees whose borders are few, so that values meet them."""
    rng = np.random.default_rng(seed)
    borders = [np.unique(rng.integers(0, 12, rng.integers(1, 9))) for _ in range(n_features)]
    feature = rng.integers(0, n_features, (n_trees, depth)).astype(np.uint8)
    n_borders = np.array([len(each) for each in borders])
    # the rank past the last is a question that nobody answers with yes
    rank = rng.integers(0, n_borders[feature] + 1).astype(np.uint16)
    return LearnedModel(
        border=np.concatenate(borders).astype(np.float32),
        border_start=np.concatenate(([0], np.cumsum(n_borders))),
        feature=feature,
        rank=rank,
        leaf=rng.standard_normal((n_trees, 2**depth)),
        scale=0.3,
        bias=-0.1,
        sha256="",
    )


@given(
    seed=st.integers(0, 2**32 - 1),
    n_ions=st.sampled_from([0, 1, 7, 511, 512, 513, 1030]),
    n_features=st.integers(1, 6),
    depth=st.integers(0, 8),
)
def test_leaves_are_summed_as_the_obvious_version_does(
    seed: int, n_ions: int, n_features: int, depth: int
) -> None:
    model = make_model(seed, n_features=n_features, depth=depth)
    values = [*range(-1, 14), np.nan, np.inf, -np.inf, -0.0]
    features = np.random.default_rng(seed).choice(values, (n_features, n_ions)).astype(np.float32)
    assert model.evaluate(features).tobytes() == oracle(model, features).tobytes()


def test_a_value_at_a_border_is_not_above_it() -> None:
    model = make_model(1, n_features=1, n_trees=1, depth=1)
    border = model.border[model.rank[0, 0]]
    features = np.array([[border, np.nextafter(border, np.float32(99)), np.nan]], np.float32)
    at, above, missing = model.evaluate(features)
    assert at == missing == model.leaf[0, 0] * model.scale + model.bias
    assert above == model.leaf[0, 1] * model.scale + model.bias


def test_a_model_of_other_features_is_refused() -> None:
    model = make_model(2, n_features=3)
    model.feature[0, 0] = 3
    with pytest.raises(ValueError, match="out of range"):
        model.evaluate(np.zeros((3, 5), np.float32))
