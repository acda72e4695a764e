"""Compute small examples with a library of kernels: ``examples.py LIBRARY``.

Prints a digest of all bytes of each result, so that builds can be compared to the bit.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from ionbox_science import kernels
from ionbox_science.annotation.colocalization import colocalize
from ionbox_science.annotation.image_packing import pack_image
from ionbox_science.imzml.header import read_header
from ionbox_science.imzml.options import ReadOptions
from ionbox_science.imzml.scan import scan_spectra
from ionbox_science.scoring.chaos import measure_chaos
from ionbox_science.scoring.ion_images import extract_images, find_windows
from ionbox_science.scoring.learned_score import score_learned
from ionbox_science.setting_table import FDR_METHODS, PATTERN_VERSIONS
from ionbox_science.sorting.block_checksums import checksum_blocks
from ionbox_science.sorting.peak_sorting import sort_in_memory, sort_span
from ionbox_science.sorting.span_merging import merge_spans
from ionbox_science.theory.isotope_model import ANALYZERS, IsotopeModel
from ionbox_science.theory.isotope_patterns import generate_patterns

from tests.builders import annotate
from tests.golden import planted
from tests.imzml_builder import Pair, build_pair, range_reader
from tests.profile_builder import INSTRUMENTS, build_profile

LEARNED = ("metaspace-ml-animal", "metaspace-ml-plant-as-served")
FORMULAS = (
    *("H2O", "C6H13O6", "C45H78NO8PNa", "C10H16N5O13P3", "C254H377N65O75S6", "C6H12O6Cx"),
    *("C20H30Br3Cl2", "C34H32FeN4O4", "C12H20Sn2O4", "C8H6Hg", "C5H11NO2Se", "B10H14", "K", "Xe"),
)


def digest(arrays: Iterable[Any]) -> str:
    """Digest arrays: types, shapes and bytes."""
    sha = hashlib.sha256()
    for array in map(np.asarray, arrays):
        sha.update(f"{array.dtype} {array.shape} ".encode())
        sha.update(repr(array.tolist()).encode() if array.dtype == object else array.tobytes())
    return sha.hexdigest()


def noisy_pair(mode: str) -> Pair:
    """Write a dataset with ties in m/z."""
    random = np.random.RandomState(3)
    n_peaks = [300] * 60 if mode == "continuous" else random.randint(1, 400, 60).tolist()
    axis = np.sort(100 + 900 * random.random_sample(300))
    spectra = []
    for n in n_peaks:
        mz = axis if mode == "continuous" else np.round(100 + 900 * random.random_sample(n), 2)
        spectra.append((mz, random.random_sample(n) * (random.random_sample(n) < 0.8)))
    coordinates = [(1 + i % 10, 1 + i // 10) for i in range(60)]
    return build_pair(spectra, coordinates, mode=mode)


def compute() -> dict[str, str]:
    """Compute everything that a kernel computes."""
    results = {}
    for analyzer, power, charge in product(ANALYZERS, (20_000, 280_000), (1, -1)):
        model = IsotopeModel(analyzer, 200 / power / 2.3548, n_peaks=5, charge=charge)
        name = f"patterns of {analyzer} at {power}, charge {charge}"
        results[name] = digest(generate_patterns(FORMULAS, model))
    for version in PATTERN_VERSIONS:
        model = IsotopeModel("orbitrap", 0.0007, n_peaks=5, version=version)
        results[f"patterns of {version}"] = digest(generate_patterns(FORMULAS, model))
    dataset = planted.read_planted()
    for method in FDR_METHODS:
        run = annotate(dataset, planted.FORMULAS, method=method)
        results[f"scores, {method}"] = digest(vars(run.scores).values())
        results[f"annotations, {method}"] = digest(vars(run.annotations).values())
        results[f"learned scores, {method}"] = digest(
            [score_learned(run.scores, name) for name in LEARNED]
        )
    windows = find_windows(dataset.peaks.mz, run.patterns.mz, 3.0)
    images = extract_images(dataset.peaks, windows, dataset.grid)
    results["images"] = digest([images])
    results["chaos"] = digest([measure_chaos(images.reshape(-1, *images.shape[-2:]), 30)])
    results["packed images"] = digest(
        part for image in images.reshape(-1, *images.shape[-2:]) for part in pack_image(image)
    )
    names = [(str(row), row) for row in range(len(images))]
    first = images[:, 0]
    found = colocalize([first], len(first), first.shape[1:], names)
    results["colocalization"] = digest(found.to_arrays().values())
    for mode in ("processed", "continuous"):
        pair = noisy_pair(mode)
        assert scan_spectra(pair.source) is not None
        header = read_header(pair.source, "noise.imzML")
        results[f"header, {mode}"] = digest(
            value for value in vars(header).values() if isinstance(value, np.ndarray)
        )
        ordered = sort_in_memory(header, range_reader(pair.ibd))
        results[f"sorted, {mode}"] = digest([*vars(ordered.peaks).values(), ordered.tic])
        rows = [slice(start, start + 20) for start in range(0, 60, 20)]
        spans = [sort_span(header, range_reader(pair.ibd), each).peaks for each in rows]
        results[f"merged, {mode}"] = digest(vars(merge_spans(spans)).values())
    results["checksums"] = digest([checksum_blocks(np.arange(9000.0).data, 1024)])
    for instrument in INSTRUMENTS:
        profile = build_profile(instrument, noise=5.0)
        mz, intensity = profile.mz.tolist(), profile.intensity.tolist()
        stored = [(mz, intensity), (mz[::-1], intensity[::-1])]
        pair = build_pair(stored, [(1, 1), (2, 1)], spectrum_type="profile")
        header = read_header(pair.source, "profile.imzML", ReadOptions(centroid=True))
        ordered = sort_in_memory(header, range_reader(pair.ibd))
        results[f"picked, {instrument.name}"] = digest(vars(ordered.peaks).values())
    return results


if __name__ == "__main__":
    kernels.LIBRARY = Path(sys.argv[1])
    sys.stdout.write(json.dumps(compute()))
