"""What there is to do in a run, counted before any of it is done."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ionbox_science.theory.ion_rule import IonRule

from ionbox_cloud.planning.rate_table import Rates
from ionbox_cloud.planning.work_items import SORT_RANGE_BYTES
from ionbox_cloud.run_plan import RunPlan


@dataclass(frozen=True)
class DatabaseCounts:
    """Rows of a database, its different formulas, and the ions that they make."""

    n_molecules: int
    n_formulas: int
    n_ions: int


@dataclass(frozen=True)
class RunCounts:
    """What a run is about, in numbers.

    Attributes
    ----------
    imzml_bytes, ibd_bytes : int
        Sizes of the files.
    n_spectra, n_peaks, n_pixels : int
        As the imzML declares them, and pixels of an image.
    peak_bytes : int
        Bytes of a peak as columns.
    n_segments, n_spans : int
        As planned; spans are 0 unless many calls sort the dataset.
    databases : tuple of DatabaseCounts
        In the order of the request.
    n_targets : int
        Formulas times modifiers that are looked for, of all databases.
    n_isotopes : int
        Images per ion.
    ppm : float
        Half width of an m/z window.
    n_annotated : int
        Ions expected to be found and drawn.
    reads_checksum : bool
        Whether a call of its own reads the ibd for its checksum, if many calls sort it.
    """

    imzml_bytes: int
    ibd_bytes: int
    n_spectra: int
    n_peaks: int
    n_pixels: int
    peak_bytes: int
    n_segments: int
    n_spans: int
    databases: tuple[DatabaseCounts, ...]
    n_targets: int
    n_isotopes: int
    ppm: float
    n_annotated: int
    reads_checksum: bool = True

    @property
    def n_ranges(self) -> int:
        """Ranges of m/z that one call sorts one after the other, if one call sorts all."""
        return max(1, -(-self.n_peaks * self.peak_bytes // SORT_RANGE_BYTES))

    @property
    def n_ions(self) -> int:
        """Ions of all databases."""
        return sum(database.n_ions for database in self.databases)

    @property
    def n_molecules(self) -> int:
        """Rows of all databases."""
        return sum(database.n_molecules for database in self.databases)

    def peaks_per_window(self, rates: Rates) -> float:
        """Return how many peaks one m/z window holds, if ions lie where peaks do."""
        return self.n_peaks * 2 * self.ppm * 1e-6 * rates.window_spread


def ions_per_formula(rule: IonRule) -> float:
    """Return how many ions a formula makes: its targets, and what different decoys are drawn.

    Draws of one formula may be the same: of C candidates, d in each of k draws, so many are drawn
    at least once as C (1 - (1 - d/C)^k).
    """
    n_targets, n_candidates = len(rule.target_parts()), len(rule.decoy_candidates())
    n_prefixes = n_targets // len(rule.adducts)
    n_draws = 1 if rule.decoy_rule == "per-formula" else len(rule.adducts)
    share = min(1.0, rule.n_decoys / n_candidates)
    return n_targets + n_prefixes * n_candidates * (1 - (1 - share) ** n_draws)


def expect_annotated(n_targets: int, rates: Rates) -> int:
    """Return how many ions will be drawn, of so many that are looked for: a guess."""
    found = rates.annotated_per_root * math.sqrt(n_targets)
    return round(min(found, n_targets, rates.most_annotated))


def count_run(
    plan: RunPlan,
    rates: Rates,
    *,
    imzml_bytes: int,
    n_formulas: Sequence[int],
    n_annotated: int | None = None,
    reads_checksum: bool = True,
) -> RunCounts:
    """Count what a planned run does.

    Parameters
    ----------
    plan : RunPlan
        Its plan.
    rates : Rates
        How many ions are usually found.
    imzml_bytes : int
        Size of the imzML.
    n_formulas : sequence of int
        Different formulas of each database of the plan.
    n_annotated : int, optional
        Ions that are drawn, if it is known.
    reads_checksum : bool
        Whether the ibd has to be read for its checksum.
    """
    rule = plan.config.ion_rule
    per_formula = ions_per_formula(rule)
    databases = tuple(
        DatabaseCounts(planned.n_molecules, n, round(n * per_formula))
        for planned, n in zip(plan.databases, n_formulas, strict=True)
    )
    n_targets = sum(n_formulas) * len(rule.target_parts())
    return RunCounts(
        imzml_bytes=imzml_bytes,
        ibd_bytes=plan.ibd_bytes,
        n_spectra=plan.n_spectra,
        n_peaks=plan.n_peaks,
        n_pixels=plan.width * plan.height,
        peak_bytes=plan.mz_dtype.itemsize + 8,
        n_segments=plan.n_segments,
        n_spans=max(0, len(plan.span_cuts) - 1),
        databases=databases,
        n_targets=n_targets,
        n_isotopes=plan.config.isotope_peaks,
        ppm=plan.config.ppm,
        n_annotated=expect_annotated(n_targets, rates) if n_annotated is None else n_annotated,
        reads_checksum=reads_checksum,
    )
