"""Config files given on the command line: ours, or the two of Lithops-METASPACE.

Files become layers of settings (`ConfigLayer`), which say where each setting comes from. Whether
settings are right is found later, when they are resolved together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ionbox_cloud.messages import ConfigLayer
from ionbox_science.config import POLARITY_NAMES, parse_settings
from ionbox_science.errors import InvalidConfig

# any of these tells Lithops-METASPACE's config of a dataset from that of its databases
_LITHOPS_DATASET_KEYS = {"num_decoys", "isocalc_sigma", "polarity"}


def read_config_files(paths: Sequence[Path]) -> list[ConfigLayer]:
    """Read the config files of a run.

    Parameters
    ----------
    paths : sequence of Path
        No file, one of ours, or the two of Lithops-METASPACE (``ds_config.json`` and
        ``db_config.json``, in either order).

    Returns
    -------
    list of ConfigLayer
        No layer or one; a pair becomes one.

    Raises
    ------
    InvalidConfig
        If a file does not exist or is not a JSON object, or several are given that are not such a
        pair.
    """
    settings = [_read_settings(path) for path in paths]
    if len(paths) <= 1:
        return [ConfigLayer(str(p), s) for p, s in zip(paths, settings, strict=True)]
    pair = _find_lithops_pair(settings)
    if pair is None:
        raise InvalidConfig(
            "--config: give one file, or the two of Lithops-METASPACE (ds_config.json with "
            "num_decoys or isocalc_sigma, and db_config.json with adducts)"
        )
    return [ConfigLayer(" and ".join(map(str, paths)), translate_lithops(*pair))]


def read_databases(layers: Sequence[ConfigLayer], sidecar: Path | None) -> list[Path]:
    """Return the databases that the strongest config naming any names.

    Parameters
    ----------
    layers : sequence of ConfigLayer
        Settings, strongest first.
    sidecar : Path or None
        Config file beside the imzML, weaker than all layers; it need not exist. None if it is not
        to be looked at.

    Returns
    -------
    list of Path
        Paths are relative to the file that names them; empty if none does.

    Raises
    ------
    InvalidConfig
        If ``databases`` is not a list of file names.
    """
    if sidecar and sidecar.is_file():
        layers = [*layers, ConfigLayer(str(sidecar), _read_settings(sidecar))]
    for layer in layers:
        named = layer.settings.get("databases")
        if named is not None:
            if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
                raise InvalidConfig(f"databases ({layer.source}): expected a list of file names")
            return [Path(layer.source).parent / name for name in named]
    return []


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InvalidConfig(f"{path}: no such file") from None
    return parse_settings(data, str(path))


def _find_lithops_pair(
    settings: Sequence[dict[str, Any]],
) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """Return the config of the dataset and that of the databases; None if they are no such pair.

    Older files of Lithops-METASPACE nest each under a key of its own.
    """
    inner = [s.get("dataset", s.get("molecular_db", s)) for s in settings]
    if len(inner) != 2 or not all(isinstance(s, dict) for s in inner):
        return None
    for dataset, database in (inner, inner[::-1]):
        if "adducts" in database and _LITHOPS_DATASET_KEYS & set(dataset):
            return dataset, database
    return None


def translate_lithops(
    dataset_config: Mapping[str, Any], database_config: Mapping[str, Any]
) -> dict[str, Any]:
    """Translate a Lithops-METASPACE pair (``ds_config.json``, ``db_config.json``) to our settings.

    Its paths are left out: the dataset and the databases come from the command line. There, the
    adduct ``""`` is a radical ion, and ``modifiers`` are neutral losses.
    """
    polarity = POLARITY_NAMES.get(str(dataset_config.get("polarity", "")).lower())
    radical = "[M]-" if polarity == "negative" else "[M]+"
    settings = {
        "polarity": dataset_config.get("polarity"),
        "isocalc_sigma": dataset_config.get("isocalc_sigma"),
        "analyzer": dataset_config.get("instrument", "orbitrap"),
        "decoys": dataset_config.get("num_decoys"),
        "ppm": dataset_config.get("ppm"),
        "adducts": [adduct or radical for adduct in database_config.get("adducts", [])] or None,
        "neutral_losses": [loss for loss in database_config.get("modifiers", []) if loss] or None,
    }
    return {key: value for key, value in settings.items() if value is not None}
