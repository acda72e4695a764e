"""Colocalization: images prepared, and all pairs of them ranked, against numpy and scipy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from ionbox_science.annotation.colocalization import make_prepared, prepare_images
from ionbox_science.annotation.partners import find_partners

from benchmarks.kernels import Contender, Contenders
from tests.oracles import colocalization as oracle

TITLE = "colocalization"
GOALS = {"oracle (numpy)": 3.0}

_N_PARTNERS = 101  # as in a run: an image is its own best

Images = npt.NDArray[np.float32]


def cases(*, tiny: bool) -> Iterator[tuple[str, Contenders]]:
    """Yield images of which 15 and 60 % of the pixels are filled, then pairs of prepared ones."""
    size, n_images, n_pairs = (20, 4, 30) if tiny else (100, 100, 1500)
    random = np.random.default_rng(1)
    for share in (0.15, 0.6):
        shape = (n_images, size, size)
        images = random.lognormal(0, 2, shape) * (random.random(shape) < share)
        yield f"prepared, {share:.0%} filled", _preparers(images.astype(np.float32))
    prepared = random.integers(0, 4096, (n_pairs, size * size), np.uint16)
    prepared[random.random(prepared.shape) < 0.5] = 0
    laid_out = oracle.lay_out(prepared)
    n_kept = min(_N_PARTNERS, n_pairs)

    def find() -> list[npt.NDArray[Any]]:
        found = find_partners(laid_out, n_pairs, n_kept)
        return [found.partner, found.coefficient]

    yield (
        f"pairs of {n_pairs:,} images",
        {
            "ionbox": Contender(find),
            "oracle (numpy)": Contender(lambda: oracle.find_partners(prepared, n_kept)),
        },
    )


def _preparers(images: Images) -> Contenders:
    def prepare() -> list[npt.NDArray[np.uint16]]:
        prepared = make_prepared(len(images), images[0].size)
        prepare_images(images, prepared, 0, len(images))
        return [prepared]

    def prepare_plainly() -> list[npt.NDArray[np.uint16]]:
        return [oracle.lay_out(np.stack([oracle.prepare_image(each).ravel() for each in images]))]

    return {"ionbox": Contender(prepare), "oracle (numpy)": Contender(prepare_plainly)}
