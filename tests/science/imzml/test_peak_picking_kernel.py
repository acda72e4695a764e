"""The kernel that picks peaks, against the same method in numpy: to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ionbox_science.imzml.ibd import StoredArrays
from ionbox_science.imzml.peak_picking import PickedSpectra
from ionbox_science.imzml.spectra import pick_stored, read_stored

from tests.ibd_builder import lay_out, pick_some
from tests.oracles.peak_picking import pick_spectrum
from tests.profile_builder import INSTRUMENTS, Instrument, build_profile

Spectrum = tuple[npt.NDArray[Any], npt.NDArray[Any]]

STEPS = [1.0, 1.0, 1.0, 1.4, 1.6, 5.0, 0.0]  # 0: two points at one m/z
ODD_MZ = [np.nan, np.inf, -np.inf, 0.0, -0.0, -1.0, 1e30]
ODD_INTENSITIES = [np.nan, np.inf, -np.inf, -3.0, 1e-300, 1e300, 3.3e38, 5e-324]


def pick(spectra: list[Spectrum], picked: list[bool] | None = None) -> PickedSpectra:
    dataset = pick_some(
        lay_out([mz for mz, _ in spectra], [intensity for _, intensity in spectra]),
        picked or [True] * len(spectra),
    )
    everything = slice(0, len(spectra))
    stored: StoredArrays = read_stored(dataset.header, dataset.read_range, everything)
    return pick_stored(dataset.header, everything, stored, None)


def spectra_of(found: PickedSpectra) -> list[Spectrum]:
    cuts = np.cumsum(found.n_peaks)[:-1]
    return list(zip(np.split(found.mz, cuts), np.split(found.intensity, cuts), strict=True))


def assert_picked_as_numpy_does(spectra: list[Spectrum]) -> None:
    for (mz, intensity), stored in zip(spectra_of(pick(spectra)), spectra, strict=True):
        expected_mz, expected_intensity = pick_spectrum(*stored)
        assert mz.dtype == expected_mz.dtype
        assert mz.tobytes() == expected_mz.tobytes()
        assert intensity.tobytes() == expected_intensity.tobytes()


@given(
    n_points=st.lists(st.integers(0, 200), min_size=1, max_size=5),
    mz_type=st.sampled_from(["<f4", "<f8"]),
    intensity_type=st.sampled_from(["<f4", "<f8", "<i4", "<i8"]),
    highest=st.sampled_from([1, 3, 1000]),
    zeros=st.sampled_from([0.0, 0.05, 0.5]),
    n_odd=st.integers(0, 3),
    order=st.sampled_from(["ascending", "descending", "shuffled"]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=300)
def test_spectra_of_every_kind_are_picked_as_numpy_does(
    n_points: list[int],
    mz_type: str,
    intensity_type: str,
    highest: int,
    zeros: float,
    n_odd: int,
    order: str,
    seed: int,
) -> None:
    random = np.random.RandomState(seed)
    spectra = []
    for n in n_points:
        mz = 200 + np.cumsum(random.choice(STEPS, n)) * 0.003
        counts = np.ceil(highest * random.random_sample(n)) * (random.random_sample(n) >= zeros)
        intensity = counts if intensity_type[1] == "i" else counts * 1.37
        for _ in range(n_odd if n else 0):
            mz[random.randint(n)] = random.choice(ODD_MZ)
            if intensity_type[1] == "f":
                intensity[random.randint(n)] = random.choice(ODD_INTENSITIES)
        if order != "ascending":
            places = np.arange(n)[::-1] if order == "descending" else random.permutation(n)
            mz, intensity = mz[places], intensity[places]
        with np.errstate(over="ignore", under="ignore"):
            spectra.append((mz.astype(mz_type), intensity.astype(intensity_type)))
    assert_picked_as_numpy_does(spectra)


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda each: each.name)
@pytest.mark.parametrize("noise", [0.0, 10.0])
@pytest.mark.parametrize("mz_type", ["<f4", "<f8"])
def test_profiles_of_instruments_are_picked_as_numpy_does(
    instrument: Instrument, noise: float, mz_type: str
) -> None:
    profile = build_profile(instrument, noise=noise, cut=0 if noise else 5)
    stored = profile.mz.astype(mz_type), profile.intensity.astype("<f4")
    assert_picked_as_numpy_does([stored, stored])


def test_spectra_that_are_no_profile_are_copied() -> None:
    mz = np.array([300.0, 100.0, 200.0, 400.0])
    intensity = np.array([1.0, 2.0, 0.0, np.nan], np.float32)
    copied, picked = spectra_of(pick([(mz, intensity), (mz, intensity)], [False, True]))
    assert copied[0].tolist() == [300.0, 100.0]
    assert copied[1].tolist() == [1.0, 2.0]
    assert picked[0].tolist() == [100.0, 300.0]


def test_no_bit_depends_on_which_spectra_are_picked_together() -> None:
    spectra: list[Spectrum] = []
    for instrument in INSTRUMENTS:
        profile = build_profile(instrument, noise=10.0)
        spectra.append((profile.mz, profile.intensity))
    together = spectra_of(pick(spectra))
    for alone, (mz, intensity) in zip(spectra, together, strict=True):
        ((mz_alone, intensity_alone),) = spectra_of(pick([alone]))
        assert mz.tobytes() == mz_alone.tobytes()
        assert intensity.tobytes() == intensity_alone.tobytes()
