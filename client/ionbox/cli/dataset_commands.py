"""``ionbox annotate``, ``check``, ``estimate``, ``simulate``, ``calibrate`` and ``lipids``.

Each function takes the parsed arguments, prints, and returns the exit code; what is refused is
raised, and printed by `ionbox.cli.main`. The work is done in `ionbox.datasets`,
`ionbox.simulation` and `ionbox.calibration`.
"""

from __future__ import annotations

import argparse
import json
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ionbox_cloud.published import REPORT
from ionbox_science.errors import InvalidConfig, InvalidDatabase

from ionbox import terminal
from ionbox.cli.command import FAILED, INVALID, OK
from ionbox.cli.dataset_arguments import config_layers
from ionbox.work_folder import default_work_folder

if TYPE_CHECKING:
    from ionbox_cloud.messages import ConfigLayer
    from ionbox_cloud.run_plan import Forecast

    from ionbox.calibration.scenarios import Scenario
    from ionbox.datasets.batch import MemberEnd
    from ionbox.datasets.estimate import Estimate
    from ionbox.datasets.outcome import Outcome

_SEEDS = 5
_QUICK = {"width": 24, "height": 20, "n_ions": 60, "n_noise_peaks": 60}


def annotate(options: argparse.Namespace) -> int:
    """Annotate datasets, and show how many ions were found, or why a run failed."""
    from ionbox.local.functions import IONBOX, functions_by_state, read_functions
    from ionbox.local.uncollected import uncollected
    from ionbox.local.worker_process import Reserve

    with Reserve() as reserve:
        # before all the imports of this process: it has some of its own to do
        first, *_ = functions_by_state(read_functions(IONBOX))["PlanRun"]
        reserve.start([first.handler])
        with uncollected():
            from ionbox.datasets.annotate import annotate
        config = config_layers(options)
        work = options.work or default_work_folder()

        def run(imzml: Path, out: Path) -> Outcome:
            return annotate(
                imzml,
                options.database,
                out,
                config,
                work=work,
                n_workers=options.workers,
                reserve=reserve,
            )

        if len(options.dataset) > 1 or options.dataset[0].is_dir():
            return _annotate_several(options, run)
        return _show_outcome(run(options.dataset[0], options.out), options.out, debug=options.debug)


def _annotate_several(options: argparse.Namespace, run: Callable[[Path, Path], Outcome]) -> int:
    """Annotate datasets one after the other; those that cannot be are named, and the rest done."""
    from ionbox.datasets.batch import annotate_member, find_members
    from ionbox.local.cancelling import check, deferred

    members = find_members(options.dataset, options.out)
    ends = []
    with deferred() as signals:
        for number, member in enumerate(members, 1):
            check()  # a signal that came too late for the dataset before ends the rest
            terminal.note(f"dataset {number} of {len(members)}: {member.imzml}")
            end = annotate_member(member, run)
            ends.append(end)
            if end.outcome is not None:
                _show_problems(end.outcome, member.out, debug=options.debug)
            elif end.error is not None:
                if options.debug:
                    traceback.print_exception(end.error)
                terminal.complain(end.message)
        signals.forget()
    terminal.show_table(
        ("dataset", "annotations", "FDR ≤ 10%", "results"), [_member_row(end) for end in ends]
    )
    failed = [end for end in ends if not end.succeeded]
    if not failed:
        return OK
    corrected = " once they are corrected" if any(end.is_invalid for end in failed) else ""
    terminal.complain(
        f"{len(failed)} of {len(ends)} datasets have no results",
        advice=f"The same command again does what is missing{corrected}.",
    )
    return INVALID


def _member_row(end: MemberEnd) -> list[str]:
    if end.outcome is None or end.outcome.record is None:
        return [end.member.imzml.stem, "", "", f"none: {end.message.splitlines()[0]}"]
    record = end.outcome.record
    within = sum(row.counts.get("0.1", 0) for row in record.summary)
    reused = " (computed by an earlier run)" if end.outcome.status.reused else ""
    return [
        end.member.imzml.stem,
        f"{record.n_annotations:,}",
        f"{within:,}",
        f"{end.member.out}{reused}",
    ]


def _show_outcome(outcome: Outcome, out: Path, *, debug: bool) -> int:
    code = _show_problems(outcome, out, debug=debug)
    status, record = outcome.status, outcome.record
    if record is None:
        return code
    terminal.show_summary(record.summary)
    reused = " (computed by an earlier run)" if status.reused else ""
    if status.replaced_results:
        reused += ", replacing those of other settings"
    n = record.n_annotations
    terminal.say(f"{n:,} annotation{'' if n == 1 else 's'}; results in {out}{reused}")
    terminal.say(f"look at them: {out / REPORT}")
    return OK


def _show_problems(outcome: Outcome, out: Path, *, debug: bool) -> int:
    """Show why there are no results, or what to know about them; returns the exit code."""
    status = outcome.status
    if outcome.record is not None:
        terminal.warn(outcome.record.warnings)
        return OK
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


def check(options: argparse.Namespace) -> int:
    """Say what a dataset is, and what stands in the way of annotating it."""
    from ionbox_cloud.messages import ConfigLayer

    from ionbox.datasets.check import check

    given = {"centroid": options.centroid, "accept_profile": options.accept_profile}
    settings = {name: value for name, value in given.items() if value is not None}
    config = [ConfigLayer("command line", settings)]
    report = check(options.dataset, config)
    terminal.show_facts(report.facts)
    if not report.errors and not report.missing:
        _show_estimate_in_short(options.dataset, config)
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


def _show_estimate_in_short(imzml: Path, config: list[ConfigLayer]) -> None:
    """Say about how long a run would take, if the config beside the imzML names databases."""
    from ionbox.datasets.estimate import try_estimate

    found = try_estimate(imzml, [], config)
    if found is None:
        return
    for line in found.lines():
        terminal.say(line)
    try:
        found.require_affordable()
    except InvalidConfig as error:  # nothing is spent on one's own machine
        terminal.warn([f"on AWS it would be refused: {error}"])


def estimate(options: argparse.Namespace) -> int:
    """Say what each state would take, here and on AWS."""
    from ionbox.datasets.estimate import estimate

    found = estimate(
        options.dataset, options.database, config_layers(options), aws_workers=options.workers
    )
    found.require_affordable()
    if options.json:
        terminal.say(json.dumps(found.to_json(), indent=1))
        return OK
    terminal.warn(found.warnings)
    terminal.show_table(("state", "calls", "here", "on AWS", "dollars", ""), _state_rows(found))
    terminal.say("")
    for line, forecast in zip(found.lines(), (found.here, found.aws), strict=True):
        terminal.say(f"{line}; longest is {forecast.floor}")
    terminal.say(
        f"Told from counts, by rates of {found.aws.rates}, as if nothing were computed yet; those "
        "of AWS were not measured there."
    )
    return OK


def _state_rows(found: Estimate) -> list[list[str]]:
    from ionbox_cloud.forecast.words import dollars_in_words

    rows = [
        [
            state,
            f"{aws.calls:,}",
            _state_seconds(found.here, state),
            _state_seconds(found.aws, state),
            dollars_in_words(aws.dollars),
            "" if state in found.aws.path else "beside others",
        ]
        for state, aws in found.aws.states.items()
    ]
    transitions = found.aws.dollars - sum(aws.dollars for aws in found.aws.states.values())
    return [*rows, ["from state to state", "", "", "", dollars_in_words(transitions), ""]]


def _state_seconds(forecast: Forecast, state: str) -> str:
    return f"{forecast.states[state].seconds:,.1f} s" if state in forecast.states else ""


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
            realism=options.realism,
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


def calibrate(options: argparse.Namespace) -> int:
    """Calibrate, and show claimed against observed FDR."""
    from ionbox.calibration.calibrate import PAGE, TABLE
    from ionbox.calibration.calibrate import calibrate as run_calibration
    from ionbox.calibration.page import words_of_share
    from ionbox.calibration.scenarios import read_scenarios
    from ionbox.local.cancelling import deferred
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
    from ionbox.calibration.scenarios import DEFAULT_VARIANTS, Scenario, cross_variants
    from ionbox.datasets.config_files import read_config_files

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
