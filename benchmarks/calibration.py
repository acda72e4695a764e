"""Calibration of FDR in the scenarios of docs/calibration.md: ``python -m benchmarks.calibration``.

Out: ``calibration.tsv`` and ``difficulty.tsv`` beside this module, and the tables of the document,
which are made from them and compared with them by a test. Databases other than the built-in lipids
are not ours to hand on: scenarios that need one are left out where ``formulas.REFERENCE`` is
missing, and their rows stay as they are.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ionbox.calibration.calibrate import COUNTS, TABLE, calibrate
from ionbox.calibration.scenarios import Scenario, name_variant
from ionbox.local.worker_process import Reserve

from benchmarks.formulas import REFERENCE
from benchmarks.history import describe_commit

FIGURES = Path(__file__).with_name("calibration.tsv")
DIFFICULTY = Path(__file__).with_name("difficulty.tsv")
DOCUMENT = Path(__file__).parents[1] / "docs" / "calibration.md"
GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "real_ions.json"

Row = Mapping[str, str]

_DATABASES = REFERENCE / "databases"
_METALS, _MATCHED = {"decoy_kind": "metals"}, {"decoy_kind": "matched"}
_ANIMAL = {"scoring": "metaspace-ml-animal"}
_BARE = {**_ANIMAL, **_METALS, "recalibrate": False, "competition": False}
_VARIANTS = (
    {"scoring": "msm", **_METALS},
    {"scoring": "msm", **_MATCHED},
    {**_ANIMAL, **_METALS},
    {**_ANIMAL, **_MATCHED},
    {"scoring": "metaspace-ml-plant", **_METALS},
    _BARE,
)
_FTICR = {"realism": "real", "analyzer": "fticr", "resolving_power": 260_000}

_TOF = {"analyzer": "tof", "resolving_power": 40_000}


def _scenario(
    name: str,
    table: str | None,
    n_ions: int,
    n_noise_peaks: int,
    simulate: Mapping[str, object] | None = None,
    ppm: float = 3.0,
) -> Scenario:
    sizes = {"width": 80, "height": 60, "n_ions": n_ions, "n_noise_peaks": n_noise_peaks}
    database = _DATABASES / table if table else None
    return Scenario(name, {**sizes, **(simulate or {})}, {"ppm": ppm}, _VARIANTS, database)


HARD = "as hard as real data"
"""The scenario whose difficulty is compared with that of real data, measured in the same way."""

HARD_VARIANT = name_variant(_BARE)
"""How real data was annotated."""

SCENARIOS = (
    _scenario("2,000 of HMDB", "hmdb2k.tsv", 200, 300),
    _scenario("2,000 of HMDB, noise 2,000", "hmdb2k.tsv", 200, 2_000),
    _scenario("2,000 of HMDB, noise 8,000", "hmdb2k.tsv", 200, 8_000),
    _scenario("HMDB, 11,592 formulas", "hmdb_formulas.tsv", 400, 4_000),
    _scenario("LIPID MAPS, 7,354 formulas", "lipidmaps_2017-12-12-v2.tsv", 400, 4_000),
    _scenario("TOF 40,000, 10 ppm", "hmdb2k.tsv", 200, 300, _TOF, 10),
    _scenario(HARD, "CoreMetabolome-v3.csv", 300, 300, _FTICR),
    _scenario("the same, built-in lipids", None, 300, 300, _FTICR),
)

_LEVELS = ("0.05", "0.1", "0.2")
_FIGURE_NAMES = {
    "msm": "MSM",
    "spatial": "spatial",
    "spectral": "spectral",
    "isotope_ratio": "strongest further isotope, observed / theoretical",
    "mean_missing": "isotope images missing of 3, mean",
    "mz_error_width_ppm": "m/z error, width of the middle half, ppm",
    "mz_error_ppm": "m/z error, ppm",
    "decoy_spatial": "spatial of decoys",
}


def run(scenarios: Sequence[Scenario], seeds: Sequence[int], commit: str) -> None:
    """Run scenarios and put their rows in place of those there are."""
    for scenario in scenarios:
        with tempfile.TemporaryDirectory(prefix="ionbox-bench-") as name, Reserve() as reserve:
            folder = Path(name)
            calibrate(
                [scenario],
                seeds,
                folder,
                reserve=reserve,
                tell=lambda words, done, total: print(f"{done}/{total} {words}", flush=True),
            )
            figures = _parse((folder / TABLE).read_text("utf-8"))
            hard = json.loads((folder / COUNTS).read_text("utf-8"))["difficulty"]
        replace_rows(FIGURES, [{**row, "commit": commit} for row in figures])
        rows = [{name: str(value) for name, value in row.items()} for row in hard]
        replace_rows(DIFFICULTY, rows)


def replace_rows(path: Path, rows: Sequence[Row]) -> None:
    """Put the rows of scenarios in place of those that a table has of them, in our order."""
    new = {row["scenario"] for row in rows}
    kept = [row for row in read_rows(path) if row["scenario"] not in new] if path.exists() else []
    order = [scenario.name for scenario in SCENARIOS]
    together = sorted([*kept, *rows], key=lambda row: order.index(row["scenario"]))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(together)
    path.write_text(text.getvalue(), "utf-8")


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a table of figures."""
    return _parse(path.read_text("utf-8"))


def _parse(text: str) -> list[Row]:
    return list(csv.DictReader(io.StringIO(text), delimiter="\t"))


def renew_document(text: str) -> str:
    """Return the document with the tables of the figures in place of those it has."""
    figures = read_rows(FIGURES)
    tables = {
        "calibration.tsv": lay_out_figures(figures),
        "difficulty.tsv": lay_out_difficulty(read_rows(DIFFICULTY)),
    }
    for name, table in tables.items():
        begin, end = f"<!-- made from benchmarks/{name} -->\n", "<!-- end -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"no table between {begin.strip()!r} and {end!r}")
        text = f"{before}{begin}\n{table}\n{end}{after}"
    return text


def lay_out_figures(rows: Iterable[Row]) -> str:
    """Return a table: a row per scenario and score, observed share and recall per claimed FDR."""
    cells: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        cells.setdefault((row["scenario"], row["variant"]), []).append(_cell(row))
    heads = ["scenario", "ranked by", *(f"claimed {float(level):.0%}" for level in _LEVELS)]
    return _markdown(heads, ([*key, *values] for key, values in cells.items()))


def _cell(row: Row) -> str:
    text = (
        f"**{_percent(row['wrong'])}** ({_percent(row['wrong_low'])}–{_percent(row['wrong_high'])})"
    )
    text += f", {_percent(row['noise'])} without kin; recall {_percent(row['recall'])}"
    if row["alone"]:
        text += f"; alone {_percent(row['alone'])}, recall {_percent(row['alone_recall'])}"
    return text


def _percent(share: str) -> str:
    return f"{float(share) * 100:.1f}" if share else "–"


def lay_out_difficulty(rows: Iterable[Row]) -> str:
    """Return a table: what real ions look like, and what simulated ones do."""
    real = json.loads(GOLDEN.read_text("utf-8"))["figures"]
    (hard,) = (row for row in rows if row["scenario"] == HARD and row["variant"] == HARD_VARIANT)
    lines = [
        [words, f"{real[name]:.3g}", f"{float(hard[name]):.3g}", _ratio(hard[name], real[name])]
        for name, words in _FIGURE_NAMES.items()
    ]
    return _markdown(["medians, unless said otherwise", "real", "simulated", "ratio"], lines)


def _ratio(simulated: str, real: float) -> str:
    return f"{float(simulated) / real:.2f}" if abs(real) > 0.1 else ""  # of errors around 0: none


def _markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="datasets of each (5)")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="repeat")
    parser.add_argument("--document", action="store_true", help="renew the document only")
    options = parser.parse_args()
    unknown = set(options.only) - {scenario.name for scenario in SCENARIOS}
    if unknown:
        raise SystemExit(f"no such scenario: {', '.join(sorted(unknown))}")
    if not options.document:
        chosen = [
            scenario
            for scenario in SCENARIOS
            if (not options.only or scenario.name in options.only)
            and (scenario.database is None or scenario.database.exists())
        ]
        run(chosen, range(1, options.seeds + 1), describe_commit())
    DOCUMENT.write_text(renew_document(DOCUMENT.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
