"""What long work says of how far it is: rising, in its own units, and complete at the end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from ionbox_science import progress
from ionbox_science.annotation.colocalization import colocalize
from ionbox_science.progress import (
    ProgressCount,
    listening,
    part_of_progress,
    report_progress,
    watched_count,
)
from ionbox_science.sorting import mz_cells
from ionbox_science.sorting.disk_sorting import sort_on_disk
from ionbox_science.sorting.peak_sorting import sort_in_memory
from ionbox_science.theory import isotope_patterns
from ionbox_science.theory.ion_rule import IonRule
from ionbox_science.theory.ions import build_ions

from tests.builders import ORBITRAP
from tests.ibd_builder import lay_out, many
from tests.patience import wait_until

Report = tuple[float, int, int, str]


def heard(work: Callable[[], object]) -> list[Report]:
    reports: list[Report] = []
    with listening(lambda *report: reports.append(report)):
        work()
    return reports


def test_parts_of_parts_are_fractions_of_the_whole() -> None:
    def work() -> None:
        with part_of_progress(0.5, 1), part_of_progress(0, 0.5):
            report_progress(1, 2, "peaks")
        report_progress(3, 3, "images")

    assert heard(work) == [(0.625, 1, 2, "peaks"), (1.0, 3, 3, "images")]


def test_a_part_ends_with_its_block_even_if_the_work_fails() -> None:
    with pytest.raises(ValueError, match="broken"), part_of_progress(0.5, 1):
        raise ValueError("broken")
    assert heard(lambda: report_progress(1, 2, "peaks")) == [(0.5, 1, 2, "peaks")]


def test_threads_count_together() -> None:
    def work() -> None:
        count = ProgressCount(100, "ions")
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(count.add, [1] * 100))

    assert sorted(done for _, done, _, _ in heard(work)) == list(range(1, 101))


def test_nothing_to_do_is_not_reported() -> None:
    assert heard(lambda: report_progress(0, 0, "ions")) == []


def test_what_a_kernel_counts_is_reported_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LOOK_S", 0.001)
    reports: list[Report] = []
    with (
        listening(lambda *report: reports.append(report)),
        watched_count(10, "pairs") as n_done,
    ):
        n_done[0] = 4
        wait_until(lambda: (0.4, 4, 10, "pairs") in reports)


SORTED = many(60)
SHARED = (SORTED[0][:1] * 60, SORTED[1])


@pytest.mark.parametrize("share_mz", [False, True])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_sorting_counts_peaks(
    share_mz: bool, n_threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mz_cells, "PEAKS_PER_TASK", 500)
    dataset = lay_out(*(SHARED if share_mz else SORTED), share_mz=share_mz)
    reports = heard(
        lambda: sort_in_memory(
            dataset.header, dataset.read_range, n_threads=n_threads, batch_bytes=2000
        )
    )
    assert_complete(reports, 10, in_order=n_threads == 1)
    units = ["peaks read", "peaks placed"] + ["peaks sorted"] * (not share_mz)
    assert list(dict.fromkeys(unit for *_, unit in reports)) == units
    assert {total for _, _, total, _ in reports} == {3000}


@pytest.mark.parametrize("memory_bytes", [10_800_000, 50_000_000])
def test_sorting_on_disk_counts_peaks_and_segments(memory_bytes: int, tmp_path: Path) -> None:
    dataset, bounds = lay_out(*many(600)), np.arange(200.0, 900, 100)
    reports = heard(
        lambda: sort_on_disk(
            dataset.header,
            dataset.read_range,
            bounds,
            lambda index, peaks: None,
            memory_bytes=memory_bytes,
            folder=tmp_path,
        )
    )
    assert_complete(reports, 6)
    assert [done for _, done, total, unit in reports if unit == "segments"] == list(range(1, 9))
    n_spans = sum(unit == "peaks read" and done == total for _, done, total, unit in reports)
    assert (n_spans > 1) == (memory_bytes < 20_000_000)


def test_isotope_patterns_count_ions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isotope_patterns, "IONS_PER_CALL", 4)
    formulas = ["C6H12O6"] * 10
    reports = heard(lambda: isotope_patterns.generate_patterns(formulas, ORBITRAP))
    assert [report[1:] for report in reports] == [(n, 10, "ions") for n in (4, 8, 10)]


def test_building_ions_counts_decoy_draws() -> None:
    formulas = [f"C{n}H4" for n in range(1, 1501)]
    reports = heard(lambda: build_ions(formulas, IonRule(("+H",), n_decoys=2)))
    assert [report[1:] for report in reports if report[3] == "decoy draws"] == [
        (0, 1500, "decoy draws"),
        (1024, 1500, "decoy draws"),
    ]


def test_colocalization_counts_images() -> None:
    images = np.random.default_rng(1).random((5, 4, 5), np.float32)
    names = [(str(row), row) for row in range(5)]
    reports = heard(lambda: colocalize([images[:3], images[3:]], 5, (4, 5), names))
    assert [report[1:] for report in reports] == [(3, 5, "images"), (5, 5, "images")]


def assert_complete(reports: list[Report], at_least: int, *, in_order: bool = True) -> None:
    """Check that there were some reports, that they rise where one thread makes them, up to 1."""
    assert len(reports) >= at_least
    assert all(0 < done <= total for _, done, total, _ in reports)
    fractions = [fraction for fraction, *_ in reports]
    if in_order:
        assert fractions == sorted(fractions)
    assert max(fractions) == pytest.approx(1)
