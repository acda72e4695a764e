"""``ionbox annotate``, ``check``, ``simulate`` and ``lipids``.

Each function takes the parsed arguments, prints, and returns the exit code; what is refused is
raised, and printed by `ionbox.cli.main`. The work is done in `ionbox.datasets` and
`ionbox.simulation`.
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ionbox_cloud.published import REPORT
from ionbox_science.errors import InvalidConfig, InvalidDatabase

from ionbox import terminal
from ionbox.cli.command import FAILED, INVALID, OK
from ionbox.cli.dataset_arguments import config_layers
from ionbox.work_folder import default_work_folder

if TYPE_CHECKING:
    from ionbox.datasets.outcome import Outcome


def annotate(options: argparse.Namespace) -> int:
    """Annotate a dataset, and show how many ions were found, or why the run failed."""
    from ionbox.local.functions import IONBOX, read_functions
    from ionbox.local.worker_process import Reserve

    with Reserve() as reserve:
        # before all the imports of this process: it has some of its own to do
        reserve.start([read_functions(IONBOX)["plan_run"].handler])
        gc.disable()  # imports leave nothing to collect, but set it off again and again
        from ionbox.datasets.annotate import annotate

        gc.freeze()
        gc.enable()
        outcome = annotate(
            options.dataset,
            options.database,
            options.out,
            config_layers(options),
            work=options.work or default_work_folder(),
            n_workers=options.workers,
            reserve=reserve,
        )
    return _show_outcome(outcome, options.out, debug=options.debug)


def _show_outcome(outcome: Outcome, out: Path, *, debug: bool) -> int:
    status, record = outcome.status, outcome.record
    if record is None:
        message, advice = status.message or "", status.advice or ""
        if debug:
            terminal.show_traces(outcome.log)
        if status.older_results:
            advice += f" {out} still holds the results of run {status.older_results}."
        if status.status == "invalid_input":
            terminal.complain(message, advice=advice)
            return INVALID
        terminal.complain(
            message, title=status.error or "failed", advice=f"{advice} Log: {outcome.log}"
        )
        return FAILED
    terminal.warn(record.warnings)
    terminal.show_summary(record.summary)
    reused = " (computed by an earlier run)" if status.reused else ""
    if status.replaced_results:
        reused += ", replacing those of other settings"
    n = record.n_annotations
    terminal.say(f"{n:,} annotation{'' if n == 1 else 's'}; results in {out}{reused}")
    terminal.say(f"look at them: {out / REPORT}")
    return OK


def check(options: argparse.Namespace) -> int:
    """Say what a dataset is, and what stands in the way of annotating it."""
    from ionbox_cloud.messages import ConfigLayer

    from ionbox.datasets.check import check

    given = {"centroid": options.centroid, "accept_profile": options.accept_profile}
    settings = {name: value for name, value in given.items() if value is not None}
    report = check(options.dataset, [ConfigLayer("command line", settings)])
    terminal.show_facts(report.facts)
    terminal.warn(report.warnings)
    for message in report.errors:
        terminal.complain(message)
    if report.errors:
        verdict = "cannot be annotated"
    elif report.missing:
        flags = (f"--{name.replace('_', '-')}" for name in report.missing)
        verdict = f"is readable; to annotate it, add {', '.join(flags)}"
    else:
        verdict = "is ready to annotate"
    terminal.say(f"{options.dataset} {verdict}")
    return INVALID if report.errors else OK


def simulate(options: argparse.Namespace) -> int:
    """Write a dataset with planted ions; existing files are replaced with ``--force`` only."""
    from ionbox_science.theory.databases import parse_database
    from ionbox_science.theory.lipids import enumerate_lipids

    from ionbox.simulation.simulate import simulate_dataset

    _refuse_overwriting(options.out, options.force)
    _refuse_overwriting(options.out.with_suffix(".ibd"), options.force)

    formulas: Sequence[str]
    if options.database:
        data = _read_table(options.database)
        formulas = parse_database(data, options.database.stem).unique_formulas()
    else:
        formulas = [lipid.formula for lipid in enumerate_lipids()]
    with terminal.progress("simulating") as progress:
        made = simulate_dataset(
            options.out,
            width=options.width,
            height=options.height,
            n_ions=options.ions,
            n_noise_peaks=options.noise,
            seed=options.seed,
            formulas=formulas,
            polarity=options.polarity,
            analyzer=options.analyzer,
            resolving_power=options.resolving_power,
            profile=options.profile_spectra,
            progress=progress,
        )
    points = "points of profile spectra" if options.profile_spectra else "peaks"
    terminal.say(
        f"{made.n_pixels:,} pixels with {made.n_peaks:,} {points}, {made.n_ions:,} planted ions: "
        f"{made.imzml_path}"
    )
    terminal.say(
        f"beside it: {made.ibd_path.name}, {made.truth_path.name} (the planted ions), "
        f"{made.config_path.name} (settings)"
    )
    return OK


def lipids(options: argparse.Namespace) -> int:
    """Write a database of lipid species; an existing file is replaced with ``--force`` only."""
    from ionbox.simulation.lipids import write_lipids

    _refuse_overwriting(options.out, options.force)
    terminal.say(f"{write_lipids(options.out):,} lipid species: {options.out}")
    return OK


def _refuse_overwriting(path: Path, force: bool) -> None:
    if path.exists() and not force:
        raise InvalidConfig(f"{path} exists; give another name, or --force to replace it")


def _read_table(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidDatabase(
            f"--database: {path} cannot be read ({error.strerror}); give the path of a CSV or TSV "
            "table"
        ) from None
