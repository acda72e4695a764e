"""``ionbox check``: what a dataset is, and what stands in the way of annotating it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ionbox_cloud.datasets import ibd_reader, inspect_dataset, sample_mz, words_of
from ionbox_cloud.messages import DatasetFiles
from ionbox_cloud.store import Store
from ionbox_science.errors import InvalidDataset

from ionbox.dataset_files import find_dataset


@dataclass(frozen=True)
class CheckReport:
    """What `check` found.

    Attributes
    ----------
    facts : dict of str to str
        What the dataset is, in the order to show; empty if the imzML cannot be read.
    errors, warnings : tuple of str
        One sentence each: what is wrong, where, what to do.
    """

    facts: dict[str, str]
    errors: tuple[str, ...]
    warnings: tuple[str, ...]


def check(imzml: Path, *, accept_profile: bool = False) -> CheckReport:
    """Inspect a dataset without annotating it."""
    dataset = find_dataset(imzml)
    inbox = Store.open(imzml.parent.resolve().as_uri())
    files = DatasetFiles(imzml.stem, dataset.imzml.name, dataset.ibd.name, None)
    try:
        seen = inspect_dataset(inbox, files, accept_profile=accept_profile)
    except InvalidDataset as error:
        return CheckReport({}, tuple(str(error).splitlines()), ())
    header, words = seen.header, words_of(seen.header)
    errors = seen.messages("error")
    facts = {
        "spectra": f"{header.n_spectra:,} ({header.mode}, {header.spectrum_type or 'unknown'})",
        "grid": f"{header.width} x {header.height} pixels, "
        f"{header.mask.mean():.0%} of them measured",
        "peaks": f"{header.n_peaks:,}, m/z {header.mz_dtype}, intensity {header.intensity_dtype}",
    }
    if not errors:
        mz = sample_mz(header, ibd_reader(inbox, dataset.ibd.name))
        if mz.size:
            facts["m/z range"] = f"{mz.min():.4f} to {mz.max():.4f}"
    facts["polarity"] = header.polarity or "not stated: give --polarity"
    facts["analyzer"] = words.analyzer or "not stated: give --analyzer"
    if words.resolving_power:
        facts["resolving power"] = f"{words.resolving_power:,.0f}"
    return CheckReport(facts, errors, seen.messages("warning"))
