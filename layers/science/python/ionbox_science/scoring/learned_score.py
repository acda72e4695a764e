"""Learned scores: METASPACE-ML in place of MSM, from the same five numbers per ion.

In: the metrics of ions. Out: a number from 0 to 1 that ranks targets and decoys as MSM does, only
better: see ``docs/science.md``. The models are METASPACE's (Wadie et al. 2024,
doi:10.1038/s41467-024-52213-9), trees trained by CatBoost to put targets before their decoys;
``layers/science/export_learned_scores.py`` made the files in ``data`` of them.

Both were trained on ``1 - |m/z error|`` (in Da), and METASPACE's site hands them ``-|m/z error|``,
which lies below all borders: there, both errors always count as worst. ``metaspace-ml-animal`` and
``metaspace-ml-plant`` are the models as they were trained; with ``-as-served`` at the end they
answer what METASPACE's site does, for comparison.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from importlib import resources

import numpy as np
import numpy.typing as npt

from ionbox_science.kernel_calls import call_kernel
from ionbox_science.scoring.scores import IonScores
from ionbox_science.setting_table import MSM, Scoring

AS_SERVED = "-as-served"
"""What the name of a score ends with that is computed as METASPACE's site does."""

CITATION = "doi:10.1038/s41467-024-52213-9"
"""Of METASPACE-ML: Wadie et al. 2024."""

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LearnedModel:
    """Boosted oblivious trees: all leaves of a tree lie behind the same questions.

    Attributes
    ----------
    border : (n_borders,) float32
        Where trees split features: those of the first feature, ascending, then the next one's.
    border_start : (n_features + 1,) int64
        Where the borders of each feature begin, and the end of the last.
    feature, rank : (n_trees, depth) uint8, uint16
        A question of each level of each tree: is this feature above its border of this rank?
    leaf : (n_trees, 2 ** depth) float64
        What a tree adds; the answers are the bits of the index, that of the first question least.
    scale, bias : float
        The score is the sum of the leaves times the first, plus the second.
    sha256 : str
        Checksum of the published file.
    """

    border: Float32s
    border_start: npt.NDArray[np.int64]
    feature: npt.NDArray[np.uint8]
    rank: npt.NDArray[np.uint16]
    leaf: Float64s
    scale: float
    bias: float
    sha256: str

    def evaluate(self, features: Float32s) -> Float64s:
        """Return the model's answer for each ion.

        Parameters
        ----------
        features : (n_features, n_ions) float32
            As `features_of` returns them.

        Returns
        -------
        (n_ions,) float64
            To the last bit what CatBoost answers; not limited to 0 to 1.
        """
        n_features, n_ions = features.shape
        total = np.empty(n_ions)
        n_trees, depth = self.feature.shape
        call_kernel(
            "ionbox_sum_leaves",
            np.ascontiguousarray(features),
            n_ions,
            n_features,
            self.border,
            self.border_start,
            n_trees,
            depth,
            self.feature,
            self.rank,
            self.leaf,
            total,
        )
        return total * self.scale + self.bias


@functools.cache
def read_model(name: str) -> LearnedModel:
    """Read one of the models that come with this ring.

    Parameters
    ----------
    name : str
        ``metaspace-ml-animal`` or ``metaspace-ml-plant``, with or without ``-as-served``.

    Raises
    ------
    FileNotFoundError
        If there is none of that name.
    """
    path = resources.files("ionbox_science") / "data" / f"{name.removesuffix(AS_SERVED)}.npz"
    with path.open("rb") as file, np.load(file) as stored:
        scale, bias = stored["scale_and_bias"].tolist()
        return LearnedModel(
            border=stored["border"],
            border_start=np.concatenate(([0], np.cumsum(stored["n_borders"]))),
            feature=stored["feature"],
            rank=stored["rank"],
            leaf=stored["leaf"],
            scale=scale,
            bias=bias,
            sha256=str(stored["sha256"]),
        )


def features_of(scores: IonScores, *, as_served: bool = False) -> Float32s:
    """Return what the models look at: chaos, spatial, spectral and both m/z errors.

    Parameters
    ----------
    scores : IonScores
        Metrics of the ions.
    as_served : bool
        Hand over the errors as METASPACE's site does.

    Returns
    -------
    (5, n_ions) float32
        A row per feature; computed in float64 before.
    """
    best = 0.0 if as_served else 1.0
    errors = (best - np.abs(error) for error in (scores.mz_error_abs, scores.mz_error_rel))
    rows = (scores.chaos, scores.spatial, scores.spectral, *errors)
    return np.stack([row.astype(np.float32) for row in rows])


def rank_by(scores: IonScores, scoring: Scoring) -> IonScores:
    """Put what ions are to be ranked by into the place of their MSM.

    Parameters
    ----------
    scores : IonScores
        Metrics of the ions, with the product of the three as MSM.
    scoring : str
        ``msm``, which changes nothing, or a learned score, see `read_model`.

    Returns
    -------
    IonScores
        The same but for ``msm``: 0 to 1, and 0 where nothing was found. A learned score can also be
        0 where something was: such an ion takes part in ranking.
    """
    return scores if scoring == MSM else replace(scores, msm=score_learned(scores, scoring))


def score_learned(scores: IonScores, name: str) -> Float64s:
    """Return the learned score of each ion.

    Parameters
    ----------
    scores : IonScores
        Metrics of the ions.
    name : str
        Which score, as for `read_model`.

    Returns
    -------
    (n_ions,) float64
        0 to 1; 0 where nothing was found.
    """
    answers = read_model(name).evaluate(features_of(scores, as_served=name.endswith(AS_SERVED)))
    return np.where(scores.is_found, np.clip(answers, 0.0, 1.0), 0.0)
