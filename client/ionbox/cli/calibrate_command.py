"""``ionbox calibrate``: takes the parsed arguments, prints, and returns the exit code."""

from __future__ import annotations

import argparse

from ionbox import terminal
from ionbox.calibration.calibrate import PAGE, TABLE
from ionbox.calibration.calibrate import calibrate as run_calibration
from ionbox.calibration.page import words_of_share
from ionbox.calibration.scenarios import (
    DEFAULT_VARIANTS,
    Scenario,
    cross_variants,
    read_scenarios,
)
from ionbox.cli.command import OK
from ionbox.datasets.config_files import read_config_files
from ionbox.local.cancelling import deferred

_SEEDS = 5
_QUICK = {"width": 24, "height": 20, "n_ions": 60, "n_noise_peaks": 60}


def calibrate(options: argparse.Namespace) -> int:
    """Calibrate, and show claimed against observed FDR."""
    from ionbox.local.worker_process import Reserve

    scenarios = read_scenarios(options.scenarios) if options.scenarios else [_scenario(options)]
    seeds = range(1, (options.seeds or (1 if options.quick else _SEEDS)) + 1)
    last = ""

    def tell(words: str, done: int, total: int) -> None:
        nonlocal last
        if words != last:
            terminal.note(f"{done + 1}/{total} {words}")
        last = words

    with Reserve() as reserve, deferred() as signals:
        rows = run_calibration(
            scenarios, seeds, options.out, n_workers=options.workers, reserve=reserve, tell=tell
        )
        signals.forget()
    heads = ("scenario", "annotations", "claimed", "observed", "without kin", "recall", "by")
    terminal.show_table(
        heads,
        (
            [
                row.scenario,
                f"{row.n_annotations:,}",
                f"{row.claimed:.0%}",
                *map(words_of_share, (row.wrong, row.noise, row.recall)),
                row.variant,
            ]
            for row in rows
        ),
    )
    terminal.say(f"look at it: {options.out / PAGE}; all figures: {options.out / TABLE}")
    return OK


def _scenario(options: argparse.Namespace) -> Scenario:
    """Return the one scenario that the flags make."""
    simulate = {
        "width": options.width,
        "height": options.height,
        "n_ions": options.ions,
        "n_noise_peaks": options.noise,
        "realism": options.realism,
        "polarity": options.polarity,
        "analyzer": options.analyzer,
        "resolving_power": options.resolving_power,
    }
    layers = read_config_files([options.config] if options.config else [])
    settings = {key: value for layer in layers for key, value in layer.settings.items()}
    variants = cross_variants(options.compare) if options.compare else DEFAULT_VARIANTS
    database = options.database.stem if options.database else "lipids"
    return Scenario(
        name=f"{options.realism}, {database}",
        simulate={**simulate, **(_QUICK if options.quick else {})},
        settings=settings,
        variants=variants[:1] if options.quick and not options.compare else variants,
        database=options.database,
    )
