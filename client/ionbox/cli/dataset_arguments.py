"""Arguments and help of ``annotate``, ``check``, ``simulate`` and others on datasets.

The flags for settings are made from `ionbox_science.setting_table`; ``ionbox submit`` has the same.
Nothing heavy is imported: help stays quick.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ionbox_science.setting_table import SETTINGS, Setting, describe

from ionbox.cli.command import Command, import_body

if TYPE_CHECKING:
    from ionbox_cloud.messages import ConfigLayer

_COMMANDS = "ionbox.cli.dataset_commands"
_AWS_WORKERS = 99  # of the usual account; as `ionbox_cloud.environment`, which help does not import


def dataset_commands() -> tuple[Command, ...]:
    """Return the commands on datasets, in the order in which help lists them."""
    return (
        Command("annotate", _add_annotate, "annotate a dataset", _ANNOTATE),
        Command("check", _add_check, "say what a dataset is and what is wrong with it", _CHECK),
        Command(
            "estimate", _add_estimate, "say how long a run would take, and its dollars", _ESTIMATE
        ),
        Command(
            "simulate", _add_simulate, "write a realistic dataset with planted ions", _SIMULATE
        ),
        Command("calibrate", _add_calibrate, "compare claimed FDR with a known truth", _CALIBRATE),
        Command("lipids", _add_lipids, "write a database of lipid species", _LIPIDS),
    )


def _add_annotate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "dataset",
        type=Path,
        nargs="+",
        metavar="DATASET.imzML",
        help="its .ibd lies beside it; or several, or a folder with them",
    )
    add("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    add_files(parser, config="settings; or a Lithops-METASPACE pair, given as two")
    add("--workers", type=_positive, metavar="N", help="worker processes (default: one per core)")
    add("--work", type=Path, metavar="DIR", help="caches and logs (default: the user's cache)")
    add_settings(parser)
    parser.set_defaults(run=import_body(_COMMANDS, "annotate"))


def add_files(
    parser: argparse.ArgumentParser,
    *,
    repeated: str = "may be given more than once",
    config: str = "settings",
) -> None:
    """Add the flags for molecule tables and config files; each may be given more than once."""
    add = parser.add_argument
    tables = f"CSV or TSV with columns id, name, formula; {repeated}"
    add("--database", type=Path, action="append", default=[], metavar="FILE", help=tables)
    add("--config", type=Path, action="append", default=[], metavar="FILE.json", help=config)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add a flag for each setting of a run; that of a list is given once for each entry."""
    add = parser.add_argument_group("settings").add_argument
    for name, setting in SETTINGS.items():
        flag, help_text = f"--{(setting.one or name).replace('_', '-')}", describe(name)
        if name == "databases":
            continue  # files, which other arguments name
        if setting.form == "switch":
            # None, not False: a switch that is not given leaves a config file's word alone
            add(flag, dest=name, action=_switch(setting), default=None, help=help_text)
        elif setting.form == "texts":
            add(flag, dest=name, action="append", metavar=setting.sample, help=help_text)
        else:
            kind = _TYPES[setting.form]
            add(flag, dest=name, type=kind, metavar=setting.sample, help=help_text)


def _switch(setting: Setting) -> str | type[argparse.Action]:
    """Return what reads a switch; one that is on by default can be switched off."""
    return argparse.BooleanOptionalAction if setting.default else "store_true"


def config_layers(options: argparse.Namespace) -> list[ConfigLayer]:
    """Return the layers of settings that were given: flags, then ``--config``, strongest first.

    Raises
    ------
    InvalidConfig
        If a config file cannot be read as one, or several are given that are no pair.
    """
    from ionbox_cloud.messages import ConfigLayer

    from ionbox.datasets.config_files import read_config_files

    flags = {key: value for key, value in vars(options).items() if key in SETTINGS}
    given = {key: value for key, value in flags.items() if value is not None}
    return [ConfigLayer("command line", given), *read_config_files(options.config)]


_TYPES: Mapping[str, Callable[[str], object]] = {"text": str, "number": float, "whole": int}


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "dataset", type=Path, metavar="DATASET.imzML", help="its .ibd lies beside it"
    )
    for name in ("centroid", "accept_profile"):
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, action="store_true", default=None, help=describe(name))
    parser.set_defaults(run=import_body(_COMMANDS, "check"))


def _add_estimate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("dataset", type=Path, metavar="DATASET.imzML", help="its .ibd lies beside it")
    add_files(parser)
    help_text = "calls of a Map at once on AWS: map_concurrency of the installation (%(default)s)"
    add("--workers", type=_positive, default=_AWS_WORKERS, metavar="N", help=help_text)
    add("--json", action="store_true", help="as JSON, with what the seconds are made of")
    add_settings(parser)
    parser.set_defaults(run=import_body(_COMMANDS, "estimate"))


def _add_simulate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("out", type=Path, metavar="OUT.imzML", help="to be written, and its .ibd beside it")
    _add_simulation(parser, realism="plain")
    add("--seed", type=int, default=1, metavar="N", help="equal seeds give equal bytes (1)")
    help_text = "write profile spectra, as they are before peak picking"
    add("--profile-spectra", action="store_true", help=help_text)
    add("--force", action="store_true", help="replace files that exist")
    parser.set_defaults(run=import_body(_COMMANDS, "simulate"))


def _add_simulation(parser: argparse._ActionsContainer, *, realism: str) -> None:
    """Add what simulated data is like."""
    add = parser.add_argument
    for name, default, help_text in (
        ("width", 80, "pixels"),
        ("height", 60, "pixels"),
        ("ions", 200, "ions to plant"),
        ("noise", 300, "further peaks per pixel"),
    ):
        help_text = f"{help_text} (%(default)s)"
        add(f"--{name}", type=int, default=default, metavar="N", help=help_text)
    add("--database", type=Path, metavar="FILE", help="molecules to draw from (lipids)")
    help_text = "plain: strong ions, well measured; real: as hard as real data (%(default)s)"
    add("--realism", choices=["plain", "real"], default=realism, help=help_text)
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


def _add_calibrate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="DIR", help="folder for page and figures")
    add("--seeds", type=_positive, metavar="N", help="datasets of each scenario (5)")
    help_text = "settings to compare, all combinations; (scoring=msm,metaspace-ml-animal)"
    add("--compare", action="append", default=[], metavar="SETTING=VALUE,VALUE", help=help_text)
    add("--config", type=Path, metavar="FILE.json", help="settings of all runs")
    help_text = "a list of scenarios, instead of the one that the flags below make"
    add("--scenarios", type=Path, metavar="FILE.json", help=help_text)
    add("--quick", action="store_true", help="one tiny dataset, in seconds: does it work?")
    add("--workers", type=_positive, metavar="N", help="worker processes (default: one per core)")
    _add_simulation(parser.add_argument_group("scenario"), realism="real")
    parser.set_defaults(run=import_body(_COMMANDS, "calibrate"))


def _add_lipids(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", type=Path, metavar="OUT.tsv", help="to be written")
    parser.add_argument("--force", action="store_true", help="replace a file that exists")
    parser.set_defaults(run=import_body(_COMMANDS, "lipids"))


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got '{text}'")
    return int(text)


_KEYS = textwrap.fill(f"Its keys: {', '.join(SETTINGS)}.", 78)

_ANNOTATE = f"""\
examples:
  ionbox annotate brain.imzML --database lipids.tsv --out results
  ionbox annotate brain.imzML --database lipids.tsv --database hmdb.tsv \\
      --out results --polarity positive --analyzer orbitrap \\
      --resolving-power 140000 --adduct=+H --adduct=+Na --neutral-loss=-H2O
  ionbox annotate brain.imzML --database hmdb.tsv --out results \\
      --config ds_config.json --config db_config.json
  ionbox annotate brain.imzML more/ --database hmdb.tsv --out results

Several datasets, or a folder, get a folder each in --out: results/brain, and so
on. One that cannot be annotated is named and the rest done; the exit code is 1.

A config file is JSON, for example
  {{"polarity": "positive", "adducts": ["+H", "+Na"], "ppm": 5}}
{_KEYS}
A flag beats --config, which beats brain.json beside the imzML, which beats
what the imzML says. The same command again resumes what was interrupted and
reuses what is there.

"""

_CHECK = """\
example:
  ionbox check brain.imzML

Counts in what brain.json beside the imzML says. Computes nothing.

"""

_ESTIMATE = """\
examples:
  ionbox estimate brain.imzML --database hmdb.tsv
  ionbox estimate brain.imzML --database hmdb.tsv --workers 788 --json
  ionbox estimate brain.imzML --database hmdb.tsv --max-dollars 0.50

Reads the imzML and a sample of the ibd. Nothing is computed and nothing sent. A
run that would cost more than max_dollars, or would be refused for anything
else, is refused here as well.

"""

_SIMULATE = """\
examples:
  ionbox lipids lipids.tsv
  ionbox simulate section.imzML --database lipids.tsv --width 100 --height 100
  ionbox annotate section.imzML --database lipids.tsv --out results
  ionbox simulate hard.imzML --database hmdb.tsv --realism real --analyzer fticr

With --realism real, ions are as weak, as crowded and as badly measured as in
real data, and most are of molecules that the database does not have.
Beside the imzML: its .ibd, a .json config, and _truth.csv with the planted
ions.

"""

_CALIBRATE = """\
examples:
  ionbox calibrate --out calibration --quick
  ionbox calibrate --out calibration --database hmdb.tsv --seeds 10
  ionbox calibrate --out calibration --realism plain --noise 4000 \\
      --compare scoring=msm,metaspace-ml-animal --compare ppm=3,5
  ionbox calibrate --out calibration --scenarios scenarios.json

Simulates datasets whose ions are known, annotates them as ionbox annotate does,
and writes calibration.html, .tsv and .json: which share of annotations up to 5,
10 and 20 % FDR is wrong, and how many planted ions are found.

A scenarios file is a JSON list, for example
  [{"name": "hard", "database": "hmdb.tsv",
    "simulate": {"realism": "real", "n_ions": 400, "analyzer": "fticr"},
    "settings": {"ppm": 3}, "variants": [{"scoring": "msm"}]}]

"""

_LIPIDS = """\
example:
  ionbox lipids lipids.tsv

"""
