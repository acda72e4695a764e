"""METASPACE's metadata of a dataset, taken as settings.

Who annotated on METASPACE has a JSON file that says how a dataset was acquired. Laid beside the
imzML as its sidecar, it answers what ionbox asks for: polarity, analyzer and resolving power. The
rest of it (organism, matrix, who submitted it) decides nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ANALYSIS = "MS_Analysis"
_SECTIONS = (_ANALYSIS, "Sample_Information", "Sample_Preparation")


def is_metadata(content: Mapping[str, Any]) -> bool:
    """Tell METASPACE's metadata from settings by the names of its sections."""
    return any(isinstance(content.get(section), dict) for section in _SECTIONS)


def read_metadata(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what METASPACE's metadata says of the acquisition, as settings.

    Values are not checked here, as those of a config file are not; what is empty or zero, which
    METASPACE's form leaves for "not known", counts as not said.

    Examples
    --------
    >>> read_metadata({"MS_Analysis": {"Polarity": "Negative", "Analyzer": "FTICR",
    ...     "Detector_Resolving_Power": {"Resolving_Power": 130000}}})
    {'polarity': 'Negative', 'analyzer': 'FTICR', 'resolving_power': 130000}
    """
    analysis = content.get(_ANALYSIS)
    if not isinstance(analysis, dict):
        return {}
    power = analysis.get("Detector_Resolving_Power")
    power = power if isinstance(power, dict) else {}
    said = {
        "polarity": analysis.get("Polarity"),
        "analyzer": analysis.get("Analyzer"),
        "resolving_power": power.get("Resolving_Power"),
    }
    if said["resolving_power"]:
        said["resolving_power_mz"] = power.get("mz")
    return {name: value for name, value in said.items() if value}
