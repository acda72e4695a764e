"""What calls on a whole run are expected to need, and what PlanRun does before it has a plan."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from ionbox_cloud.ladder import Ladder
from ionbox_cloud.messages import DatasetFiles
from ionbox_cloud.planning.call_memory import read_memory_mb, require_memory
from ionbox_cloud.store import Store
from ionbox_science.errors import InvalidDataset

from tests.imzml_builder import build_pair
from tests.patience import run

FILES = DatasetFiles("brain", "brain.imzML", "brain.ibd", None)
LADDER = Ladder({"PlanRun": (120, 130, 140)})


def inbox(n_mb: int) -> Store:
    store = Store.open("memory://")
    store.write("brain.imzML", bytes(n_mb << 20))
    return store


@pytest.mark.parametrize(("n_mb", "rung"), [(1, 0), (7, 0), (9, 1), (15, 1), (17, 2), (22, 2)])
def test_the_rung_that_planning_takes_is_known_from_the_size_of_the_imzml(
    n_mb: int, rung: int
) -> None:
    store = inbox(n_mb)
    for each in range(rung):
        with pytest.raises(MemoryError, match="not read here, but in a larger function"):
            require_memory(FILES, store, each, LADDER)
    expected = read_memory_mb(n_mb << 20, 0)
    for each in range(rung, 3):
        assert require_memory(FILES, store, each, LADDER) == expected


@pytest.mark.parametrize("rung", range(3))
def test_what_no_function_can_plan_is_refused_with_what_is_allowed(rung: int) -> None:
    with pytest.raises(InvalidDataset) as refused:
        require_memory(FILES, inbox(50), rung, LADDER)
    said = re.fullmatch(
        r"brain: its imzML has 52 MB, and planning takes 157 MB of memory; the largest PlanRun "
        r"function has 140 MB, which is enough for (\d+) MB of imzML: deploy with a higher "
        r"max_lambda_mb \(10,240 at most\), or split the dataset by region",
        str(refused.value),
    )
    assert said is not None
    allowed = int(said[1]) * 1_000_000
    assert LADDER.fits("PlanRun", read_memory_mb(allowed, 0))
    assert not LADDER.fits("PlanRun", read_memory_mb(allowed + 2_000_000, 0))


def test_a_dataset_without_an_imzml_is_left_to_those_who_read_it() -> None:
    assert require_memory(FILES, Store.open("memory://"), 0, LADDER) == read_memory_mb(0, 0)


READING = """
import sys
from ionbox.local.memory import PeakMeter, resident_mb
from ionbox_cloud.messages import DatasetFiles
from ionbox_cloud.planning.inspection import inspect_dataset
from ionbox_cloud.store import Store
from ionbox_science.imzml.options import ReadOptions

def inspect(name):
    files = DatasetFiles(name, f"{name}.imzML", "a.ibd", None)
    return inspect_dataset(store, files, ReadOptions(), accept_profile=True)


store = Store.open(sys.argv[1])
inspect("b")  # what is loaded and kept once
before, meter = resident_mb(), PeakMeter()
found = inspect("a")
print(found.header.n_spectra, meter.peak_mb() - before)
"""


@pytest.mark.skipif(
    not Path("/proc/self/statm").exists(),
    reason="the system does not tell a peak that starts again",
)
def test_an_imzml_is_in_memory_once(tmp_path: Path) -> None:
    pair = build_pair()
    first, spectrum, rest = re.split(
        r"(<spectrum .*?</spectrum>)", pair.imzml, maxsplit=1, flags=re.DOTALL
    )
    tail = rest[rest.rindex("</spectrum>") + len("</spectrum>") :]
    n_spectra = (32 << 20) // len(spectrum)
    source = re.sub(r'count="3" def', f'count="{n_spectra}" def', first)
    (tmp_path / "a.imzML").write_text(source + spectrum * n_spectra + tail)
    (tmp_path / "b.imzML").write_text(pair.imzml)
    (tmp_path / "a.ibd").write_bytes(pair.ibd)
    command = [sys.executable, "-c", READING, tmp_path.as_uri()]
    ended = run(command)
    assert ended.returncode == 0, ended.stderr
    said = ended.stdout.split()
    assert int(said[0]) == n_spectra
    size = (tmp_path / "a.imzML").stat().st_size
    expected = read_memory_mb(size, 0) - read_memory_mb(0, 0)
    assert 0.9 * expected < float(said[1]) < 1.3 * expected
