"""The ``ionbox`` command."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ionbox_science import __version__
from ionbox_science.errors import InvalidConfig, IonboxError

from ionbox import terminal
from ionbox.local.errors import LocalError
from ionbox.operate.arguments import EXIT_CODES, Command, operator_commands
from ionbox.operate.errors import OperateError, UserMustAct
from ionbox.results_arguments import result_commands
from ionbox.view.arguments import viewer_commands
from ionbox.work_folder import default_work_folder

if TYPE_CHECKING:
    from ionbox_cloud.messages import ConfigLayer

    from ionbox.results import Outcome

OK, INVALID, USAGE, FAILED, CANCELLED = 0, 1, 2, 3, 130

_UNREAD = 141
"""What shells report of any program that writes to a pipe nobody reads: 128 + SIGPIPE."""

_START = """\
examples:
  ionbox check brain.imzML
  ionbox annotate brain.imzML --database molecules.tsv --out results
  ionbox view results

ionbox COMMAND --help says more of each.

"""

_ANNOTATE = """\
examples:
  ionbox annotate brain.imzML --database lipids.tsv --out results
  ionbox annotate brain.imzML --database lipids.tsv --database hmdb.tsv \\
      --out results --polarity positive --analyzer orbitrap \\
      --resolving-power 140000 --adduct=+H --adduct=+Na --neutral-loss=-H2O
  ionbox annotate brain.imzML --database hmdb.tsv --out results \\
      --config ds_config.json --config db_config.json

A config file is JSON, for example
  {"polarity": "positive", "adducts": ["+H", "+Na"], "ppm": 5}
Its keys: databases, polarity, analyzer, resolving_power, resolving_power_mz,
isocalc_sigma, adducts, neutral_losses, chem_mods, ppm, isotope_peaks, decoys,
fdr_method, min_px, accept_profile, skip_bad_rows, sort, force.
A flag beats --config, which beats brain.json beside the imzML, which beats
what the imzML says. The same command again resumes what was interrupted and
reuses what is there.

"""

_SIGNED = {"--adduct", "--neutral-loss", "--chem-mod"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    try:
        try:
            code = _run(sys.argv[1:] if arguments is None else arguments)
        finally:
            terminal.flush()
    except terminal.OutputClosed:
        terminal.drop_output()
        code = _UNREAD
    raise SystemExit(code)


def _run(arguments: Sequence[str]) -> int:
    parser = _parser()
    if not arguments:
        parser.print_help(sys.stderr)
        return USAGE
    options = parser.parse_args(_join_signed(arguments))
    try:
        code: int = options.run(options)
    except (IonboxError, LocalError, OperateError, OSError) as error:
        if options.debug:
            raise
        terminal.complain(str(error))
        return INVALID if isinstance(error, IonboxError | UserMustAct) else FAILED
    except KeyboardInterrupt:
        terminal.complain("the same command resumes from here", title="cancelled")
        return CANCELLED
    return code


def _join_signed(arguments: Sequence[str]) -> list[str]:
    """Let ``--adduct -H`` mean ``--adduct=-H``, which argparse would take for a flag."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] in _SIGNED and re.match(r"-[A-Z\d]", argument):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


# --- what can be asked ---


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks"
    )
    parser = argparse.ArgumentParser(
        prog="ionbox",
        description="Annotate imaging mass spectrometry data with metabolites.",
        epilog=_START + EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common],
    )
    parser.set_defaults(debug=False)
    parser.add_argument("--version", action="version", version=f"ionbox {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (
        Command("annotate", _add_annotate, "annotate a dataset", _ANNOTATE),
        Command("check", _add_check, "say what a dataset is and what is wrong with it", _CHECK),
        Command(
            "simulate", _add_simulate, "write a realistic dataset with planted ions", _SIMULATE
        ),
        Command("lipids", _add_lipids, "write a database of lipid species", _LIPIDS),
        *viewer_commands(),
        *result_commands(),
        *operator_commands(_add_settings),
    ):
        added = commands.add_parser(
            command.name,
            help=command.summary,
            description=command.summary[0].upper() + command.summary[1:] + ".",
            epilog=command.examples + command.exit_codes,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            parents=[common],
        )
        command.add(added)
    return parser


def _add_annotate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("dataset", type=Path, metavar="DATASET.imzML", help="its .ibd lies beside it")
    add("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    add(
        "--database",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="CSV or TSV with columns id, name, formula; may be given more than once",
    )
    add(
        "--config",
        type=Path,
        action="append",
        default=[],
        metavar="FILE.json",
        help="settings; or a Lithops-METASPACE pair, given as two",
    )
    add("--workers", type=_positive, metavar="N", help="worker processes (default: one per core)")
    add("--work", type=Path, metavar="DIR", help="caches and logs (default: the user's cache)")
    _add_settings(parser)
    parser.set_defaults(run=_annotate)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    settings = parser.add_argument_group("settings").add_argument
    settings("--polarity", metavar="SIGN", help="positive or negative")
    settings("--analyzer", metavar="NAME", help="orbitrap, fticr or tof, or an instrument's name")
    settings(
        "--resolving-power", type=float, metavar="R", help="m/z over full width at half height"
    )
    settings("--resolving-power-mz", type=float, metavar="MZ", help="where R is stated (200)")
    settings(
        "--isocalc-sigma", type=float, metavar="DA", help="peak width at m/z 200, instead of R"
    )
    settings(
        "--adduct",
        dest="adducts",
        action="append",
        metavar="+X",
        help="such as +H; may be repeated",
    )
    settings(
        "--neutral-loss",
        dest="neutral_losses",
        action="append",
        metavar="-X",
        help="such as -H2O; may be repeated",
    )
    settings(
        "--chem-mod",
        dest="chem_mods",
        action="append",
        metavar="±X",
        help="such as +C or -H; may be repeated",
    )
    settings("--ppm", type=float, metavar="PPM", help="half width of an m/z window (3)")
    settings("--isotope-peaks", type=int, metavar="N", help="2 to 16 (4)")
    settings("--decoys", type=int, metavar="N", help="decoy adducts per target, 1 to 80 (20)")
    settings("--fdr-method", metavar="NAME", help="metaspace-v3 (default) or metaspace-v1")
    settings("--min-px", type=int, metavar="N", help="measured peaks an image needs (1)")
    settings("--sort", metavar="WAY", help="auto (default), lambda, map or fargate: equal results")
    for name, help_text in (
        ("--accept-profile", "annotate profile spectra as they are"),
        ("--skip-bad-rows", "leave out database rows that are no formulas"),
        ("--force", "publish again, although the results are there already"),
    ):
        settings(name, action="store_true", default=None, help=help_text)


_CHECK = """\
example:
  ionbox check brain.imzML

Counts in what brain.json beside the imzML says. Computes nothing.

"""


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "dataset", type=Path, metavar="DATASET.imzML", help="its .ibd lies beside it"
    )
    parser.add_argument(
        "--accept-profile", action="store_true", help="profile spectra are only a warning"
    )
    parser.set_defaults(run=_check)


_SIMULATE = """\
examples:
  ionbox lipids lipids.tsv
  ionbox simulate section.imzML --database lipids.tsv --width 100 --height 100
  ionbox annotate section.imzML --database lipids.tsv --out results

Beside the imzML: its .ibd, a .json config, and _truth.csv with the planted
ions.

"""


def _add_simulate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("out", type=Path, metavar="OUT.imzML", help="to be written, and its .ibd beside it")
    for name, default, help_text in (
        ("width", 80, "pixels"),
        ("height", 60, "pixels"),
        ("ions", 200, "ions to plant"),
        ("noise", 300, "further peaks per pixel"),
        ("seed", 1, "equal seeds give equal bytes"),
    ):
        help_text = f"{help_text} (%(default)s)"
        add(f"--{name}", type=int, default=default, metavar="N", help=help_text)
    add("--database", type=Path, metavar="FILE", help="molecules to draw from (lipids)")
    add("--polarity", choices=["positive", "negative"], default="positive", help="(%(default)s)")
    add(
        "--analyzer", choices=["orbitrap", "fticr", "tof"], default="orbitrap", help="(%(default)s)"
    )
    add(
        "--resolving-power",
        type=float,
        default=140_000,
        metavar="R",
        help="at m/z 200 (%(default)g)",
    )
    add("--force", action="store_true", help="replace files that exist")
    parser.set_defaults(run=_simulate)


_LIPIDS = """\
example:
  ionbox lipids lipids.tsv

"""


def _add_lipids(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", type=Path, metavar="OUT.tsv", help="to be written")
    parser.add_argument("--force", action="store_true", help="replace a file that exists")
    parser.set_defaults(run=_lipids)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got '{text}'")
    return int(text)


# --- what is done: libraries are imported where they are used, so that --help is quick ---


def _annotate(options: argparse.Namespace) -> int:
    from ionbox.annotate import annotate

    outcome = annotate(
        options.dataset,
        options.database,
        options.out,
        _config_layers(options),
        work=options.work or default_work_folder(),
        n_workers=options.workers,
    )
    return _show_outcome(outcome, options.out, debug=options.debug)


def _config_layers(options: argparse.Namespace) -> list[ConfigLayer]:
    from ionbox_cloud.messages import ConfigLayer
    from ionbox_science.config import SETTINGS

    from ionbox.config_files import read_config_files

    flags = {key: value for key, value in vars(options).items() if key in SETTINGS}
    given = {key: value for key, value in flags.items() if value is not None}
    return [ConfigLayer("command line", given), *read_config_files(options.config)]


def _show_outcome(outcome: Outcome, out: Path, *, debug: bool) -> int:
    status = outcome.status
    if not outcome.succeeded:
        advice = status.get("advice", "")
        if debug:
            terminal.show_traces(outcome.log)
        if "older_results" in status:
            advice += f" {out} still holds the results of run {status['older_results']}."
        if status["status"] == "invalid_input":
            terminal.complain(status["message"], advice=advice)
            return INVALID
        terminal.complain(
            status["message"], title=status["error"], advice=f"{advice} Log: {outcome.log}"
        )
        return FAILED
    terminal.warn(outcome.record["warnings"])
    terminal.show_summary(outcome.record["summary"])
    reused = " (unchanged since an earlier run, nothing was computed)" if status["reused"] else ""
    n = outcome.record["n_annotations"]
    terminal.say(f"{n:,} annotation{'' if n == 1 else 's'}; results in {out}{reused}")
    terminal.say(f"look at them: {out / 'report.html'}")
    return OK


def _check(options: argparse.Namespace) -> int:
    from ionbox.check import check

    report = check(options.dataset, accept_profile=options.accept_profile)
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


def _simulate(options: argparse.Namespace) -> int:
    from ionbox_science.databases import parse_database
    from ionbox_science.lipids import enumerate_lipids

    from ionbox.simulate import simulate_dataset

    _refuse_overwriting(options.out, options.force)
    _refuse_overwriting(options.out.with_suffix(".ibd"), options.force)

    formulas: Sequence[str]
    if options.database:
        data = options.database.read_bytes()
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
            progress=progress,
        )
    terminal.say(
        f"{made.n_pixels:,} pixels with {made.n_peaks:,} peaks, {made.n_ions:,} planted ions: "
        f"{made.imzml_path}"
    )
    return OK


def _lipids(options: argparse.Namespace) -> int:
    from ionbox.lipids import write_lipids

    _refuse_overwriting(options.out, options.force)
    terminal.say(f"{write_lipids(options.out):,} lipid species: {options.out}")
    return OK


def _refuse_overwriting(path: Path, force: bool) -> None:
    if path.exists() and not force:
        raise InvalidConfig(f"{path} exists; give another name, or --force to replace it")
