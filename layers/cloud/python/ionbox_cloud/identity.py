"""Identity is content: hashes of bytes and options, never names, times or storage tags."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from ionbox_science import SCIENCE_VERSION
from ionbox_science.config import RunConfig
from ionbox_science.imzml.spectra import ReadRange

from ionbox_cloud.messages import DatasetFiles
from ionbox_cloud.store import encode_json

N_BLOCKS = 64
"""Blocks of the ibd that enter a dataset's identity: first, last and evenly between."""

BLOCK_BYTES = 64 << 10

LAYOUT_VERSION = 4
"""Grows when stored objects are laid out or cut in another way: old ones are then not read."""

RESULTS_VERSION = 5
"""Grows when files of the results say more, or say it otherwise: runs are then published anew."""

_ID_DIGITS = 32  # 128 bits: no collisions by chance, and keys stay readable


def hash_content(data: bytes) -> str:
    """Return the identity of an object's bytes."""
    return hashlib.sha256(data).hexdigest()[:_ID_DIGITS]


def _hash_options(kind: str, *options: Any) -> str:
    return hash_content(encode_json([kind, SCIENCE_VERSION, LAYOUT_VERSION, *options]))


def identify_dataset(imzml: bytes, ibd_bytes: int, read_range: ReadRange) -> str:
    """Return the identity of a dataset: cheap for any size, the same wherever it is stored."""
    digest = hashlib.sha256(imzml)
    digest.update(f"\n{ibd_bytes}\n".encode())
    last = max(0, ibd_bytes - BLOCK_BYTES)
    for block in range(N_BLOCKS):
        offset = last * block // (N_BLOCKS - 1)
        digest.update(read_range(offset, min(BLOCK_BYTES, ibd_bytes - offset)))
    return digest.hexdigest()[:_ID_DIGITS]


def identify_segments(dataset_id: str, bounds: Sequence[float]) -> str:
    """Return the identity of a dataset's segments."""
    return _hash_options("segments", dataset_id, list(bounds))


def identify_sort(segments_id: str, cuts: Sequence[int]) -> str:
    """Return the identity of what many calls leave while they sort a dataset cut into spans."""
    return _hash_options("sort", segments_id, list(cuts))


def identify_patterns(formulas: Sequence[str], config: RunConfig) -> str:
    """Return the identity of a database's isotope patterns; window and scoring do not enter."""
    rule, model = config.ion_rule, config.isotope_model
    return _hash_options(
        "patterns",
        list(formulas),
        [rule.adducts, rule.neutral_losses, rule.chem_mods, rule.n_decoys, rule.decoy_rule],
        [model.analyzer, model.sigma, model.n_peaks, model.charge],
    )


def identify_scores(segments_id: str, patterns_id: str, config: RunConfig) -> str:
    """Return the identity of a database's scores on a dataset; the FDR method does not enter."""
    options = config.image_options
    return _hash_options("scores", segments_id, patterns_id, options.ppm, options.min_px)


def identify_run(
    dataset_id: str,
    dataset: DatasetFiles,
    config: RunConfig,
    databases: Sequence[tuple[str, str]],
) -> str:
    """Return the identity of a run; ``databases`` are (name, content) pairs, in any order."""
    options = (dataset_id, dataset.name, config.to_json(), sorted(databases))
    return _hash_options("run", RESULTS_VERSION, *options)
