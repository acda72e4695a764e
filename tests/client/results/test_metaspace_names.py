"""Calls as users of METASPACE's client make them, and what is said to those that make no sense."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ionbox
import numpy as np
import pandas as pd
import pytest
from ionbox.errors import NotInResults
from ionbox.exports import export
from ionbox.run import Run
from ionbox_science import __version__
from ionbox_science.errors import InvalidConfig, InvalidFormula, InvalidInput
from ionbox_science.theory.formulas import read_adduct

from tests import patience
from tests.client.operating import Command
from tests.client.table_rows import ion_of, records_of


@pytest.fixture(scope="module")
def run(results: Path) -> Run:
    return ionbox.open(results)


@pytest.fixture(scope="module")
def with_losses(results_with_losses: Path) -> Run:
    return ionbox.open(results_with_losses)


# --- databases ---


def test_a_database_may_be_named_with_a_version(run: Run) -> None:
    acids = run.results("acids")
    pd.testing.assert_frame_equal(run.results(("acids", "v4")), acids)
    assert len(run.diagnostics(("acids", "v4"))) == len(run.diagnostics("acids"))
    assert run.annotations(1, ("acids", "v4")) == run.annotations(1, "acids")
    assert len(run.all_annotation_images(1, ("acids", "v4"))) == len(acids)
    assert run.to_anndata(1, ("acids", "v4")).n_vars == run.to_anndata(1, "acids").n_vars
    with pytest.raises(NotInResults, match="no database 'hmdb'; it has acids, waxes"):
        run.results(("hmdb", "v4"))
    with pytest.raises(InvalidConfig, match="database: expected a name, or a name and a version"):
        run.results(22)  # type: ignore[arg-type]
    with pytest.raises(InvalidConfig, match="no annotations of acids up to an FDR of 0"):
        run.to_anndata(0, ("acids", "v4"))


def test_a_version_that_the_run_knows_is_compared(results: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(results, tmp_path / "copy")
    record = json.loads((copy / "run.json").read_text())
    record["databases"][0]["version"] = "v4"
    (copy / "run.json").write_text(json.dumps(record))
    run = ionbox.open(copy)
    assert [each.version for each in run.database_details] == ["v4", None]
    assert len(run.results(("acids", "v4")))
    with pytest.raises(NotInResults, match="'acids' of version v4, not v5"):
        run.results(("acids", "v5"))


def test_databases_are_described_by_what_the_run_knows(run: Run) -> None:
    acids, waxes = run.database_details
    assert (acids.name, waxes.name) == ("acids", "waxes")
    assert acids.n_annotations + waxes.n_annotations == len(run.results())
    assert acids.id == run.record["databases"][0]["content_id"]
    assert acids.n_molecules > 0
    assert acids.n_skipped == 0
    assert run.status == "FINISHED"


# --- results ---


def test_results_can_be_those_in_the_same_places_as_an_ion(run: Run) -> None:
    everything = run.results(fdr=0.5)
    ion = everything["ion"].iloc[0]
    found = run.results(fdr=0.5, coloc_with=ion)
    assert found["ion"].iloc[0] == ion
    assert found["colocCoeff"].iloc[0] == 1
    assert found["colocCoeff"].is_monotonic_decreasing
    pairs = run.colocalization()
    partners = pairs[pairs["ion"] == ion].set_index("partner")["coefficient"]
    assert set(found["ion"]) == (set(partners.index) | {ion}) & set(everything["ion"])
    for row in found.itertuples():
        assert row.ion == ion or row.colocCoeff == partners[row.ion]
    assert "colocCoeff" not in everything
    with pytest.raises(NotInResults, match=r"C1\+H\+ was not annotated"):
        run.results(coloc_with="C1+H+")


def test_an_ion_may_be_written_in_every_way(run: Run) -> None:
    best = run.results().iloc[0]
    formula, adduct = ion_of(best)
    expected = run.colocalized(best["ion"])
    assert len(expected)
    ways: list[str | tuple[str, str]] = [
        f"[{formula}{adduct}]+",  # as the page shows it
        f"[{formula}{adduct}]⁺",
        f" {formula}{adduct} ",
        (formula, adduct),  # as in the index
        (formula, f"[M{adduct}]+"),
    ]
    for ion in ways:
        pd.testing.assert_frame_equal(run.colocalized(ion), expected)
        assert run.results(coloc_with=ion)["ion"].iloc[0] == best["ion"]
        assert set(run.results(ion=ion)["ion"]) == {best["ion"]}
    assert not len(run.results(ion="[C1+H]+"))
    assert not len(run.results(ion=("C1", "+H")))
    with pytest.raises(NotInResults, match=r"C1\+H\+ was not annotated"):
        run.colocalized("[C1+H]+")
    with pytest.raises(NotInResults, match="C99H2 was not annotated with any adduct"):
        run.colocalized("C99H2")


def test_losses_and_electrons_are_in_names_of_ions(with_losses: Run) -> None:
    for ion in with_losses.results()["ion"].unique():
        assert set(with_losses.results(ion=f"[{ion[:-1]}]{ion[-1]}")["ion"]) == {ion}


@pytest.mark.parametrize(
    "ion", ["", "best", "C6H12O6", "[C6H12O6+H", "C6H12O6+Qq+", "+H", 5, ("C6",), ("C6", 5)]
)
def test_what_is_no_ion_is_refused(run: Run, ion: Any) -> None:
    with pytest.raises(InvalidFormula, match=r"write an ion such as|adduct: expected text"):
        run.results(ion=ion)
    with pytest.raises(InvalidInput):
        run.results(coloc_with=ion)


def test_names_of_molecules_are_lists_everywhere(run: Run) -> None:
    table = run.results()
    found = run.colocalized(table["ion"].iloc[0])
    names = table.drop_duplicates("ion").set_index("ion")["moleculeNames"]
    assert found["moleculeNames"].tolist() == names[found.index].tolist()
    assert all(isinstance(each, list) for each in found["moleculeNames"])


def test_an_ion_may_be_named_by_its_formula_if_it_is_the_only_one(run: Run) -> None:
    ions = run.results().reset_index().groupby("formula")["ion"].unique()
    ions_of = {str(formula): list(names) for formula, names in ions.items()}
    one = next(formula for formula, names in ions_of.items() if len(names) == 1)
    several = next(formula for formula, names in ions_of.items() if len(names) > 1)
    (ion,) = ions_of[one]
    pd.testing.assert_frame_equal(run.results(coloc_with=one), run.results(coloc_with=ion))
    pd.testing.assert_frame_equal(run.colocalized(one), run.colocalized(ion))
    with pytest.raises(NotInResults, match=rf"{several} has several ions, .*; name one"):
        run.results(coloc_with=several)


def test_nothing_is_left_out_unless_asked(with_losses: Run) -> None:
    everything = with_losses.results()
    assert (everything["neutralLoss"] != "").any()
    assert (everything["chemMod"] != "").any()
    assert everything.index.names == ["formula", "adduct"]
    both = with_losses.results(include_chem_mods=True, include_neutral_losses=True)
    assert both.index.names == ["formula", "adduct", "chemMod", "neutralLoss"]
    assert len(both) == len(everything)
    plain = with_losses.results(include_chem_mods=False, include_neutral_losses=False)
    assert len(plain) == ((everything["neutralLoss"] == "") & (everything["chemMod"] == "")).sum()
    lost = with_losses.results(include_chem_mods=False, include_neutral_losses=True)
    assert lost.index.names == ["formula", "adduct", "neutralLoss"]
    assert (lost["chemMod"] == "").all()


def test_images_of_all_annotations_are_those_with_losses_too(with_losses: Run) -> None:
    images = with_losses.all_annotation_images(fdr=1)
    frame = with_losses.results()
    assert [each.neutral_loss for each in images] == frame["neutralLoss"].tolist()
    assert [each.chem_mod for each in images] == frame["chemMod"].tolist()
    plain = with_losses.all_annotation_images(fdr=1, hasNeutralLoss=False, hasChemMod=False)
    assert len(plain) == len(
        with_losses.results(include_chem_mods=False, include_neutral_losses=False)
    )


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        ({"adduct": "M+Na"}, lambda f: f["adduct"] == "+Na"),
        ({"adduct": "[M+H]+"}, lambda f: f["adduct"] == "+H"),
        ({"mzFilter": {"min": 250, "max": 400}}, lambda f: f["mz"].between(250, 400)),
        ({"mzFilter": {"min": 250}}, lambda f: f["mz"] >= 250),
        ({"msmScoreFilter": {"max": 0.5}}, lambda f: f["msm"] <= 0.5),
        ({"fdrLevel": 0.05}, lambda f: f["fdr"] <= 0.05),
        ({"hasNeutralLoss": True}, lambda f: f["neutralLoss"] != ""),
        ({"neutralLoss": ""}, lambda f: f["neutralLoss"] == ""),
        ({"sumFormula": None}, lambda f: f["fdr"] >= 0),
    ],
)
def test_filters_of_metaspace(run: Run, filters: dict[str, Any], kept: Any) -> None:
    everything = run.results().reset_index()
    expected = everything.loc[kept(everything), "ion"].tolist()
    assert run.results(**filters)["ion"].tolist() == expected
    assert run.annotations(1, return_vals=["ion"], **filters) == [(ion,) for ion in expected]
    if len(filters) and None not in filters.values():
        images = run.all_annotation_images(1, only_first_isotope=True, **filters)
        assert len(images) == len(expected)


def test_filters_name_one_ion_formula_or_molecule(run: Run) -> None:
    best = run.results().iloc[0]
    formula, _ = ion_of(best)
    (name, *_) = best["moleculeNames"]
    assert set(run.results(sumFormula=formula).index.get_level_values("formula")) == {formula}
    assert set(run.results(ion=best["ion"])["ion"]) == {best["ion"]}
    assert best["ion"] in set(run.results(compoundQuery=name.upper())["ion"])
    assert best["ion"] in set(run.results(compoundQuery=formula)["ion"])
    assert len(run.results(compoundQuery="no such molecule")) == 0


def test_an_unknown_filter_is_named_with_those_there_are(run: Run) -> None:
    for ask in (run.results, run.annotations, run.all_annotation_images):
        with pytest.raises(InvalidConfig, match="no filter 'offSample'; there are sumFormula, add"):
            ask(offSample=False)
    for value in ((100, 200), {"low": 1}, {}):
        with pytest.raises(InvalidConfig, match=r"mzFilter: expected \{'min': …, 'max': …\}, got"):
            run.results(mzFilter=value)


def test_annotations_return_metaspaces_fields(run: Run) -> None:
    best = run.results().iloc[0]
    (first, *_) = run.annotations(1, return_vals=("sumFormula", "msmScore", "fdrLevel"))
    assert first == (ion_of(best)[0], best["msm"], best["fdr"])


# --- fractions, numbers, names ---


@pytest.mark.parametrize(
    ("fdr", "words"),
    [
        (5, r"fdr: expected a fraction from 0 to 1, got 5 \(5 % is 0\.05\)$"),
        (10.0, r"got 10\.0 \(10 % is 0\.1\)$"),
        (-0.1, r"got -0\.1$"),
        (1000, r"got 1000$"),
        (math.nan, r"got nan$"),
        ("0.1", r"got '0\.1'$"),
    ],
)
def test_an_fdr_is_a_fraction(run: Run, tmp_path: Path, fdr: Any, words: str) -> None:
    for ask in (
        run.results,
        run.annotations,
        run.all_annotation_images,
        run.to_anndata,
        lambda fdr: export(run, "csv-pixels", tmp_path / "new" / "out.csv", fdr=fdr),
        lambda fdr: run.results(fdrLevel=fdr),
    ):
        with pytest.raises(InvalidConfig, match=words):
            ask(fdr=fdr)
    assert not (tmp_path / "new").exists()
    single: Any = np.float32(1)  # as good as Python's
    assert len(run.results(fdr=single)) == len(run.results(fdr=1))


def test_an_export_in_percent_is_refused(results: Path, tmp_path: Path, operate: Command) -> None:
    ended = operate("export", results, "--to", "png", "--out", tmp_path / "out", "--fdr", "5")
    words = "error: fdr: expected a fraction from 0 to 1, got 5.0 (5 % is 0.05)\n"
    assert (ended.code, ended.err) == (1, words)


def test_a_negative_number_of_partners_is_refused(run: Run) -> None:
    ion = run.results()["ion"].iloc[0]
    assert len(run.colocalized(ion, n=0)) == 0
    with pytest.raises(InvalidConfig, match="n: expected a whole number of 0 or more, got -1"):
        run.colocalized(ion, n=-1)


def test_an_ion_without_formula_or_adduct_is_refused(run: Run) -> None:
    formula, adduct = run.annotations(1)[0]
    for empty in ("", " "):
        with pytest.raises(InvalidConfig, match="sf: no formula given; write one such as C6H12O6"):
            run.isotope_images(empty, adduct)
        with pytest.raises(InvalidFormula, match=r"adduct: none given; write one such as \+H"):
            run.isotope_images(formula, empty)
    with pytest.raises(InvalidFormula, match=r"adduct: 'H' is none; write one such as \+H, M\+H"):
        run.isotope_images(formula, "H")


def test_adducts_may_be_written_in_every_way(with_losses: Run) -> None:
    table = with_losses.results(fdr=1).drop_duplicates("ion").reset_index()
    for row in records_of(table):
        formula, adduct = row["formula"], row["adduct"]
        parts = {"neutral_loss": row["neutralLoss"], "chem_mod": row["chemMod"]}
        ways = ["[M]+", "M+"] if adduct == "[M]+" else [adduct, f"M{adduct}", f"[M{adduct}]+"]
        for way in ways:
            images = with_losses.isotope_images(formula, way, **parts)
            assert images.adduct == adduct
            assert len(with_losses.results(sumFormula=formula, adduct=way))
    assert [read_adduct(text) for text in ("-H", "M-H", "[M-H]-", "M-", "+NH4")] == [
        *["-H"] * 3,
        "[M]-",
        "+NH4",
    ]


def test_arguments_of_another_type_are_refused_in_a_sentence(run: Run) -> None:
    formula, adduct = run.annotations(1)[0]
    loose: Any = run  # for whoever has no type checker
    refused: list[tuple[Callable[[], object], str]] = [
        (lambda: loose.results(adduct=5), r"adduct: expected text such as \+H, got 5"),
        (
            lambda: loose.isotope_images(formula, None),
            r"adduct: expected text such as \+H, got None",
        ),
        (lambda: loose.isotope_images(5, adduct), "sf: expected text, got 5"),
        (lambda: loose.isotope_images(formula, adduct, neutral_loss=5), "neutral_loss: expected t"),
        (lambda: loose.results(compoundQuery=5), "compoundQuery: expected text, got 5"),
        (lambda: loose.results(mzFilter={"min": "200"}), "mzFilter: 'min' and 'max' are numbers"),
        (lambda: loose.colocalized(formula, n="3"), "n: expected a whole number of 0 .*, got '3'"),
        (
            lambda: loose.colocalized(formula, n=True),
            "n: expected a whole number of 0 .*, got True",
        ),
        (
            lambda: loose.colocalized(formula, n=1e9),
            r"n: expected a whole number .*, got 1000000000",
        ),
        (lambda: loose.isotope_images(None, None), "sf: expected text, got None"),
        (lambda: loose.results(adduct=["+H"]), r"adduct: expected text such as \+H, got \['\+H'\]"),
        (lambda: loose.results(sumFormula=["C6"]), r"sumFormula: expected text, got \['C6'\]"),
        (lambda: loose.results(mzFilter={"min": True}), "mzFilter: 'min' and 'max' are numbers"),
        (lambda: loose.results(fdr=True), "fdr: expected a fraction from 0 to 1, got True"),
        (lambda: loose.results(fdr="0.1"), "fdr: expected a fraction from 0 to 1, got '0.1'"),
    ]
    for ask, words in refused:
        with pytest.raises(InvalidInput, match=words):
            ask()


def test_switches_are_true_or_false(run: Run) -> None:
    formula, adduct = run.annotations(1)[0]
    loose: Any = run  # for whoever has no type checker
    with pytest.raises(InvalidConfig, match=r"only_first_isotope: expected True or .*, got '-H2O'"):
        loose.isotope_images(formula, adduct, "-H2O")
    with pytest.raises(InvalidConfig, match="hotspot_clipping: expected True or False, got 1"):
        loose.isotope_images(formula, adduct, hotspot_clipping=1)
    with pytest.raises(InvalidConfig, match="only_first_isotope: expected True or False, got 0"):
        loose.all_annotation_images(only_first_isotope=0)
    for name in ("hasChemMod", "hasNeutralLoss", "include_chem_mods", "include_neutral_losses"):
        with pytest.raises(InvalidConfig, match=f"{name}: expected True or False, got 'no'"):
            loose.results(**{name: "no"})
        assert loose.results(**{name: None}).equals(loose.results())
    assert len(loose.isotope_images(formula, adduct, np.True_)) == 1


def test_what_a_run_hands_out_can_be_changed_without_changing_the_run(run: Run) -> None:
    for facts in (run.config, run.metadata, run.record["config"]):
        facts["adducts"] = facts["mz_min"] = None
    run.config["adducts"].append("+Li")
    run.record["databases"].clear()
    run.adducts.clear()
    assert run.adducts == run.config["adducts"] == ["+H", "+Na", "+K"]
    assert run.databases == ["acids", "waxes"]
    with pytest.raises(ValueError, match="read-only"):
        run.mask[0, 0] = False
    run.mask.copy()[0, 0] = False


def test_clipped_images_from_0_to_1_reach_1(run: Run) -> None:
    formula, adduct = run.annotations(1)[0]
    images = run.isotope_images(formula, adduct, scale_intensity=False, hotspot_clipping=True)
    assert images[0].max() == 1


def test_images_may_be_divided_by_another(run: Run) -> None:
    formula, adduct = run.annotations(1)[0]
    by_name = run.isotope_images(formula, adduct, scale_intensity="TIC")
    by_image = run.isotope_images(formula, adduct, scale_intensity=run.tic_image())
    np.testing.assert_array_equal(np.stack(list(by_name)), np.stack(list(by_image)))
    with pytest.raises(
        InvalidConfig, match=r"expected an image of \(12, 16\), got one of \(2, 2\)"
    ):
        run.isotope_images(formula, adduct, scale_intensity=np.ones((2, 2)))


# --- the module ---


def test_ionbox_shows_its_public_names_only() -> None:
    code = (
        "import ionbox;"
        "print([name for name in dir(ionbox) if not name.startswith('__')], ionbox.__version__)"
    )
    ended = patience.run([sys.executable, "-c", code])
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == f"['Inbox', 'IsotopeImages', 'Run', 'errors', 'open'] {__version__}\n"
    ionbox.open  # noqa: B018 (imports a module into the package)
    assert {name for name in dir(ionbox) if not name.startswith("__")} == {
        *{"Inbox", "IsotopeImages", "Run", "errors", "open"}
    }
