"""The figures of a calibration as files: a table for people, and all that was counted as JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ionbox_science import __version__

from ionbox.calibration.difficulty import Difficulty
from ionbox.calibration.pooling import Row, Share
from ionbox.calibration.scenarios import Scenario
from ionbox.calibration.trials import LineErrors, Trial

_SHARES = ("wrong", "noise", "recall", "alone", "alone_recall")
_ENDS = ("", "_low", "_high")

COLUMNS = (
    *("scenario", "variant", "claimed", "seeds", "annotations"),
    *(f"{name}{end}" for name in _SHARES for end in _ENDS),
    "interval",
)
"""Of ``calibration.tsv``; each share with the ends of its 95 % interval."""


def write_table(rows: Iterable[Row]) -> str:
    """Return ``calibration.tsv``: a row per scenario, variant and claimed FDR."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        cells = [row.scenario, row.variant, row.claimed, row.n_seeds, row.n_annotations]
        for name in _SHARES:
            cells += _share_cells(getattr(row, name))
        writer.writerow([*cells, row.interval])
    return text.getvalue()


def _share_cells(share: Share | None) -> list[str]:
    if share is None or math.isnan(share.value):
        return [""] * len(_ENDS)
    return [f"{value:.4f}" for value in (share.value, share.low, share.high)]


def summarise_difficulty(trials: Sequence[Trial]) -> dict[tuple[str, str], dict[str, float]]:
    """Return how hard the data of each scenario and variant was, over all its seeds."""
    parts: dict[tuple[str, str], list[Difficulty]] = {}
    for trial in trials:
        parts.setdefault((trial.scenario, trial.variant), []).append(trial.difficulty)
    return {key: Difficulty.join(each).summary() for key, each in parts.items()}


def summarise_lines(trials: Sequence[Trial]) -> dict[tuple[str, str], LineErrors]:
    """Return how far m/z were off along lines, of each scenario and variant that has such lines."""
    parts: dict[tuple[str, str], list[LineErrors]] = {}
    for trial in trials:
        if trial.line:
            parts.setdefault((trial.scenario, trial.variant), []).append(trial.line)
    return {
        key: LineErrors(
            math.hypot(*(each.planted_ppm for each in lines)) / math.sqrt(len(lines)),
            math.hypot(*(each.left_ppm for each in lines)) / math.sqrt(len(lines)),
        )
        for key, lines in parts.items()
    }


def write_json(scenarios: Sequence[Scenario], trials: Sequence[Trial]) -> str:
    """Return ``calibration.json``: scenarios, the counts of every trial, and how hard data was."""
    value = {
        "ionbox": __version__,
        "scenarios": [_describe(scenario) for scenario in scenarios],
        "trials": [
            {
                "scenario": trial.scenario,
                "variant": trial.variant,
                "seed": trial.seed,
                "counts": {str(level): asdict(each) for level, each in trial.counts.items()},
                "alone": {str(level): asdict(each) for level, each in trial.alone.items()},
                "mz_line": _rounded(asdict(trial.line)) if trial.line else None,
            }
            for trial in trials
        ],
        "difficulty": [
            {"scenario": scenario, "variant": variant, **_rounded(figures)}
            for (scenario, variant), figures in summarise_difficulty(trials).items()
        ],
    }
    return json.dumps(value, indent=1) + "\n"


def _describe(scenario: Scenario) -> dict[str, Any]:
    return {
        "name": scenario.name,
        "database": scenario.database.name if scenario.database else "lipids",
        "simulate": scenario.simulation,
        "settings": dict(scenario.settings),
        "variants": [dict(variant) for variant in scenario.variants],
    }


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in figures.items()}
