"""The images of one ion, as `Run.isotope_images` returns them; METASPACE's class of that name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

from ionbox.results.scaling import Image


@dataclass(frozen=True, eq=False)
class IsotopeImages(Sequence[Image]):
    """Images of an ion's isotope peaks, by ascending m/z.

    A sequence of (height, width) float32 arrays: ``images[0]`` is that of the first isotope peak,
    ``len(images)`` is how many there are.

    Attributes
    ----------
    formula, adduct, neutral_loss, chem_mod : str
        What the ion is made of; the last two are empty if it has none.
    mz : list of float
        Theoretical m/z of each image; 0 for an isotope peak that the pattern does not have.
    """

    _images: list[Image] = field(repr=False)
    formula: str
    adduct: str
    neutral_loss: str
    chem_mod: str
    mz: list[float]

    def __len__(self) -> int:
        return len(self._images)

    @overload
    def __getitem__(self, index: int) -> Image: ...

    @overload
    def __getitem__(self, index: slice) -> list[Image]: ...

    def __getitem__(self, index: int | slice) -> Image | list[Image]:
        return self._images[index]

    def __iter__(self) -> Iterator[Image]:
        return iter(self._images)

    def peak(self, index: int) -> float:
        """Return the theoretical m/z of the image at an index; METASPACE's way to ask for it."""
        return self.mz[index]

    def plot(self, n_images: int = -1) -> None:
        """Draw the images side by side into matplotlib's current figure, each below its m/z.

        Parameters
        ----------
        n_images : int
            How many of them; all if negative.

        Raises
        ------
        MissingLibrary
            If matplotlib is not installed; the message has the command that installs it.
        """
        from ionbox.extras import need

        plt = need("matplotlib.pyplot", "plots")
        n = len(self) if n_images < 0 else min(n_images, len(self))
        for index in range(n):
            plt.subplot(1, n, index + 1)
            plt.title(f"{self.peak(index):.4f}")
            plt.axis("off")
            plt.imshow(self[index], interpolation="none", cmap="viridis")
