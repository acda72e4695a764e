"""Every imzML file of the reference corpus: read like pyimzml reads it, and judged as expected."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from ionbox_science.imzml.checks import Problem, check_dataset, check_peaks
from ionbox_science.imzml.header import ImzmlHeader, read_header
from ionbox_science.imzml.spectra import read_peaks, read_spectrum
from pyimzml.ImzMLParser import ImzMLParser

from tests.imzml_builder import range_reader

SENTENCES = {
    "grid": "but its spectra span",
    "nan": "intensities that are not a number",
    "negative": "negative intensities, which are dropped",
    "no ibd": "is missing: put it beside",
    "no polarity": "does not say its polarity",
    "other ibd": "belongs to another imzML",
    "profile": "declares profile spectra",
    "uuid": "the sizes agree, so check that both come from one export",
}
ERRORS = {"no ibd", "other ibd", "profile"}

# Problems -> the folders that have exactly these.
EXPECTED_PROBLEMS = {
    "none": """
        galaxyp-i2nca__combined_pc-b0d61e84
        galaxyp-i2nca__cp_test1-27be7998
        galaxyp-i2nca__cp_test3-10873da8
        galaxyp-i2nca__cp_test5-00b62f2d
        galaxyp-i2nca__cp_test5-24a9a7a5
        galaxyp-i2nca__jpc_test1-bd0aac32
        galaxyp-i2nca__pc_test1-3e860944
        galaxyp-i2nca__pc_test3-492f7e42
        galaxyp-i2nca__pc_test5-0ac775ef
        thyra__two_precision_terms-ce15ff42
        thyra__two_scansettings-30a6490e
        thyra__unit_nanometre-59a45d4d
    """,
    "grid, negative, no polarity, profile": """
        galaxyp-cardinal__preprocessing_results_combat_40pixel-d9148031
    """,
    "grid, no polarity": """
        galaxyp-cardinal__preprocessing_results2-3c769074
        galaxyp-cardinal__preprocessing_results2-76b3191b
    """,
    "grid, no polarity, profile": """
        galaxyp-cardinal__112_auto_combined-0e6845ef
        galaxyp-cardinal__112_auto_combined-7528c6e6
        galaxyp-cardinal__123_combined-199bef46
        galaxyp-cardinal__123_combined_auto-653d1abb
        galaxyp-cardinal__12_combined-94605b26
        galaxyp-cardinal__2123_auto_combined-adf3317a
        galaxyp-cardinal__out4-47da2813
        galaxyp-cardinal__out4-b5f39d65
        galaxyp-cardinal__out8-c6a280d0
        galaxyp-cardinal__out8-ea2093d8
    """,
    "grid, no polarity, profile, uuid": """
        galaxyp-cardinal__112_auto_combined-0b271d22
        galaxyp-cardinal__123_combined_auto-b5c35997
        galaxyp-cardinal__2123_auto_combined-8530637d
    """,
    "nan, no polarity, profile": """
        galaxyp-cardinal__preprocessing_results4-82587a54
    """,
    "negative, no polarity, profile": """
        galaxyp-cardinal__ComBat_results_Example_processed_file-a4a09645
        galaxyp-cardinal__ComBat_results_Example_processed_file-bcff87d1
    """,
    "no ibd, profile": """
        galaxyp-i2nca__pp_test1-4b321ce1
        galaxyp-i2nca__pp_test3-5e2cd73b
    """,
    "no polarity": """
        galaxyp-cardinal__picked-2888b92d
        galaxyp-cardinal__preprocessing_results1-11395ede
        galaxyp-cardinal__preprocessing_results1-63337710
        galaxyp-cardinal__preprocessing_results1-8ff07a36
        galaxyp-cardinal__preprocessing_results1-c55fba18
        galaxyp-cardinal__preprocessing_results2-c7c546d6
        galaxyp-cardinal__preprocessing_results3-11519e1e
        galaxyp-cardinal__preprocessing_results3-1d9d9012
        galaxyp-cardinal__preprocessing_results3-8f705d5d
        galaxyp-cardinal__spatial_DGMM_input-d9312686
        metaspace__Untreated_3_434_tiny-71470cb1
        pyimzML__test-56276aef
        pyimzML__test-f0679956
        thyra__test_continuous-0835b8bf
        thyra__test_processed-52ce72aa
    """,
    "no polarity, other ibd": """
        galaxyp-cardinal__preprocessing_results3-5b814037
    """,
    "no polarity, profile": """
        galaxyp-cardinal__123_combined_auto-1504252d
        galaxyp-cardinal__Example_Continuous-ea2565bc
        galaxyp-cardinal__out3-5f7f1cf0
        galaxyp-cardinal__out4-399d03f0
        galaxyp-cardinal__out5-79413e51
        galaxyp-cardinal__out6-7da7f871
        galaxyp-cardinal__out6-7e6a6ed6
        galaxyp-cardinal__out6-a77d997e
        galaxyp-cardinal__out7-6919101d
        galaxyp-cardinal__preprocessing_results4-30b26402
        galaxyp-cardinal__preprocessing_results4-b5dd8ec6
        galaxyp-cardinal__preprocessing_results5-520aeee7
        galaxyp-cardinal__preprocessing_results5-e840bb3c
        galaxyp-masspix__cut_masspix-750b0732
    """,
    "no polarity, profile, uuid": """
        galaxyp-cardinal__preprocessing_results4-855ac0ba
    """,
    "profile": """
        galaxyp-cardinal__Example_Processed-7c391d89
        pyimzML__Example_Continuous-29976f5f
        pyimzML__Example_Processed-6b45d2a3
        thyra__iontof_sparse-14579b26
    """,
}
EXPECTED = {
    folder: () if problems == "none" else tuple(problems.split(", "))
    for problems, folders in EXPECTED_PROBLEMS.items()
    for folder in folders.split()
}

in_corpus = pytest.mark.parametrize("folder", sorted(EXPECTED))


@dataclass(frozen=True)
class Case:
    """One folder of the corpus."""

    path: Path
    ibd: bytes | None
    header: ImzmlHeader

    @property
    def problems(self) -> list[Problem]:
        found = check_dataset(
            self.header,
            name=self.path.name,
            ibd_name=self.path.stem + ".ibd",
            ibd_size=None if self.ibd is None else len(self.ibd),
            ibd_uuid=None if self.ibd is None else self.ibd[:16],
            accept_profile=False,
        )
        if self.ibd is not None and not any("belongs" in problem.message for problem in found):
            found += check_peaks(self.header, range_reader(self.ibd), ibd_name="ibd")
        return found


@cache
def load(folder: Path) -> Case:
    (path,) = (file for file in folder.iterdir() if file.suffix.lower() == ".imzml")
    ibds = [file.read_bytes() for file in folder.iterdir() if file.suffix.lower() == ".ibd"]
    return Case(path, ibds[0] if ibds else None, read_header(path.read_bytes(), path.name))


@pytest.fixture
def case(reference: Path, folder: str) -> Case:
    return load(reference / "imzml-corpus" / folder)


def pyimzml_of(case: Case) -> ImzMLParser:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about names that differ from the vocabulary
        return ImzMLParser(str(case.path), ibd_file=None)


def test_table_covers_the_corpus(reference: Path) -> None:
    index = json.loads((reference / "imzml-corpus" / "index.json").read_text())
    assert {entry["folder"] for entry in index} == set(EXPECTED)
    assert len(EXPECTED) == 68


@in_corpus
def test_problems(case: Case, folder: str) -> None:
    found = {
        (name, problem.severity)
        for problem in case.problems
        for name, sentence in SENTENCES.items()
        if sentence in problem.message
    }
    assert len(case.problems) == len(EXPECTED[folder])
    assert found == {(name, "error" if name in ERRORS else "warning") for name in EXPECTED[folder]}


@in_corpus
def test_header_agrees_with_pyimzml(case: Case) -> None:
    header, parser = case.header, pyimzml_of(case)
    assert [*zip(header.x.tolist(), header.y.tolist(), strict=True)] == [
        (x, y) for x, y, _ in parser.coordinates
    ]
    assert header.mz_offset.tolist() == parser.mzOffsets
    assert header.mz_count.tolist() == parser.mzLengths
    assert header.intensity_offset.tolist() == parser.intensityOffsets
    assert header.intensity_count.tolist() == parser.intensityLengths
    assert header.mz_dtype == np.dtype(parser.mzPrecision)
    assert header.intensity_dtype == np.dtype(parser.intensityPrecision)
    assert header.polarity == parser.polarity
    assert header.spectrum_type == parser.spectrum_mode


@in_corpus
def test_header_agrees_with_the_index(case: Case, reference: Path, folder: str) -> None:
    index = json.loads((reference / "imzml-corpus" / "index.json").read_text())
    (entry,) = (entry for entry in index if entry["folder"] == folder)
    assert case.header.n_spectra == entry["spectra"]
    assert case.header.mode == entry["mode"]


@in_corpus
def test_spectra_agree_with_pyimzml(case: Case) -> None:
    if case.ibd is None:
        assert "no ibd" in EXPECTED[case.path.parent.name]
        return
    reader = pyimzml_of(case).portable_spectrum_reader()
    read_range = range_reader(case.ibd)
    n_kept = 0
    with next(case.path.parent.glob("*.ibd")).open("rb") as file:
        for index in range(case.header.n_spectra):
            mz, intensity = read_spectrum(case.header, index, read_range)
            expected_mz, expected_intensity = reader.read_spectrum_from_file(file, index)
            np.testing.assert_array_equal(mz, expected_mz)
            np.testing.assert_array_equal(intensity, expected_intensity)
            n_kept += int((expected_intensity > 0).sum())
    assert len(read_peaks(case.header, read_range, batch_bytes=10_000)) == n_kept


@in_corpus
def test_header_survives_storage(case: Case) -> None:
    again = ImzmlHeader.from_arrays(case.header.to_arrays())
    for name in (field.name for field in fields(ImzmlHeader)):
        np.testing.assert_equal(getattr(again, name), getattr(case.header, name))
