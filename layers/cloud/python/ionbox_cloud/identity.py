"""Identity is content: hashes of bytes and options, never names, times or storage tags.

What is computed lies under the hash of what it was computed from (`ionbox_cloud.keys`), so equal
work is found instead of done again, by any run. PlanRun makes all identities: dataset → segments →
scores, formulas → patterns → scores, and everything → run. A hash takes in only what changes the
result, so that a run with another FDR method still finds its scores. A dataset's identity is of
bytes; all others are of what processors computed, and name an architecture that is not x86_64.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ionbox_science import SCIENCE_VERSION
from ionbox_science.setting_table import PATTERN_VERSIONS

from ionbox_cloud.environment import USUAL_ARCHITECTURE, read_architecture
from ionbox_cloud.messages import DatasetFiles
from ionbox_cloud.storage.object_bytes import encode_json

if TYPE_CHECKING:  # Intake hashes, too, and needs none of the science
    from ionbox_science.config import RunConfig
    from ionbox_science.imzml.options import ReadOptions
    from ionbox_science.imzml.spectra import ReadRange
    from ionbox_science.scoring.recalibration import Recalibration

N_SAMPLES = 64
"""Samples of the ibd that enter a dataset's identity: first, last and evenly between."""

SAMPLE_BYTES = 64 << 10
"""Size of a sample; 64 of them are 4 MB to read, whatever the size of the ibd."""

LAYOUT_VERSION = 5
"""Grows when stored objects are laid out or cut in another way: old ones are then not read."""

RESULTS_VERSION = 16
"""Grows when files of the results say more, or say it otherwise: runs are then published anew."""

_ID_DIGITS = 32  # 128 bits: no collisions by chance, and keys stay readable


def hash_content(data: bytes) -> str:
    """Return the identity of an object's bytes: 32 hex digits of their SHA-256."""
    return hashlib.sha256(data).hexdigest()[:_ID_DIGITS]


def _hash_options(kind: str, *options: Any) -> str:
    """Hash options with the versions that give them their meaning; ``kind`` keeps kinds apart.

    What is computed may differ in its last bits from one architecture to another. So that is part
    of every identity but the usual one's, which have been made without it.
    """
    architecture = read_architecture()
    where = [] if architecture == USUAL_ARCHITECTURE else [architecture]
    return hash_content(encode_json([kind, SCIENCE_VERSION, LAYOUT_VERSION, *where, *options]))


def identify_dataset(imzml: hashlib._Hash, ibd_bytes: int, read_range: ReadRange) -> str:
    """Return the identity of a dataset: cheap for any size, the same wherever it is stored.

    Parameters
    ----------
    imzml : hashlib object
        SHA-256 of the whole imzML, which has the UUID, and usually the checksum, of its ibd.
    ibd_bytes : int
        Size of the ibd.
    read_range : ReadRange
        Reads the ibd; `N_SAMPLES` samples are read. What differs only between them is not seen;
        `ionbox_cloud.stored.known_contents` sees that a file changed.
    """
    digest = imzml.copy()
    digest.update(f"\n{ibd_bytes}\n".encode())
    for offset, end in sampled_ranges(ibd_bytes):
        digest.update(read_range(offset, end - offset))
    return digest.hexdigest()[:_ID_DIGITS]


def sampled_ranges(ibd_bytes: int) -> list[tuple[int, int]]:
    """Return offset and end of each sample of an ibd that `identify_dataset` reads, bytes."""
    last = max(0, ibd_bytes - SAMPLE_BYTES)  # offset of the sample that ends with the file
    offsets = (last * sample // (N_SAMPLES - 1) for sample in range(N_SAMPLES))
    return [(offset, min(offset + SAMPLE_BYTES, ibd_bytes)) for offset in offsets]


def identify_other_content(dataset_id: str, digest: str) -> str:
    """Return the identity of a dataset whose samples are those of another one.

    Parameters
    ----------
    dataset_id : str
        What `identify_dataset` returns for both.
    digest : str
        Checksum of the whole ibd.
    """
    return hash_content(f"{dataset_id}\n{digest}".encode())


def identify_segments(dataset_id: str, options: ReadOptions, bounds: Sequence[float]) -> str:
    """Return the identity of a dataset's segments: all ways of sorting make the same ones.

    Parameters
    ----------
    dataset_id : str
        Whose peaks they hold.
    options : ReadOptions
        Which of its spectra, and at which pixels.
    bounds : sequence of float
        m/z between one segment and the next.
    """
    return _hash_options("segments", dataset_id, options.to_json(), list(bounds))


def identify_sort(segments_id: str, cuts: Sequence[int]) -> str:
    """Return the identity of what many calls leave while they sort a dataset cut into spans.

    Parameters
    ----------
    segments_id : str
        The segments that come of it.
    cuts : sequence of int
        Spectra at which the spans begin and end.
    """
    return _hash_options("sort", segments_id, list(cuts))


def identify_patterns(formulas: Sequence[str], config: RunConfig) -> str:
    """Return the identity of a database's isotope patterns; window and scoring do not enter."""
    rule, model = config.ion_rule, config.isotope_model
    # patterns of an older version, whose widths no analyzer decides, are named by it instead
    is_usual = model.version == PATTERN_VERSIONS[0]
    decider = model.analyzer if is_usual else model.version
    return _hash_options(
        "patterns",
        list(formulas),
        [rule.adducts, rule.neutral_losses, rule.chem_mods, rule.n_decoys, rule.decoy_rule],
        *([] if rule.decoy_kind == "metals" else [[rule.decoy_kind, rule.carrier]]),
        [decider, model.sigma, model.n_peaks, model.charge],
    )


def identify_scores(segments_id: str, patterns_id: str, config: RunConfig) -> str:
    """Return the identity of a database's scores on a dataset; the FDR method does not enter."""
    options = config.image_options
    return _hash_options("scores", segments_id, patterns_id, options.ppm, options.min_px)


def identify_recalibrated(scores_id: str, recalibration: Recalibration) -> str:
    """Return the identity of a database's scores at m/z that were recalibrated.

    Parameters
    ----------
    scores_id : str
        What `identify_scores` returns, which is that of the scores where the line changes nothing.
    recalibration : Recalibration
        The line.
    """
    if not recalibration.changes_anything:
        return scores_id
    return _hash_options("recalibrated", scores_id, recalibration.to_json())


def identify_run(
    dataset_id: str,
    dataset: DatasetFiles,
    config: RunConfig,
    databases: Sequence[tuple[str, str]],
) -> str:
    """Return the identity of a run: equal input, config and version, equal results.

    Parameters
    ----------
    dataset_id : str
        Identity of the dataset's content.
    dataset : DatasetFiles
        Its name enters, because results say it; its keys do not.
    config : RunConfig
        The resolved config; all of it enters.
    databases : sequence of (str, str)
        Names and contents, in any order.
    """
    options = (dataset_id, dataset.name, config.to_json(), sorted(databases))
    return _hash_options("run", RESULTS_VERSION, *options)
