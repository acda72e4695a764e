"""Why an ion is annotated in a run, or why not: the questions the run asked, one by one.

Is the formula in the database, and is its ion among those looked for? Does its isotope pattern lie
in the measured m/z range? Are there peaks in its windows? Is a metric zero? How does it rank, and
which decoys score at least as high?

In: the ion, and what a finished run stored (`ionbox_science.annotation.explanations`). Out: an
`Explanation`, whose verdict is the first answer that speaks against the ion. Asked by ``ionbox
why`` and the view of results.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from ionbox_science.annotation.annotations import msm_by_ion, rank_targets
from ionbox_science.annotation.explanations import (
    AskedIon,
    Explanation,
    Finding,
    Float64s,
    MeasuredIon,
    MeasureIon,
    ScoredDatabase,
)
from ionbox_science.annotation.table import format_ion
from ionbox_science.config import RunConfig
from ionbox_science.errors import InvalidFormula
from ionbox_science.scoring.learned_score import rank_by
from ionbox_science.scoring.scores import IonScores
from ionbox_science.scoring.targeted import is_targeted
from ionbox_science.setting_table import MSM
from ionbox_science.theory.formulas import build_ion_formula, parse_formula
from ionbox_science.theory.ions import NO_ION, IonTable
from ionbox_science.theory.isotope_patterns import generate_patterns

METRICS = ("spectral", "spatial", "chaos")
"""In the order in which they are computed: a decoy's next one only if the last is not zero."""

_AS_IN_TABLE = ("spatial", "spectral", "chaos")
"""In the order of the columns of ``annotations.csv``."""

_MEANINGS = {
    "spectral": "the intensities of its isotope images do not follow the theoretical pattern",
    "spatial": "its isotope images do not look like the first one",
    "chaos": "its first isotope image looks like noise, not like an object",
}

_LONE_PIXEL = "its first isotope image has a single pixel, and nothing to compare it by"

_NAMED_DECOYS = 10
_DECOYS_IN_SENTENCE = 3


def explain(
    asked: AskedIon,
    database: ScoredDatabase,
    config: RunConfig,
    mz_range: tuple[float, float] | None = None,
    measure: MeasureIon | None = None,
) -> Explanation:
    """Say why an ion is annotated in a run or why not.

    Parameters
    ----------
    asked : AskedIon
        The ion.
    database : ScoredDatabase
        What the run found out about a database.
    config : RunConfig
        Config of the run.
    mz_range : (float, float), optional
        Lowest and highest measured m/z.
    measure : MeasureIon, optional
        Counts and scores the ion in the dataset's peaks, where these are still there.

    Raises
    ------
    ReferenceMissing
        If the ion's pattern hangs on the last digits and cpyMSpec is not installed to decide.
    """
    return _Inquiry(asked, database, config, mz_range, measure).answer()


@dataclass
class _Inquiry:
    """Asks one question after the other; the first answer against the ion is the verdict."""

    asked: AskedIon
    database: ScoredDatabase
    config: RunConfig
    mz_range: tuple[float, float] | None
    measure: MeasureIon | None
    findings: list[Finding] = field(default_factory=list)

    @property
    def _score(self) -> str:
        """What ions are ranked by, as people say."""
        return "MSM" if self.config.scoring == MSM else self.config.scoring

    @property
    def _ion(self) -> str:
        asked, sign = self.asked, "+" if self.config.polarity == "positive" else "-"
        return format_ion(asked.formula, asked.chem_mod, asked.neutral_loss, asked.adduct, sign)

    def answer(self) -> Explanation:
        row, column = self._find_formula(), self._find_kind()
        known = Explanation(self._ion, self.database.name, False, "", ())
        known = self._look_at_pattern(known)
        if known.mz:
            known = self._look_at_data(known, row, column)
        if column is not None and known.metrics.get("msm"):
            known = self._look_at_ranking(known, row, column)
        return replace(known, verdict=self._conclude(known), findings=tuple(self.findings))

    def _note(self, topic: str, holds: bool | None, sentence: str) -> None:
        self.findings.append(Finding(topic, holds, sentence))

    # --- was it looked for? ---

    def _find_formula(self) -> int | None:
        table, name = self.database.table, self.database.name
        row = find_formula(table, self.asked.formula)
        size = _count(len(table.formulas), "formula")
        formula = self.asked.formula
        if row is None:
            self._note("database", False, f"{formula} is not in database {name} ({size})")
            return None
        spelling = str(table.formulas[row])
        also = "" if spelling == formula else f", written {spelling}"
        self._note("database", True, f"{formula} is in database {name} ({size}){also}")
        self.asked = replace(self.asked, formula=spelling)
        if is_targeted(self.config.targeted, len(table.formulas)):
            sentence = f"{name} is a targeted database: its ions are in the table, found or not"
            self._note("targeted", None, sentence)
        return row

    def _find_kind(self) -> int | None:
        parts = [tuple(part) for part in self.database.table.target_parts.tolist()]
        asked = self.asked
        wanted = (asked.chem_mod, asked.neutral_loss, asked.adduct)
        same = [
            part for part in parts if AskedIon("", part[2], part[1], part[0]).kind == asked.kind
        ]
        if wanted not in parts and same:  # M-H2O+H, given as an adduct
            wanted = same[0]
            chem_mod, loss, adduct = wanted
            self.asked = AskedIon(asked.formula, adduct, loss, chem_mod)
        if wanted in parts:
            self._note("ion rule", True, f"the run looked for {self.asked.kind}")
            return parts.index(wanted)
        kinds = ", ".join(AskedIon("", part[2], part[1], part[0]).kind for part in parts)
        self._note("ion rule", False, f"the run did not look for {asked.kind}, only for {kinds}")
        return None

    # --- what it should look like ---

    def _look_at_pattern(self, known: Explanation) -> Explanation:
        known = replace(known, ion=self._ion)
        try:
            ion_formula = build_ion_formula(self.asked.formula, self.asked.modifier)
        except InvalidFormula as error:
            self._note("ion", False, str(error))
            return known
        mz, abundance = generate_patterns([ion_formula], self.config.isotope_model)
        real = mz[0] > 0
        if not real.any():
            self._note("pattern", False, f"{ion_formula} has no isotope pattern")
            return known
        listed = ", ".join(f"{peak:.4f}" for peak in mz[0][real])
        self._note("pattern", True, f"{ion_formula} has its isotope peaks at m/z {listed}")
        if self.mz_range is not None:
            lowest, highest = self.mz_range
            inside = (mz[0][real] > lowest) & (mz[0][real] < highest)
            lies = (
                "lies in" if inside.all() else "lies partly in" if inside.any() else "is outside of"
            )
            sentence = f"its pattern {lies} the measured range, m/z {lowest:.4f} to {highest:.4f}"
            self._note("m/z range", bool(inside.any()), sentence)
        return replace(known, mz=mz[0].tolist(), abundance=abundance[0].tolist())

    # --- what was measured ---

    def _look_at_data(self, known: Explanation, row: int | None, column: int | None) -> Explanation:
        measured = self._measure(known)
        if measured is not None:
            known = replace(known, n_peaks=measured.n_peaks, n_pixels=measured.n_pixels)
            self._judge_counts(measured, known.mz)
        ion = self._ion_number(row, column)
        looked_for = ion is not None
        if ion is not None:
            scores = self._scores_of(ion)
        elif measured is not None:
            scores = rank_by(measured.scores, self.config.scoring)
        else:
            return known
        if not (scores.total_intensity[:, 0] > 0).any():  # no row, or that of a silent ion
            if measured is None:
                self._note("peaks", False, "no peaks lie in its first isotope window")
            return known
        if measured is None:
            self._judge_images(scores)
        metrics = {name: float(getattr(scores, name)[0]) for name in (*METRICS, "msm")}
        known = replace(known, metrics=metrics)
        self._judge_metrics(known, scores, looked_for=looked_for)
        return known

    def _measure(self, known: Explanation) -> MeasuredIon | None:
        if self.measure is None:
            return None
        return self.measure(np.array(known.mz), np.array(known.abundance, np.float32))

    def _ion_number(self, row: int | None, column: int | None) -> int | None:
        if row is None or column is None:
            return None
        ion = int(self.database.table.target_ion[row, column])
        return None if ion == NO_ION else ion

    def _scores_of(self, ion: int) -> IonScores:
        return self.database.scores.take(np.flatnonzero(self.database.scores.ion == ion))

    def _judge_counts(self, measured: MeasuredIon, mz: list[float]) -> None:
        n_real = sum(peak > 0 for peak in mz)
        counts = ", ".join(f"{count:,}" for count in measured.n_pixels[:n_real])
        window = f"within {self.config.ppm:g} ppm of its {_count(n_real, 'isotope peak')}"
        first, least = measured.n_peaks[0], max(self.config.min_px, 1)
        if first == 0:
            sentence = f"no pixel has a peak within {self.config.ppm:g} ppm of its first isotope"
            sentence += f" peak; pixels with peaks {window}: {counts}"
        elif first < least:
            had = _count(first, "peak")
            sentence = f"its first isotope image has {had}, fewer than min_px {least}"
        else:
            sentence = f"pixels with peaks {window}: {counts}"
        self._note("peaks", first >= least, sentence)

    def _judge_images(self, scores: IonScores) -> None:
        found = scores.total_intensity[0] > 0
        empty = [str(index + 1) for index in np.flatnonzero(~found).tolist()]
        which = f"; of isotope {', '.join(empty)} none" if empty else ""
        n_images = _count(int(found.sum()), "isotope image")
        self._note("peaks", True, f"peaks were found for {n_images}{which}")

    def _judge_metrics(self, known: Explanation, scores: IonScores, *, looked_for: bool) -> None:
        metrics = known.metrics
        listed = ", ".join(f"{name} {metrics[name]:.3g}" for name in _AS_IN_TABLE)
        zero = next((name for name in METRICS if metrics[name] == 0), None)
        if zero is not None:
            lone = scores.max_intensity[0, 0] == scores.total_intensity[0, 0]
            meaning = _LONE_PIXEL if lone and zero != "spectral" else _MEANINGS[zero]
            sentence = f"its {zero} metric is 0: {meaning} ({listed})"
        else:
            product = float((scores.chaos * scores.spatial * scores.spectral)[0])
            sentence = f"MSM {product:.3g} = {listed.replace(', ', ' × ')}"
            if self.config.scoring != MSM:
                sentence = f"{self._score} {metrics['msm']:.3g}; {sentence}"
        if not looked_for:
            sentence += "; computed now, the run did not look for it"
        self._note("metrics", zero is None, sentence)

    # --- how it ranks ---

    def _look_at_ranking(self, known: Explanation, row: int | None, column: int) -> Explanation:
        database, kind = self.database, self.asked.kind
        msm = known.metrics["msm"]
        of_ion = msm_by_ion(database.table, database.scores)
        targets = of_ion[database.table.target_ion[:, column]]
        rank = 1 + int(np.count_nonzero(targets > msm))
        n_found = int(np.count_nonzero(targets > 0))
        looked_for = self._ion_number(row, column) is not None
        would = "ranks" if looked_for else "would rank"
        sentence = f"by {self._score} it {would} {rank:,} of {n_found:,} {kind} ions found"
        self._note("rank", True, sentence)
        decoys = of_ion[database.table.decoy_ion[:, column]]
        n_better = int(np.count_nonzero(decoys >= msm))
        best = self._name_decoys(decoys, column, msm)
        self._note("decoys", None, _describe_decoys(n_better, decoys.shape, best))
        known = replace(known, rank=rank, n_ranked=n_found, n_decoys=n_better, decoys=best)
        if row is None or not looked_for:
            return known
        fdr = float(database.fdr[row, column])
        if fdr < 1:
            self._note("fdr", True, f"its FDR is {fdr:.2%}, so it is in the table")
        elif (alone := self._fdr_alone(row, column)) < 1:
            sentence = "another annotation explains its peaks: the column explainedBy says which; "
            sentence += f"without competition its FDR would be {alone:.2%}"
            self._note("competition", False, sentence)
        else:
            self._note("fdr", False, "its FDR is 100%: decoys score as high as often as targets")
        return replace(known, fdr=fdr, annotated=fdr < 1)

    def _fdr_alone(self, row: int, column: int) -> float:
        """Return the FDR without competition, 1 if the run had none."""
        if not self.config.competition:
            return 1.0
        database = self.database
        ranked = rank_targets(database.table, database.scores, self.config.fdr_method)
        return float(ranked.fdr[row, column])

    def _name_decoys(self, decoys: Float64s, column: int, msm: float) -> list[tuple[str, float]]:
        table = self.database.table
        flat = decoys.ravel()
        better = np.flatnonzero(flat >= msm)
        better = better[np.argsort(-flat[better], kind="stable")][:_NAMED_DECOYS]
        rows, draws = np.divmod(better, decoys.shape[1])
        modifiers = table.modifiers[table.decoy_modifier[rows, column, draws]].tolist()
        sign = self._ion[-1]
        names = zip(table.formulas[rows].tolist(), modifiers, flat[better].tolist(), strict=True)
        return [(f"{formula}{modifier}{sign}", score) for formula, modifier, score in names]

    # --- the verdict ---

    def _conclude(self, known: Explanation) -> str:
        if known.annotated and known.fdr is not None:
            score = f"{self._score} {known.metrics['msm']:.3g}"
            return (
                f"{known.ion} is annotated with {self.database.name} at an FDR of {known.fdr:.2%}: "
                f"{score}, rank {known.rank:,} of {known.n_ranked:,}"
            )
        reason = next((found.sentence for found in self.findings if found.holds is False), "")
        if not reason:
            reason = "nothing is left of the data to say more"
        return f"{known.ion} is not annotated with {self.database.name}: {reason}"


def find_formula(table: IonTable, formula: str) -> int | None:
    """Return the row of a formula in a table of ions, in whatever order its atoms are written.

    None if there is none; of several that are written differently, the one written like it.

    Raises
    ------
    InvalidFormula
        If the formula cannot be read.
    """
    counts = parse_formula(formula)
    elements = table.elements.tolist()
    if not set(counts) <= set(elements):
        return None
    wanted: npt.NDArray[np.int32] = np.array([counts.get(e, 0) for e in elements], np.int32)
    (rows,) = (table.formula_counts == wanted).all(axis=1).nonzero()
    exact = [row for row in rows.tolist() if table.formulas[row] == formula]
    return next(iter([*exact, *rows.tolist()]), None)


def _describe_decoys(n_better: int, shape: tuple[int, ...], best: list[tuple[str, float]]) -> str:
    n_draws = shape[1]
    if not n_better:
        return f"none of the {shape[0] * n_draws:,} decoys drawn scores as high"
    named = ", ".join(f"{ion} {msm:.3g}" for ion, msm in best[:_DECOYS_IN_SENTENCE])
    return (
        f"{n_better:,} of the {shape[0] * n_draws:,} decoys drawn "
        f"{'scores' if n_better == 1 else 'score'} as high "
        f"({n_better / n_draws:.3g} per draw); best: {named}"
    )


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
