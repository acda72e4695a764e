"""Damage between two runs of the same command, on plain files: the same results again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import ionbox
import pytest
from ionbox.datasets.outcome import require_whole
from ionbox.errors import DamagedResults

from tests.end_to_end.laptop import BITTERS, Laptop, LaptopRun


def flip(path: Path, place: float) -> None:
    data = bytearray(path.read_bytes())
    data[int((len(data) - 1) * place)] ^= 1
    path.write_bytes(bytes(data))


def published(run: LaptopRun) -> Path:
    assert run.outcome.status.results
    return run.outcome.log.parents[1] / "results" / run.outcome.status.results


def files(folder: Path) -> dict[str, bytes]:
    """What people get, but for what tells the time and the place."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    apart = ("run.json", "report.html", "status.json", "sources.json")
    return {name: (folder / name).read_bytes() for name in names if name not in apart}


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: flip(folder / "annotations.csv", 0.5),
        lambda folder: (folder / "annotations.csv").write_bytes(b""),
        lambda folder: flip(folder / "ion_images.zarr/images/c/0/0/0/0", 0.1),
        lambda folder: (folder / "report.html").unlink(),
        lambda folder: flip(folder / "run.json", 0.3),
    ],
    ids=["a byte of the table", "no table", "an image", "no report", "the record"],
)
def test_damaged_results_are_never_handed_out(
    laptop: Laptop, tissue: Path, damage: Callable[[Path], object]
) -> None:
    databases = [laptop.database("bitters", BITTERS)]
    first = laptop.annotate(tissue, databases, n_workers=1).succeeded()
    damage(published(first))
    again = laptop.annotate(tissue, databases, n_workers=1).succeeded()
    assert again.outcome.status.reused is False
    assert "AnnotateSegments" not in again.n_calls
    assert files(again.out) == files(first.out)
    record = again.outcome.record
    assert record is not None
    require_whole(again.out, record)
    reused = laptop.annotate(tissue, databases, n_workers=1).succeeded()
    assert reused.outcome.status.reused is True


def test_a_copy_of_an_ibd_is_the_same_dataset(laptop: Laptop, tissue: Path, tmp_path: Path) -> None:
    """Its inode and time are others, so it is compared; tests/handlers has an edit in place."""
    databases = [laptop.database("bitters", BITTERS)]
    first = laptop.annotate(tissue, databases, n_workers=1).succeeded()
    for path in (tissue, tissue.with_suffix(".ibd")):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    copied = laptop.annotate(tmp_path / tissue.name, databases, n_workers=1).succeeded()
    assert copied.outcome.status.reused is True
    assert copied.record["dataset"]["id"] == first.record["dataset"]["id"]
    contents = (laptop.work / "results" / "contents").rglob("*.json")
    # the ibd seen first and the copy, each with its checksum
    assert len(list(contents)) == 4


def test_what_is_copied_is_compared(laptop: Laptop, tissue: Path) -> None:
    run = laptop.annotate(tissue, [laptop.database("bitters", BITTERS)], n_workers=1).succeeded()
    record = run.outcome.record
    assert record is not None
    require_whole(run.out, record)
    flip(run.out / "annotations.csv", 0.9)
    with pytest.raises(DamagedResults, match=r"annotations\.csv is damaged"):
        require_whole(run.out, record)
    (run.out / "annotations.csv").unlink()
    with pytest.raises(DamagedResults, match=r"is not whole: annotations\.csv is missing"):
        require_whole(run.out, record)


def test_a_damaged_segment_is_refused_by_name_when_it_is_looked_at(
    laptop: Laptop, tissue: Path
) -> None:
    run = laptop.annotate(tissue, [laptop.database("bitters", BITTERS)], n_workers=1).succeeded()
    (segment,) = (laptop.work / "results" / "segments").rglob("segment-*.bin")
    flip(segment, 0.4)
    opened = ionbox.open(run.out)
    mz = json.loads((run.out / "run.json").read_text())["dataset"]["mz_min"]
    with pytest.raises(ionbox.errors.Gone, match=r"sorted peaks cannot be used: object 'segments/"):
        opened.mz_image((mz + 1000) / 2, 100_000)
