"""The ``ionbox`` command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ionbox_science.errors import IonboxError

INVALID, FAILED, CANCELLED = 1, 3, 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    options = _parser().parse_args(arguments)
    try:
        code = options.run(options)
    except (IonboxError, OSError) as error:
        if options.debug:
            raise
        print(f"ionbox: {error}", file=sys.stderr)  # noqa: T201
        code = INVALID
    except KeyboardInterrupt:
        print("\nionbox: cancelled; the same command resumes from here", file=sys.stderr)  # noqa: T201
        code = CANCELLED
    raise SystemExit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ionbox", description="Annotate imaging mass spectra.")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    lipids = commands.add_parser("lipids", help="write a lipid species database")
    lipids.add_argument("out", type=Path)
    lipids.set_defaults(run=_lipids)
    simulate = commands.add_parser("simulate", help="write a realistic dataset with planted ions")
    simulate.add_argument("out", type=Path)
    for name, default in (
        ("width", 80),
        ("height", 60),
        ("ions", 200),
        ("noise", 300),
        ("seed", 1),
    ):
        simulate.add_argument(f"--{name}", type=int, default=default)
    simulate.add_argument("--database", type=Path)
    simulate.set_defaults(run=_simulate)
    annotate = commands.add_parser("annotate", help="annotate a dataset")
    annotate.add_argument("dataset", type=Path)
    annotate.add_argument("--database", type=Path, action="append", required=True)
    annotate.add_argument("--out", type=Path, required=True)
    annotate.add_argument("--workers", type=int)
    annotate.add_argument("--work", type=Path)
    annotate.add_argument("--polarity")
    annotate.add_argument("--analyzer")
    annotate.add_argument("--resolving-power", type=float)
    annotate.add_argument("--resolving-power-mz", type=float)
    annotate.add_argument("--isocalc-sigma", type=float)
    annotate.add_argument("--adduct", dest="adducts", action="append")
    annotate.add_argument("--neutral-loss", dest="neutral_losses", action="append")
    annotate.add_argument("--chem-mod", dest="chem_mods", action="append")
    annotate.add_argument("--ppm", type=float)
    annotate.add_argument("--isotope-peaks", type=int)
    annotate.add_argument("--decoys", type=int)
    annotate.add_argument("--fdr-method")
    annotate.add_argument("--min-px", type=int)
    annotate.add_argument("--accept-profile", action="store_true", default=None)
    annotate.add_argument("--skip-bad-rows", action="store_true", default=None)
    annotate.set_defaults(run=_annotate)
    return parser


def _lipids(options: argparse.Namespace) -> int:
    from ionbox.lipids import write_lipids

    print(f"{write_lipids(options.out)} lipid species in {options.out}")  # noqa: T201
    return 0


def _simulate(options: argparse.Namespace) -> int:
    from ionbox_science.databases import parse_database

    from ionbox.lipids import enumerate_lipids
    from ionbox.simulate import simulate_dataset

    formulas: Sequence[str] = [lipid.formula for lipid in enumerate_lipids()]
    if options.database:
        data = options.database.read_bytes()
        formulas = parse_database(data, options.database.stem).unique_formulas()
    made = simulate_dataset(
        options.out,
        width=options.width,
        height=options.height,
        n_ions=options.ions,
        n_noise_peaks=options.noise,
        seed=options.seed,
        formulas=formulas,
    )
    print(f"{made.n_pixels} pixels, {made.n_peaks:,} peaks in {made.imzml_path}")  # noqa: T201
    return 0


def _annotate(options: argparse.Namespace) -> int:
    from ionbox.annotate import annotate

    config = {
        key: getattr(options, key)
        for key in (
            "polarity",
            "analyzer",
            "resolving_power",
            "resolving_power_mz",
            "isocalc_sigma",
            "adducts",
            "neutral_losses",
            "chem_mods",
            "ppm",
            "isotope_peaks",
            "decoys",
            "fdr_method",
            "min_px",
            "accept_profile",
            "skip_bad_rows",
        )
        if getattr(options, key) is not None
    }
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "ionbox"
    return annotate(
        options.dataset,
        options.database,
        options.out,
        config,
        work=options.work or cache,
        n_workers=options.workers,
    )
