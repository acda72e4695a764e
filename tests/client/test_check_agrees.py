"""``ionbox check`` refuses what a run refuses, in the same words, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from ionbox.datasets.check import check
from ionbox_cloud.messages import ConfigLayer, DatabaseFile, DatasetFiles, RunRequest
from ionbox_cloud.planning.accepted_request import accept_request
from ionbox_cloud.planning.inspection import Inspection, inspect_dataset
from ionbox_cloud.store import Store
from ionbox_science.errors import InvalidInput
from ionbox_science.imzml.checks import check_mz_counts, plausible_rows
from ionbox_science.sorting.peak_sorting import sort_in_memory

from tests.imzml_builder import SPECTRA, Pair, build_pair, range_reader
from tests.imzml_mutations import mutate

if TYPE_CHECKING:  # collections.abc has it from Python 3.12 on
    from typing_extensions import Buffer

SETTINGS = {"polarity": "positive", "analyzer": "orbitrap", "resolving_power": 140_000}
TABLE = b"name\tformula\nglucose\tC6H12O6\n"
SOUND = build_pair()


def drop(folder: Path, pair: Pair, sidecar: bytes | None = None) -> Path:
    (folder / "a.imzML").write_bytes(pair.imzml.encode("iso-8859-1", "xmlcharrefreplace"))
    (folder / "a.ibd").write_bytes(pair.ibd)
    (folder / "databases").mkdir(exist_ok=True)
    (folder / "databases" / "mine.tsv").write_bytes(TABLE)
    if sidecar is not None:
        (folder / "a.json").write_bytes(sidecar)
    return folder / "a.imzML"


def why_not_annotated(imzml: Path, layers: Sequence[ConfigLayer]) -> set[str]:
    """Return what PlanRun, and then the sort, say against a dataset."""
    inbox = Store.open(imzml.parent.resolve().as_uri())
    sidecar = "a.json" if imzml.with_name("a.json").exists() else None
    files = DatasetFiles("a", "a.imzML", "a.ibd", sidecar)
    request = RunRequest(files, (DatabaseFile("mine", "databases/mine.tsv"),), tuple(layers), ())
    try:
        accepted = accept_request(request, inbox)
        header = accepted.dataset.header
        ibd = imzml.with_suffix(".ibd").read_bytes()
        mz = sort_in_memory(header, range_reader(ibd)).peaks.mz
        if not len(mz):
            return {"a: no peak has an intensity above zero"}
        rows = plausible_rows(mz)
        n_implausible = len(mz) - (rows.stop - rows.start)
        digest = hashlib.new(header.checksum_algorithm, ibd).hexdigest()
        differs = header.checksum is not None and header.checksum[1] != digest
        check_mz_counts(n_implausible, len(mz), "a.ibd", checksum_differs=differs)
    except InvalidInput as error:
        return set(str(error).splitlines())
    return set()


def assert_agree(imzml: Path, settings: dict[str, Any] | None = None) -> bool:
    """Compare both; return whether the dataset is fit."""
    layers = [ConfigLayer("the test", SETTINGS if settings is None else settings)]
    report = check(imzml, layers)
    said = {line for error in report.errors for line in error.splitlines()}
    refused = why_not_annotated(imzml, layers)
    asked_for = {line for line in refused if "the imzML does not say; add" in line}
    assert said == refused - asked_for
    assert bool(report.missing) >= bool(asked_for)  # a dataset that is refused may lack them too
    assert bool(asked_for) or bool(said) or not report.missing
    return not refused


def test_they_agree_on_damaged_imzml(tmp_path: Path) -> None:
    fit = 0
    for seed in range(300):
        folder = tmp_path / str(seed)
        folder.mkdir()
        fit += assert_agree(drop(folder, Pair(mutate(SOUND.imzml, seed), SOUND.ibd)))
    assert 0 < fit < 300


def test_they_agree_on_damaged_ibd(tmp_path: Path) -> None:
    fit = 0
    for seed in range(60):
        random = Random(seed)
        damaged = bytearray(SOUND.ibd)
        for _ in range(random.choice([1, 2, 9])):
            damaged[random.randrange(len(damaged))] = random.randrange(256)
        folder = tmp_path / str(seed)
        folder.mkdir()
        end = random.choice([len(damaged)] * 4 + [random.randrange(len(damaged))])
        fit += assert_agree(drop(folder, Pair(SOUND.imzml, bytes(damaged[:end]))))
    assert 0 < fit < 60


def test_they_agree_on_a_peak_that_no_sample_sees(tmp_path: Path) -> None:
    """One of 400 spectra is full of zeros for m/z, more than one peak in a hundred."""
    good, bad = ([100.5, 200.5], [1.0, 2.0]), ([0.0] * 30, [1.0] * 30)
    spectra = [good] * 401
    spectra[206] = bad
    pair = build_pair(spectra, [(i % 20 + 1, i // 20 + 1) for i in range(401)])
    imzml = drop(tmp_path, pair)
    assert not assert_agree(imzml)
    (error,) = check(imzml, [ConfigLayer("the test", SETTINGS)]).errors
    assert "30 of 830 peaks have no plausible m/z" in error


def test_check_tells_of_a_dropped_peak_that_no_sample_sees(tmp_path: Path) -> None:
    spectra = [([100.5, 200.5], [1.0, 2.0])] * 401
    spectra[206] = ([0.0, 300.5], [1.0, 2.0])
    imzml = drop(tmp_path, build_pair(spectra, [(i % 20 + 1, i // 20 + 1) for i in range(401)]))
    assert assert_agree(imzml)
    report = check(imzml, [ConfigLayer("the test", SETTINGS)])
    assert any("a.ibd: 1 peaks have no plausible m/z" in text for text in report.warnings)
    assert report.facts["m/z range"] == "100.5000 to 300.5000"


@pytest.mark.parametrize("mode", ["processed", "continuous"])
def test_check_reads_an_ibd_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Apart from the few spectra at which a run looks before it begins."""
    mz = np.linspace(100, 900, 50)
    spectra = [(mz, np.full(50, 1.0 + i)) for i in range(2000)]
    pair = build_pair(spectra, [(i % 50 + 1, i // 50 + 1) for i in range(2000)], mode=mode)
    imzml, n_read = drop(tmp_path, pair), []

    def read_range(store: Store, key: str, offset: int, n_bytes: int) -> Buffer:
        n_read.append(n_bytes)
        return read_of_store(store, key, offset, n_bytes)

    def inspect(*arguments: Any, **options: Any) -> Inspection:
        seen = inspect_dataset(*arguments, **options)
        n_read.clear()
        return seen

    read_of_store = Store.read_range
    monkeypatch.setattr(Store, "read_range", read_range)
    monkeypatch.setattr("ionbox.datasets.check.inspect_dataset", inspect)
    report = check(imzml, [ConfigLayer("the test", SETTINGS)])
    assert (report.errors, report.warnings) == ((), ())  # so the checksum is the declared one
    assert report.facts["m/z range"] == "100.0000 to 900.0000"
    assert sum(n_read) == len(pair.ibd)


def test_they_agree_on_a_dataset_of_zeros(tmp_path: Path) -> None:
    pair = build_pair([(mz, np.zeros(len(mz)).tolist()) for mz, _ in SPECTRA])
    assert not assert_agree(drop(tmp_path, pair))


@pytest.mark.parametrize(
    "sidecar",
    [
        b"",
        b"[]",
        b"{",
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"ppm": 1e400}',
        b'{"ppm": ' + b"9" * 400 + b"}",
        b'{"ppm": [3]}',
        b'{"adducts": ["+H,+Na"]}',
        b'{"adducts": {"+H": 1}}',
        b'{"isocalc_sigma": 1e-300}',
        b'{"resolving_power": 1e300}',
        b'{"polarity": ["positive"]}',
        b'{"polarity": ' + b"9" * 400 + b"}",
        b'{"analyzer": ' + b"9" * 400 + b"}",
        b'{"resolving_power": ' + b"9" * 400 + b"}",
        b'{"isocalc_sigma": ' + b"9" * 400 + b"}",
        b'{"analyzer": {"orbitrap": 1}}',
        b'{"ms_level": 2}',
        b'{"ms_level": "x"}',
        b'{"pixel_step": 2}',
        b'{"accept_profile": "yes"}',
        b'{"accept_profile": true}',
        b'{"MS_Analysis": {"Polarity": "Positive", "Analyzer": "Orbitrap"}}',
        b'{"MS_Analysis": {"Polarity": 7}}',
        b'{"unknown": 1}',
    ],
)
@pytest.mark.parametrize("spectrum_type", ["centroid", "profile"])
def test_they_agree_on_sidecars(tmp_path: Path, sidecar: bytes, spectrum_type: str) -> None:
    imzml = drop(tmp_path, build_pair(spectrum_type=spectrum_type), sidecar)
    acquisition = {"polarity": "positive", "analyzer": "orbitrap"}
    assert_agree(imzml, {} if b"MS_Analysis" in sidecar else acquisition)


@pytest.mark.parametrize("level", [1, 2, 10, 11])
@pytest.mark.parametrize("step", [1, 2, 0])
def test_they_agree_on_how_a_dataset_is_read(tmp_path: Path, level: int, step: int) -> None:
    settings = {**SETTINGS, "ms_level": level, "pixel_step": step}
    assert assert_agree(drop(tmp_path, SOUND), settings) == (level == 1 and step == 1)


def test_a_sound_dataset_is_fit(tmp_path: Path) -> None:
    assert assert_agree(drop(tmp_path, SOUND, json.dumps({"ppm": 2}).encode()))
