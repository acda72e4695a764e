"""Two tables side by side."""

from __future__ import annotations

import io
import json
import math
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest
from ionbox.cli.main import main
from ionbox.cli.results_commands import write_comparison
from ionbox.compare.comparison import compare
from ionbox.compare.scatter_plot import draw_comparison
from ionbox.compare.tables import DatasetNames, Side, read_side
from ionbox_science.errors import InvalidConfig

from tests.client.operating import Command
from tests.client.table_rows import records_of
from tests.viewing import list_again


def side(name: str, *ions: dict[str, Any]) -> Side:
    usual = {
        **{"formula": "C6H12O6", "chemMod": "", "neutralLoss": "", "adduct": "+H"},
        **{"msm": 0.8, "fdr": 0.1, "rhoSpatial": 0.9, "rhoSpectral": 0.95, "rhoChaos": 0.99},
    }
    return Side(name, pd.DataFrame([{**usual, **ion} for ion in ions]))


def changes(a: Side, b: Side, **options: Any) -> dict[str, str]:
    rows = compare(a, b, **options).rows
    return {f"{row['formula']}{row['adduct']}": row["change"] for row in records_of(rows)}


def test_ions_are_gained_lost_moved_or_differ_in_scores() -> None:
    a = side("a", {"formula": "C1"}, {"formula": "C2"}, {"formula": "C3"}, {"formula": "C4"})
    b = side(
        "b",
        {"formula": "C1"},
        {"formula": "C2", "fdr": 0.11},
        {"formula": "C3", "rhoSpatial": 0.8},
        {"formula": "C5"},
    )
    expected = {"C1+H": "", "C2+H": "moved", "C3+H": "scores", "C4+H": "lost", "C5+H": "gained"}
    assert changes(a, b) == expected
    assert changes(a, b, tolerance=0.2)["C3+H"] == ""
    found = compare(a, b)
    assert (found.n_common, found.count("gained"), found.same) == (3, 1, False)
    spatial = next(each for each in found.differences if each.metric == "rhoSpatial")
    assert spatial.largest == pytest.approx(0.1)
    assert spatial.median == 0


def test_a_difference_within_the_tolerance_is_none() -> None:
    found = compare(side("a", {"msm": 0.8}), side("b", {"msm": 0.80009}))
    assert found.same


@pytest.mark.parametrize("metric", ["msm", "fdr", "rhoChaos"])
def test_a_metric_that_one_table_lacks_is_a_difference(metric: str) -> None:
    known = side("a", {}, {"formula": "C1"})
    unknown = side("b", {metric: math.nan}, {"formula": "C1"})
    for a, b in ((known, unknown), (unknown, known)):
        found = compare(a, b)
        assert sorted(found.rows["change"]) == ["", "scores"]
        n_one_sided = {each.metric: each.n_one_sided for each in found.differences}
        assert n_one_sided.pop(metric) == 1
        assert set(n_one_sided.values()) == {0}
    assert compare(unknown, unknown).same


def test_a_metric_that_one_table_lacks_is_said(
    results: Path, tmp_path: Path, operate: Command
) -> None:
    for name in ("a", "b"):
        frame = pd.read_csv(results / "annotations.csv", comment="#", keep_default_na=False)
        if name == "b":
            frame["rhoChaos"] = frame["rhoChaos"].astype(object)
            frame.loc[0, "rhoChaos"] = ""
            frame["rhoSpatial"] = ""
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    ended = operate("compare", tmp_path / "a.csv", tmp_path / "b.csv")
    assert ended.code == 1
    assert "rhoChaos     largest difference 0, median 0; 1 ion with it in only one" in ended.out
    assert f"rhoSpatial   no ion has it in both; {len(frame)} ions with it in only" in ended.out


@pytest.mark.parametrize("tolerance", [math.nan, -1e-9])
def test_a_tolerance_is_a_number_of_0_or_more(
    results: Path, operate: Command, tolerance: float
) -> None:
    with pytest.raises(InvalidConfig, match=f"tolerance: expected a number of 0 .*{tolerance}"):
        compare(side("a", {}), side("b", {}), tolerance)
    assert operate("compare", results, results, f"--tolerance={tolerance}").code == 2


def test_a_crash_is_no_difference(
    results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("ionbox.compare.tables.read_side", crash)
    with pytest.raises(SystemExit) as ended:
        main(["compare", str(results), str(results)])
    assert ended.value.code == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_databases_tell_ions_apart_where_both_tables_know_them() -> None:
    a = side("a", {"database": "x", "fdr": 0.01}, {"database": "y", "fdr": 0.3})
    same = compare(a, side("b", {"database": "x", "fdr": 0.01}, {"database": "y", "fdr": 0.3}))
    assert same.same
    assert len(same.rows) == 2
    for other in (side("b", {"fdr": 0.01}), side("b", {"database": "z", "fdr": 0.01})):
        assert compare(a, other).rows["change"].tolist() == [""]  # the better row of the ion


def test_tables_without_an_ion_in_common_have_no_differences() -> None:
    found = compare(side("a", {"formula": "C1"}), side("b", {"formula": "C2"}))
    assert found.differences == ()
    assert ElementTree.fromstring(draw_comparison(found)).tag.endswith("svg")


def test_the_plot_has_a_dot_per_place_and_escapes_names() -> None:
    found = compare(
        side("<b>&", {"formula": "C1"}, {"formula": "C2", "msm": 0.3}, {"formula": "C3"}),
        side("b", {"formula": "C1"}, {"formula": "C2", "msm": 0.4, "fdr": 0.3}, {"formula": "C4"}),
    )
    root = ElementTree.fromstring(draw_comparison(found))
    texts = "".join(root.itertext())
    assert "MSM, <b>&" in texts
    assert "2 ions in both, 1 gained, 1 lost, 1 at another FDR level" in texts
    paths = [e for e in root.iter() if e.tag.endswith("path") and e.get("stroke-linecap")]
    assert len(paths) == 2 * 3  # common, moved and one-sided in both panels


def test_files_say_everything_and_text_is_inert(tmp_path: Path) -> None:
    a = side("a", {"formula": "=cmd()"}, {"adduct": "+Na", "neutralLoss": "-H2O"})
    write_comparison(compare(a, side("b", {})), tmp_path / "out")
    frame = pd.read_csv(tmp_path / "out" / "compare.csv", keep_default_na=False)
    assert set(frame["formula"]) == {"'=cmd()", "C6H12O6"}
    assert set(frame["neutralLoss"]) == {"", "-H2O"}
    assert sorted(frame["change"]) == ["gained", "lost", "lost"]
    assert (tmp_path / "out" / "compare.svg").is_file()


def test_exports_of_metaspace_can_be_compared(results: Path, tmp_path: Path) -> None:
    """Two comment lines, FDR levels, its columns, no database."""
    frame = pd.read_csv(results / "annotations.csv", comment="#", keep_default_na=False)
    exported = frame[frame["database"] == "acids"].drop(columns="database")
    text = io.StringIO()
    text.write("# Generated at 2026-11-20\n# URL: https://metaspace2020.org/\n")
    exported.assign(offSample="").to_csv(text, index=False)
    path = tmp_path / "metaspace_annotations.csv"
    path.write_text(text.getvalue())
    found = compare(read_side(str(path)), read_side(str(results), "acids"))
    assert found.same
    assert found.n_common == len(exported)


def test_results_of_the_engine_can_be_compared(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text(
        "formula_i,formula,modifier,chaos,spatial,spectral,msm,fdr,moldb_id,chem_mod,neutral_loss,"
        "adduct\n1,C6H12O6,+H,0.99,0.9,0.95,0.8,0.1,hmdb,,,+H\n"
    )
    assert compare(read_side(str(path)), side("b", {})).same


# --- the command ---


def test_exit_codes_are_those_of_diff(results: Path, tmp_path: Path, operate: Command) -> None:
    same = operate("compare", results, results)
    assert same.code == 0
    assert "gained" in same.out
    changed = shutil.copytree(results, tmp_path / "changed")
    table = changed / "annotations.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-3]))
    list_again(changed, table.name)
    different = operate("compare", results, changed, "--out", tmp_path / "out")
    assert different.code == 1
    assert "lost: " in different.out
    assert len(pd.read_csv(tmp_path / "out" / "compare.csv")) > 50
    for wrong in ("nowhere", changed / "run.json"):
        trouble = operate("compare", results, wrong)
        assert trouble.code == 2
        assert trouble.err.startswith("error: ")
    assert operate("compare", results, results, "--database", "hmdb").code == 2


def test_what_two_runs_were_made_with_is_said(
    results: Path, tmp_path: Path, operate: Command
) -> None:
    changed = shutil.copytree(results, tmp_path / "changed")
    record = json.loads((changed / "run.json").read_text())
    record["config"] |= {"ppm": 1.0, "adducts": ["+H"], "accept_profile": True}
    record["databases"][0]["content_id"] = "0" * 32
    record["databases"].pop()
    record["versions"]["numpy"] = "1.0"
    (changed / "run.json").write_text(json.dumps(record))
    said = operate("compare", results, changed).out
    (settings,) = (line for line in said.splitlines() if line.startswith("settings differ: "))
    for words in ("ppm 3 → 1", "adducts +H, +Na, +K → +H", "accept_profile no → yes"):
        assert words in settings
    assert "\ndatabases differ: acids " in said
    assert " → 00000000; waxes " in said
    assert "\nversions differ: numpy " in said
    assert " differ: " not in operate("compare", results, results).out
    table = results / "annotations.csv"
    assert " differ: " not in operate("compare", table, changed).out


def test_a_dataset_is_told_by_its_content_where_both_sides_know_it() -> None:
    def names(name: str, dataset_id: str = "") -> DatasetNames:
        return DatasetNames(frozenset({name}), frozenset({dataset_id} - {""}))

    ours, other = names("brain", "0" * 32), names("brain", "1" * 32)
    assert ours.differs_from(other)
    assert not ours.differs_from(names("brain, renamed", "0" * 32))
    metaspace = "2016-09-21_16h06m56s"
    assert not ours.differs_from(names("brain", metaspace))
    assert ours.differs_from(names("liver", metaspace))
    assert not ours.differs_from(DatasetNames())  # the engine's results name none


def test_tables_of_different_datasets_are_compared_with_a_remark(
    results: Path, tmp_path: Path, operate: Command
) -> None:
    other = shutil.copytree(results, tmp_path / "other")
    record = json.loads((other / "run.json").read_text())
    record["dataset"] |= {"id": "0" * 32, "name": "liver"}
    (other / "run.json").write_text(json.dumps(record))
    assert operate("compare", results, results / "annotations.csv").err == ""
    ended = operate("compare", results, other)
    assert ended.code == 0
    assert ended.err.startswith("warning: A and B are of different datasets: ")
    assert f", and liver ({'0' * 32})" in ended.err


@pytest.mark.parametrize(
    ("name", "content", "what", "detail"),
    [
        ("nowhere", None, "there is no file or folder '{}' here", ""),
        ("empty.csv", b" \n", "{} is empty", ""),
        (
            "molecules.tsv",
            b"id\tname\tformula\n1\twater\tH2O\n",
            "{} is no table of annotations: no column ",
            "  found: id, name, formula; it is separated by tabs, not by commas",
        ),
        (
            "peaks.csv",
            b"mz,intensity\n100,1\n",
            "{} is no table of annotations: no column ",
            "  found: mz, intensity",
        ),
        (
            "comments.csv",
            b"# only\n",
            "{} is no table of annotations: no column ",
            "  found: nothing",
        ),
        (
            "report.html",
            b"<!doctype html>\n<html>\n<p>a, b, c\n",
            "{} cannot be read as a table: its lines are no rows of UTF-8 text",
            "",
        ),
        (
            "image.png",
            b"\x89PNG\r\n\x1a\n\x00",
            "{} cannot be read as a table: its lines are no rows of UTF-8 text",
            "",
        ),
    ],
)
def test_what_is_no_table_is_said_with_what_would_be(
    tmp_path: Path,
    operate: Command,
    name: str,
    content: bytes | None,
    what: str,
    detail: str,
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    ended = operate("compare", path, path)
    assert ended.code == 2
    first, *lines = ended.err.splitlines()
    assert first.startswith("error: " + what.format(path))
    assert lines[-1].startswith("  give a results folder, s3://")
    if detail:
        expected = "formula, chemMod, neutralLoss, adduct, msm, fdr, rhoSpatial"
        assert lines[0].startswith(f"  expected: {expected}")
        assert lines[1] == detail


def test_a_folder_and_a_bucket_are_the_same(
    results: Path, bucket_results: str, operate: Command
) -> None:
    assert operate("compare", results, bucket_results).code == 0
