"""Why an ion is annotated or not: a planted case for each answer."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from ionbox_science.annotation.explanations import (
    AskedIon,
    Explanation,
    MeasuredIon,
    ScoredDatabase,
    measure_ion,
    parse_ion,
)
from ionbox_science.annotation.why import explain, find_formula
from ionbox_science.config import RunConfig
from ionbox_science.errors import InvalidFormula
from ionbox_science.scoring.learned_score import rank_by
from ionbox_science.scoring.options import ImageOptions
from ionbox_science.scoring.scores import lie_inside
from ionbox_science.scoring.targeted import add_silent_ions
from ionbox_science.theory.formulas import build_ion_formula
from ionbox_science.theory.ion_rule import IonRule
from ionbox_science.theory.isotope_patterns import generate_patterns

from tests.builders import (
    ORBITRAP,
    Dataset,
    ScoredIons,
    annotate,
    build_grid,
    draw_blob,
    join_peaks,
    plant_ion,
)

HEIGHT, WIDTH = 16, 20
FORMULAS = (
    "C10H18O2",
    "C12H22O2",
    "C14H26O2",
    "C16H30O2",
    "C18H34O2",
    "C20H38O2",
    "H2O",
    "C90H180O2",
)
CONFIG = RunConfig(
    "positive", ORBITRAP.analyzer, ORBITRAP.sigma, ("+H", "+Na"), ("-H2O",), decoys=4
)
GOOD, LONE, FLAT, NOISE = "C10H18O2", "C12H22O2", "C14H26O2", "C16H30O2"
ABSENT, FAR, SMALL = "C18H34O2", "C90H180O2", "H2O"


def pattern_of(formula: str, modifier: str = "+H") -> tuple[list[float], list[float]]:
    mz, abundance = generate_patterns([build_ion_formula(formula, modifier)], ORBITRAP)
    return mz[0].tolist(), abundance[0].tolist()


@cache
def dataset() -> Dataset:
    """An annotated ion; one with its first isotope only; a wrong pattern; noise."""
    blob = np.floor(draw_blob(HEIGHT, WIDTH, 8, 10, 6))
    random = np.random.RandomState(1)
    scattered = np.zeros((HEIGHT, WIDTH))
    scattered[::4, ::4] = 500  # no pixel touches another: no object at any level
    mz, abundance = pattern_of(LONE)
    flat_mz, _ = pattern_of(FLAT)
    parts = [
        plant_ion(pattern_of(GOOD), blob),
        plant_ion((mz[:1], abundance[:1]), blob),
        plant_ion((flat_mz[:1], [100]), blob),
        plant_ion((flat_mz[1:2], [100]), np.floor(draw_blob(HEIGHT, WIDTH, 2, 2, 3))),
        plant_ion(pattern_of(NOISE), scattered),
        plant_ion(([60.0, 900.0], [100, 100]), random.randint(1, 5, (HEIGHT, WIDTH))),
    ]
    return Dataset(join_peaks(parts), build_grid(HEIGHT, WIDTH))


@cache
def run() -> ScoredIons:
    return annotate(dataset(), FORMULAS, CONFIG.ion_rule)


def database(of: ScoredIons | None = None) -> ScoredDatabase:
    of = of or run()
    return ScoredDatabase("acids", of.table, of.scores, of.ranked.fdr)


def measure(
    mz: np.ndarray, abundance: np.ndarray, options: ImageOptions | None = None
) -> MeasuredIon:
    options = options or ImageOptions()
    there = dataset()
    return measure_ion(there.peaks, mz, abundance, there.grid, options, there.mz_range)


def ask(formula: str, adduct: str = "+H", *, data: bool = True, **more: str) -> Explanation:
    asked = parse_ion(formula, adduct, **more)
    answer = explain(asked, database(), CONFIG, dataset().mz_range, measure if data else None)
    assert json.loads(json.dumps(answer.to_json(), allow_nan=False))["verdict"] == answer.verdict
    return answer


def holds(answer: Explanation) -> dict[str, bool | None]:
    return {finding.topic: finding.holds for finding in answer.findings}


def test_a_learned_score_is_named_beside_msm() -> None:
    config = replace(CONFIG, scoring="metaspace-ml-animal")
    of = replace(run(), scores=rank_by(run().scores, config.scoring))
    asked = parse_ion(GOOD, "+H")
    answer = explain(asked, database(of), config, dataset().mz_range, measure)
    (score,) = rank_by(run().scores.take(run().scores.ion == _ion_of(of)), config.scoring).msm
    assert answer.metrics["msm"] == score
    assert f": metaspace-ml-animal {score:.3g}, rank 1 of " in answer.verdict
    sentences = {finding.topic: finding.sentence for finding in answer.findings}
    assert sentences["metrics"].startswith(f"metaspace-ml-animal {score:.3g}; MSM 0.")
    assert sentences["rank"].startswith("by metaspace-ml-animal it ranks 1 of ")


def test_an_ion_that_was_not_looked_for_gets_the_learned_score_as_well() -> None:
    config = replace(CONFIG, scoring="metaspace-ml-animal")
    of = replace(run(), scores=rank_by(run().scores, config.scoring))
    answer = explain(
        parse_ion(GOOD, "+K"), database(of), config, dataset().mz_range, lambda *_: _measured()
    )
    assert answer.metrics["msm"] == rank_by(_measured().scores, config.scoring).msm[0]


def _ion_of(of: ScoredIons) -> int:
    return int(of.table.target_ion[list(of.table.formulas).index(GOOD), 0])


def _measured() -> MeasuredIon:
    mz, abundance = pattern_of(GOOD)
    return measure(np.array(mz), np.array(abundance, np.float32))


@pytest.mark.parametrize("data", [True, False])
def test_an_annotated_ion(data: bool) -> None:
    answer = ask(GOOD, data=data)
    assert answer.annotated
    assert answer.verdict.startswith("C10H18O2+H+ is annotated with acids at an FDR of ")
    assert answer.rank == 1
    assert answer.fdr is not None and answer.fdr < 1
    assert set(holds(answer).values()) <= {True, None}
    assert all(answer.metrics[name] > 0.5 for name in ("spectral", "spatial", "chaos", "msm"))
    assert (answer.n_pixels is not None) == data


def test_pixels_are_counted_per_isotope_window() -> None:
    answer = ask(GOOD)
    n_blob = int(np.count_nonzero(np.floor(draw_blob(HEIGHT, WIDTH, 8, 10, 6))))
    assert answer.n_pixels == answer.n_peaks
    assert answer.n_pixels is not None
    assert answer.n_pixels[0] == n_blob


def test_a_formula_that_is_not_in_the_database_is_scored_all_the_same() -> None:
    table = annotate(dataset(), FORMULAS[1:], CONFIG.ion_rule)
    asked = AskedIon(GOOD, "+H")
    answer = explain(asked, database(table), CONFIG, dataset().mz_range, measure)
    assert not answer.annotated
    assert answer.verdict == (
        "C10H18O2+H+ is not annotated with acids: C10H18O2 is not in database acids (7 formulas)"
    )
    assert answer.metrics["msm"] > 0.5
    assert answer.fdr is None
    sentences = [finding.sentence for finding in answer.findings]
    assert any(
        sentence.endswith("computed now, the run did not look for it") for sentence in sentences
    )
    assert any(sentence.startswith("by MSM it would rank 1 of ") for sentence in sentences)


def test_atoms_may_be_written_in_any_order() -> None:
    answer = ask("O2H18C10")
    assert answer.annotated
    assert answer.ion == "C10H18O2+H+"
    assert find_formula(run().table, "CU") is None


@pytest.mark.parametrize("formula", [GOOD, "C77H2"])
def test_a_database_may_have_any_name(formula: str) -> None:
    named = replace(database(), name="100 % lipids {0} %s")
    answer = explain(AskedIon(formula, "+H"), named, CONFIG)
    found = "is in" if formula == GOOD else "is not in"
    assert answer.findings[0].sentence == (
        f"{formula} {found} database 100 % lipids {{0}} %s (8 formulas)"
    )


def test_an_adduct_that_was_not_looked_for() -> None:
    answer = ask(GOOD, "+NH4")
    assert holds(answer)["ion rule"] is False
    assert answer.verdict.endswith(
        "the run did not look for M+NH4, only for M+H, M+Na, M-H2O+H, M-H2O+Na"
    )


@pytest.mark.parametrize("adduct", ["-H2O+H", "M-H2O+H", "[M-H2O+H]+"])
def test_a_loss_may_be_written_with_the_adduct(adduct: str) -> None:
    assert ask(GOOD, adduct).ion == ask(GOOD, "+H", neutral_loss="-H2O").ion == "C10H18O2-H2O+H+"


def test_a_molecule_that_cannot_form_the_ion() -> None:
    only = annotate(dataset(), ("C10H18", *FORMULAS), CONFIG.ion_rule)
    asked = AskedIon("C10H18", "+H", "-H2O")
    answer = explain(asked, database(only), CONFIG, dataset().mz_range, measure)
    assert answer.verdict.endswith("'C10H18' has too few O for '-H2O+H'")


def test_a_pattern_outside_of_what_was_measured() -> None:
    answer = ask(FAR)
    assert holds(answer)["m/z range"] is False
    outside = "its pattern is outside of the measured range, m/z 60.0000 to 900.0000"
    assert answer.verdict == f"C90H180O2+H+ is not annotated with acids: {outside}"
    assert holds(ask(SMALL))["m/z range"] is False


def test_a_pattern_that_is_cut_by_the_end_of_the_measured_range() -> None:
    first, *_ = pattern_of(GOOD)[0]
    answer = explain(AskedIon(GOOD, "+H"), database(), CONFIG, (60.0, first + 0.5), measure)
    assert holds(answer)["m/z range"] is True
    (said,) = [each.sentence for each in answer.findings if each.topic == "m/z range"]
    assert said.startswith("its pattern lies partly in the measured range, m/z 60.0000 to 171.")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (True, "no pixel has a peak within 3 ppm of its first isotope peak"),
        (False, "no peaks lie in its first isotope window"),
    ],
)
def test_no_peaks(data: bool, words: str) -> None:
    answer = ask(ABSENT, data=data)
    assert holds(answer)["peaks"] is False
    assert words in answer.verdict


@pytest.mark.parametrize("formula", [GOOD, ABSENT, LONE, FAR])
@pytest.mark.parametrize("data", [True, False])
def test_ions_of_a_targeted_database_get_the_same_answers(formula: str, data: bool) -> None:
    config, of = replace(CONFIG, targeted="auto"), run()
    every = add_silent_ions(
        of.scores, of.patterns.mz, lie_inside(of.patterns.mz, dataset().mz_range)
    )
    kept = ScoredDatabase("acids", of.table, every, of.ranked.fdr)
    mz_range, asked = dataset().mz_range, AskedIon(formula, "+H")
    answer = explain(asked, kept, config, mz_range, measure if data else None)
    usual = ask(formula, data=data)
    assert (answer.verdict, answer.metrics) == (usual.verdict, usual.metrics)
    (said,) = (each for each in answer.findings if each.topic == "targeted")
    assert said.sentence == "acids is a targeted database: its ions are in the table, found or not"


def test_fewer_peaks_than_an_image_needs() -> None:
    config = replace(CONFIG, min_px=10_000)
    few = annotate(dataset(), FORMULAS, CONFIG.ion_rule, options=config.image_options)
    answer = explain(AskedIon(GOOD, "+H"), database(few), config, dataset().mz_range, measure)
    assert "peaks, fewer than min_px 10000" in answer.verdict


@pytest.mark.parametrize("data", [True, False])
def test_a_metric_that_is_zero(data: bool) -> None:
    lone = ask(LONE, data=data)
    zero = next(name for name in ("spectral", "spatial", "chaos") if lone.metrics[name] == 0)
    assert f"its {zero} metric is 0: " in lone.verdict
    noise = ask(NOISE, data=data)
    assert noise.metrics["chaos"] == 0
    assert "its chaos metric is 0: its first isotope image looks like noise" in noise.verdict
    assert holds(noise)["metrics"] is False


@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH), (1, 1)])
@pytest.mark.parametrize("data", [True, False])
def test_an_image_of_one_pixel_is_too_little_to_compare(shape: tuple[int, int], data: bool) -> None:
    lone = np.zeros(shape)
    lone[shape[0] // 2, shape[1] // 2] = 1000
    background = plant_ion(([60.0, 900.0], [100, 100]), np.ones(shape))
    peaks = join_peaks([plant_ion(pattern_of(GOOD), lone), background])
    there = Dataset(peaks, build_grid(*shape))
    of = annotate(there, (GOOD,), CONFIG.ion_rule)

    def measure_there(mz: np.ndarray, abundance: np.ndarray) -> MeasuredIon:
        return measure_ion(peaks, mz, abundance, there.grid, ImageOptions(), there.mz_range)

    measure = measure_there if data else None
    answer = explain(AskedIon(GOOD, "+H"), database(of), CONFIG, there.mz_range, measure)
    assert answer.verdict == (
        "C10H18O2+H+ is not annotated with acids: its spatial metric is 0: its first isotope image "
        "has a single pixel, and nothing to compare it by (spatial 0, spectral 1, chaos 0)"
    )
    assert answer.findings[0].sentence == "C10H18O2 is in database acids (1 formula)"


def test_one_peak_is_no_plural() -> None:
    config = replace(CONFIG, min_px=2)
    absent = AskedIon(ABSENT, "+H")

    def measure_one(mz: np.ndarray, abundance: np.ndarray) -> MeasuredIon:
        return replace(measure(mz, abundance, config.image_options), n_peaks=[1, 0, 0, 0])

    answer = explain(absent, database(), config, dataset().mz_range, measure_one)
    assert answer.verdict.endswith("its first isotope image has 1 peak, fewer than min_px 2")


def test_without_data_the_images_that_are_empty_are_named() -> None:
    answer = ask(LONE, data=False)
    (peaks,) = [finding.sentence for finding in answer.findings if finding.topic == "peaks"]
    assert peaks == "peaks were found for 1 isotope image; of isotope 2, 3, 4 none"
    assert answer.n_pixels is None


def test_decoys_that_score_as_high_are_named_and_an_fdr_of_one_is_said() -> None:
    table = run().table
    row, column = find_formula(table, GOOD), 0
    assert row is not None
    decoy = int(table.decoy_ion[row, column, 0])
    better = replace(run().scores, **_with(run(), decoy, 1.0))
    outscored = ScoredDatabase("acids", table, better, np.ones_like(run().ranked.fdr))
    alone = replace(CONFIG, competition=False)
    answer = explain(AskedIon(GOOD, "+H"), outscored, alone, dataset().mz_range, measure)
    modifier = table.modifiers[table.decoy_modifier[row, column, 0]]
    assert answer.decoys[0] == (f"{GOOD}{modifier}+", 1.0)
    assert answer.n_decoys == 1
    assert not answer.annotated
    assert answer.fdr == 1
    assert "its FDR is 100%: decoys score as high as often as targets" in answer.verdict


def _with(of: ScoredIons, ion: int, msm: float) -> dict[str, np.ndarray]:
    """Scores with one ion more; its other columns are copies of the first."""
    arrays = of.scores.to_arrays()
    more = {name: np.concatenate([column, column[:1]]) for name, column in arrays.items()}
    more["ion"][-1], more["msm"][-1] = ion, msm
    return more


@pytest.mark.parametrize(
    ("formula", "adduct", "words"),
    [
        ("C6H12Q6", "+H", "'Q' is not an element"),
        ("", "+H", "no formula given; write that of the molecule, such as C6H12O6"),
        (" ", "+H", "no formula given"),
        ("c6h12o6", "+H", "cannot read 'c6h12o6'; write elements as C, H, Na"),
        ("C6H12O6", "", "adduct: none given; write one such as"),
        ("C6H12O6", "H", "adduct: 'H' is none; write one such as"),
        ("C999999999999H4", "+H", "'C999999999999H4': more atoms of C than 1,000,000"),
        ("CH4", "+C999999999999", "more atoms of C than 1,000,000"),
    ],
)
def test_what_cannot_be_read_is_refused(formula: str, adduct: str, words: str) -> None:
    with pytest.raises(InvalidFormula, match=words):
        parse_ion(formula, adduct)


@pytest.mark.parametrize("adduct", ["[M]+", "M+", " M+ "])
def test_the_loss_of_an_electron_is_read_as_people_write_it(adduct: str) -> None:
    assert parse_ion(GOOD, adduct).adduct == "[M]+"
    assert parse_ion(GOOD, "[M-H]-").adduct == parse_ion(GOOD, "M-H").adduct == "-H"


def test_ions_of_an_electron_less() -> None:
    rule = IonRule(("[M]+",), n_decoys=2)
    config = replace(CONFIG, adducts=("[M]+",), neutral_losses=(), decoys=2)
    made = annotate(dataset(), FORMULAS, rule)
    answer = explain(parse_ion(GOOD, "[M]+"), database(made), config)
    assert answer.ion == "C10H18O2+"
    assert holds(answer)["ion rule"] is True


def test_an_ion_that_lost_its_claim_is_said_to_be_explained() -> None:
    lost = ScoredDatabase("acids", run().table, run().scores, np.ones_like(run().ranked.fdr))
    answer = explain(AskedIon(GOOD, "+H"), lost, CONFIG, dataset().mz_range, measure)
    assert not answer.annotated
    fdr = run().ranked.fdr[find_formula(run().table, GOOD), 0]
    assert "another annotation explains its peaks" in answer.verdict
    assert f"without competition its FDR would be {fdr:.2%}" in answer.verdict
    assert answer.findings[-1].topic == "competition"
