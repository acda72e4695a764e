"""Makes ``picked_peaks.csv``: what OpenMS finds in the profiles of `tests.profile_builder`.

``pip install pyopenms==3.6.0``, 360 MB with what it needs, so that it is no requirement of the
tests; then ``python -m tests.golden.make_picked_peaks``. The picker is PeakPickerHiRes with its
defaults: a spline through the points of each local maximum, its apex, and no limit on noise.
"""

from __future__ import annotations

import csv
from pathlib import Path

from tests.profile_builder import INSTRUMENTS, Profile, build_profile

TABLE = Path(__file__).with_name("picked_peaks.csv")
NOISE, CUT = 10.0, 5.0


def build_profiles() -> dict[str, Profile]:
    """Return the profiles by name: of each analyzer one without noise, and one with."""
    cut = {f"{each.name}, cut": build_profile(each, cut=CUT) for each in INSTRUMENTS}
    noisy = {f"{each.name}, noisy": build_profile(each, noise=NOISE) for each in INSTRUMENTS}
    return cut | noisy


def main() -> None:
    """Pick the peaks with OpenMS, and write those above ten times the noise."""
    import pyopenms

    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("profile", "mz", "intensity"))
        for name, profile in build_profiles().items():
            spectrum, picked = pyopenms.MSSpectrum(), pyopenms.MSSpectrum()
            spectrum.set_peaks((profile.mz, profile.intensity))
            spectrum.setType(pyopenms.SpectrumSettings.SpectrumType.PROFILE)
            pyopenms.PeakPickerHiRes().pick(spectrum, picked)
            for mz, intensity in zip(*picked.get_peaks(), strict=True):
                if intensity >= 10 * NOISE:
                    writer.writerow((name, f"{mz:.7f}", f"{intensity:.1f}"))


if __name__ == "__main__":
    main()
