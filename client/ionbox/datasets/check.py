"""``ionbox check``: what a dataset is, and what stands in the way of annotating it.

The same inspection that a run begins with, on this machine and without computing anything. Problems
are collected, so that people see all of them at once; ``ionbox submit`` and the Python client's
inbox also check before they send.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from ionbox_cloud.messages import ConfigLayer, DatasetFiles
from ionbox_cloud.planning.accepted_request import STAND_INS, asks
from ionbox_cloud.planning.inspection import (
    Inspection,
    ibd_reader,
    inspect_dataset,
    sample_peaks,
    words_of,
)
from ionbox_cloud.store import Store
from ionbox_cloud.stored.file_records import IbdChecksum
from ionbox_cloud.stored.ibd_checksum import compare_checksum, describe_difference
from ionbox_science.config import (
    FileWords,
    Layer,
    find_read_options,
    missing_settings,
    parse_settings,
    resolve_config,
)
from ionbox_science.errors import InvalidDataset, Refusals
from ionbox_science.imzml.checks import (
    PeakCounts,
    check_mz_counts,
    count_peaks,
    describe_dropped,
)
from ionbox_science.imzml.header import ImzmlHeader
from ionbox_science.imzml.ibd import PassingDigest
from ionbox_science.theory.databases import MoleculeDatabase, parse_database
from ionbox_science.theory.ion_limit import check_ion_count

from ionbox.datasets.config_files import read_databases
from ionbox.datasets.files import find_dataset

MOST_TO_READ = 2**31  # bytes of an ibd that is read whole, which takes seconds; others are sampled


@dataclass(frozen=True)
class CheckReport:
    """What `check` found.

    Attributes
    ----------
    facts : dict of str to str
        What the dataset is, in the order to show; empty if the imzML cannot be read.
    errors, warnings : tuple of str
        A sentence per problem: what is wrong, where, what to do. Errors stand in the way.
    missing : tuple of str
        Names of settings that annotation needs and neither imzML nor config says.
    checksum : IbdChecksum or None
        That of the ibd, compared with the declared one; None if the ibd was not read whole.
    """

    facts: dict[str, str]
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    missing: tuple[str, ...] = ()
    checksum: IbdChecksum | None = None


def check(
    imzml: Path,
    config: Sequence[ConfigLayer] = (),
    *,
    defaults: Mapping[str, Any] = MappingProxyType({}),
    sending: bool = False,
) -> CheckReport:
    """Inspect a dataset and its settings without annotating it.

    Parameters
    ----------
    imzml : Path
        The imzML file; its ibd and optional sidecar config lie beside it.
    config : sequence of ConfigLayer
        Further settings, strongest first; all beat the sidecar's.
    defaults : mapping
        Settings that hold where nothing else says one, such as an installation's.
    sending : bool
        Whether the files are about to be sent. An ibd of any size is then read for its checksum,
        and another checksum than the declared one is an error: the original is still at hand.

    Returns
    -------
    CheckReport
        What is wrong inside the files and settings is in it, and not raised.

    Raises
    ------
    InvalidDataset
        If there is no such imzML, or a file of the dataset cannot be read for its permissions.
    """
    dataset = find_dataset(imzml)
    inbox = Store.open(imzml.parent.resolve().as_uri())
    files = DatasetFiles(imzml.stem, dataset.imzml.name, dataset.ibd.name, None)
    refusals = Refusals()
    layers = [(layer.source, layer.settings) for layer in config]
    beside = refusals.check(lambda: _read_sidecar(dataset.sidecar))
    sidecar = None if beside is None else dataset.sidecar  # else it would be refused twice
    layers += beside or []
    everything = [*layers, ("defaults", defaults)]
    profile = asks(everything, "accept_profile")
    options = find_read_options(everything)
    seen = refusals.check(lambda: inspect_dataset(inbox, files, options, accept_profile=profile))
    words = words_of(seen.header) if seen else FileWords(None, None, None)
    missing = missing_settings([*layers, ("defaults", defaults)], words)
    resolved = refusals.check(lambda: resolve_config([*layers, STAND_INS], words))
    named = refusals.check(lambda: read_databases(config, sidecar)) or []
    databases = refusals.check(lambda: _parse_databases(named, everything))
    if resolved and databases:
        rule, molecules = resolved[0].ion_rule, databases
        refusals.check(lambda: check_ion_count(molecules, rule))
    whole: _WholeIbd | None = None
    checksum: IbdChecksum | None = None
    if seen and seen.ibd and not seen.messages("error"):
        if seen.ibd.n_bytes <= MOST_TO_READ:
            whole = refusals.check(lambda: _check_all_peaks(seen, inbox, dataset.ibd.name))
            checksum = whole.checksum if whole else None
        elif sending:
            checksum = _compare_ibd(seen, inbox, dataset.ibd.name)
    differs = _describe_copy(checksum, dataset.ibd.name)
    errors = (
        *(seen.messages("error") if seen else ()),
        *refusals.messages(),
        *([f"{differs}; or send it as it is with --no-check"] if differs and sending else []),
    )
    if seen is None:
        return CheckReport({}, errors, ())
    facts = _describe(seen.header)
    if whole:
        facts |= _describe_peaks(seen.header, whole.counts)
    elif not errors:  # else reading m/z could fail, and the facts are without their range
        facts |= _describe_sample(seen.header, inbox, dataset.ibd.name)
    facts |= _describe_settings(layers, words)
    warnings = (
        *seen.messages("warning"),
        *([differs] if differs and not sending else []),
        *(whole.warnings if whole else ()),
        *([] if sending else _describe_missing(named)),
    )
    return CheckReport(facts, errors, warnings, tuple(missing), checksum)


@dataclass(frozen=True)
class _WholeIbd:
    counts: PeakCounts
    checksum: IbdChecksum
    warnings: tuple[str, ...]


def _check_all_peaks(seen: Inspection, inbox: Store, ibd_name: str) -> _WholeIbd:
    """Read the whole ibd, once, for what a run would find out while it sorts.

    Raises
    ------
    InvalidDataset
        If a run would refuse the dataset for it.
    """
    header, read_range = seen.header, ibd_reader(inbox, ibd_name)
    digest = PassingDigest(header.checksum_algorithm, read_range)
    counts = count_peaks(header, read_range, digest)
    if not counts.n_peaks:
        raise InvalidDataset(f"{Path(ibd_name).stem}: no peak has an intensity above zero")
    checksum = _finish(digest, seen)
    differs = checksum.verdict == "differs"
    n_dropped = counts.n_implausible
    check_mz_counts(n_dropped, counts.n_peaks, ibd_name, checksum_differs=differs)
    warnings = [describe_dropped(n_dropped, ibd_name)] if n_dropped else []
    return _WholeIbd(counts, checksum, tuple(warnings))


def _compare_ibd(seen: Inspection, inbox: Store, ibd_name: str) -> IbdChecksum:
    """Read the whole ibd, from end to end, for its checksum alone."""
    algorithm = seen.header.checksum_algorithm
    return _finish(PassingDigest(algorithm, ibd_reader(inbox, ibd_name)), seen)


def _finish(digest: PassingDigest, seen: Inspection) -> IbdChecksum:
    found = digest.finish(seen.ibd.n_bytes if seen.ibd else 0)
    return compare_checksum(found, seen.header.checksum_algorithm, seen.header.declared_checksum)


def _describe_copy(checksum: IbdChecksum | None, ibd_name: str) -> str:
    """Say that an ibd is not the one its imzML declares; nothing if it is."""
    if checksum is None or checksum.verdict != "differs":
        return ""
    return describe_difference(checksum, ibd_name)


def _read_sidecar(sidecar: Path) -> list[tuple[str, dict[str, Any]]]:
    if not sidecar.is_file():
        return []
    return [(sidecar.name, parse_settings(sidecar.read_bytes(), sidecar.name))]


def _parse_databases(named: Sequence[Path], everything: Sequence[Layer]) -> list[MoleculeDatabase]:
    """Read the molecule tables that the config names and that lie here, not in an installation."""
    skip_bad_rows = asks(everything, "skip_bad_rows")
    return [
        parse_database(path.read_bytes(), path.stem, skip_bad_rows=skip_bad_rows)
        for path in named
        if path.is_file()
    ]


def _describe_missing(named: Sequence[Path]) -> list[str]:
    """Say which of the tables that the config names are not there; an installation has its own."""
    return [
        f"databases: {path}: no such file; to annotate here, name another with --database"
        for path in named
        if not path.is_file()
    ]


def _describe(header: ImzmlHeader) -> dict[str, str]:
    width, height = header.box
    measured = np.count_nonzero(header.mask) / (width * height)
    return {
        "spectra": f"{header.n_spectra:,} ({header.mode}, {header.spectrum_type or 'unknown'})",
        "grid": f"{width} x {height} pixels, {measured:.0%} of them measured",
        "peaks": f"{header.n_peaks:,}, {_describe_types(header)}",
    }


def _describe_peaks(header: ImzmlHeader, counts: PeakCounts) -> dict[str, str]:
    facts = {}
    if header.picked is not None:
        facts["peaks"] = _describe_picked(header, f"{counts.n_peaks:,}")
    if counts.n_peaks > counts.n_implausible:
        facts["m/z range"] = f"{counts.mz_min:.4f} to {counts.mz_max:.4f}"
    return facts


def _describe_sample(header: ImzmlHeader, inbox: Store, ibd_name: str) -> dict[str, str]:
    facts, sample = {}, sample_peaks(header, ibd_reader(inbox, ibd_name))
    if header.picked is not None:
        facts["peaks"] = _describe_picked(header, f"about {sample.n_peaks:,}")
    if sample.mz.size:
        facts["m/z range"] = f"{sample.mz.min():.4f} to {sample.mz.max():.4f}"
    return facts


def _describe_picked(header: ImzmlHeader, n_peaks: str) -> str:
    return (
        f"{n_peaks} picked by ionbox from {header.n_peaks:,} points of profile spectra, "
        f"{_describe_types(header)}"
    )


def _describe_types(header: ImzmlHeader) -> str:
    return f"m/z {header.mz_dtype}, intensity {header.intensity_dtype}"


def _describe_settings(layers: Sequence[Layer], words: FileWords) -> dict[str, str]:
    """Return what is known of the acquisition, and who says it if not the imzML."""
    sigma, at_mz = _find("isocalc_sigma", layers), _find("resolving_power_mz", layers)
    power = _describe_setting("resolving_power", layers, words.resolving_power)
    if sigma:
        power = f"that of isocalc_sigma {sigma[1]} Da ({sigma[0]})"
    elif at_mz:
        power += f", at m/z {at_mz[1]} ({at_mz[0]})"
    return {
        "polarity": _describe_setting("polarity", layers, words.polarity),
        "analyzer": _describe_setting("analyzer", layers, words.analyzer),
        "resolving power": power,
    }


def _describe_setting(key: str, layers: Sequence[Layer], word: object) -> str:
    said = "" if word is None else _show(word)
    asked = _find(key, layers)
    if asked is None:
        return said or "not stated"
    source, value = asked
    also = f"; the imzML says {said}" if said not in ("", _show(value)) else ""
    return f"{_show(value)} ({source}{also})"


def _find(key: str, layers: Sequence[Layer]) -> tuple[str, Any] | None:
    """Return a setting's source and value from the strongest layer that has it."""
    asked = ((source, settings.get(key)) for source, settings in layers)
    return next(((source, value) for source, value in asked if value is not None), None)


def _show(value: object) -> str:
    try:
        return f"{value:,.0f}" if isinstance(value, int | float) else str(value)
    except OverflowError:  # a whole number beyond the largest float, which is refused elsewhere
        return str(value)
