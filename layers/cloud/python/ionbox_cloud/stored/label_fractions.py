"""Labelled fractions: their images in ``ion_images.zarr``, and ``label_fractions.csv``.

EstimateFdr finds the series and lays out ``label_fractions``, (n_series, height, width) float32, an
object for each image: labelled over all, NaN where there is nothing of the molecule. Its attribute
``fraction_of`` maps the ions of ``annotations.csv`` to series, of which they have one per label.
The call of RenderImages that draws the molecule without labels writes the image, and leaves means
and a picture for PublishResults, which writes the table and the report.
"""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from ionbox_science import __version__
from ionbox_science.annotation.image_packing import pack_image
from ionbox_science.annotation.label_series import LabelFraction, LabelSeries
from ionbox_science.annotation.table import format_ion, name_adduct
from ionbox_science.columns import ArrayRecord

from ionbox_cloud import keys
from ionbox_cloud.messages import ImageItem
from ionbox_cloud.published import IMAGES, LABEL_FRACTIONS, ImageArrays
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.storage.zarr_writing import ZarrArray
from ionbox_cloud.store import Store
from ionbox_cloud.stored.pictures import deflate, text_bytes
from ionbox_cloud.stored.publication import Publication

COLUMNS = (
    "formula",
    "adduct",
    "chemMod",
    "neutralLoss",
    "label",
    "ion",
    "labelledIons",
    "fdr",
    "meanFraction",
    "overallFraction",
    "pixels",
)


@dataclass(frozen=True)
class StoredFractions(ArrayRecord):
    """What is known of the fraction images of some series, but for the images.

    Attributes
    ----------
    series : (n,) int64
        Their numbers, in the order of `find_label_series`.
    mean, overall : (n,) float64
        As `LabelFraction` has them.
    n_pixels : (n,) int64
        Pixels that have a fraction.
    n_bytes : (n,) int64
        Size of the picture of each.
    packed : (n_packed,) uint8
        The pictures, one after the other: one more than the fraction, and 0 where there is none,
        packed as `pack_image` does it, deflated.
    """

    series: npt.NDArray[np.int64]
    mean: npt.NDArray[np.float64]
    overall: npt.NDArray[np.float64]
    n_pixels: npt.NDArray[np.int64]
    n_bytes: npt.NDArray[np.int64]
    packed: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class ReportedFraction:
    """A series as table and report show it.

    Attributes
    ----------
    series : LabelSeries
        The molecule, its label and its ions.
    ions : list of str
        Names of the ions, that without labels first.
    mean, overall : float
        As `LabelFraction` has them.
    n_pixels : int
        Pixels that have a fraction.
    picture : bytes
        As `StoredFractions` has it.
    """

    series: LabelSeries
    ions: list[str]
    mean: float
    overall: float
    n_pixels: int
    picture: bytes


def name_series(series: LabelSeries, sign: str) -> list[str]:
    """Return the names of a series' ions as in ``annotations.csv``, that without labels first."""
    return [
        format_ion(formula, series.chem_mod, series.neutral_loss, series.adduct, sign)
        for formula in series.formulas
    ]


def describe_fractions(plan: RunPlan, found: Sequence[LabelSeries]) -> bytes:
    """Return the metadata of the array of fraction images."""
    return _lay_out(plan, len(found), found).describe()


def write_fraction(
    publication: Publication, plan: RunPlan, series: int, image: npt.NDArray[np.float32]
) -> None:
    """Write the fraction image of a series, (height, width) float32.

    There is an object for each, so that a lost one is seen: zeros, which need none, become -0.
    """
    kept = image if image.any() else np.full_like(image, -0.0)
    written = _lay_out(plan, series + 1).encode(kept[np.newaxis], series)
    assert written is not None, "no bit of it is set"
    name, content = written
    publication.write(f"{IMAGES}/{ImageArrays.LABEL_FRACTIONS}/{name}", content)


def _lay_out(plan: RunPlan, n_series: int, found: Sequence[LabelSeries] = ()) -> ZarrArray:
    fraction_of: dict[str, dict[str, int]] = {}
    sign = "+" if plan.config.polarity == "positive" else "-"
    for number, series in enumerate(found):
        for ion in name_series(series, sign):
            fraction_of.setdefault(ion, {})[series.label] = number
    one = (1, plan.height, plan.width)
    return ZarrArray(
        (n_series, plan.height, plan.width),
        np.dtype(np.float32),
        ("series", "y", "x"),
        chunk=one,
        shard=one,
        attributes={ImageArrays.FRACTION_OF: fraction_of},
    )


def pack_fractions(measured: Mapping[int, LabelFraction]) -> StoredFractions:
    """Pack what is known of the fractions of series, by their numbers."""
    pictures = [_picture(each.image) for each in measured.values()]
    return StoredFractions(
        series=np.array(list(measured), np.int64),
        mean=np.array([each.mean for each in measured.values()]),
        overall=np.array([each.overall for each in measured.values()]),
        n_pixels=np.array([each.n_pixels for each in measured.values()], np.int64),
        n_bytes=np.array([len(each) for each in pictures], np.int64),
        packed=np.frombuffer(b"".join(pictures), np.uint8),
    )


def _picture(image: npt.NDArray[np.float32]) -> bytes:
    # so that a fraction of 0 is not taken for a pixel without any
    shifted = np.where(np.isnan(image), 0, image + 1).astype(np.float32)
    # and so that the brightest, which pictures are relative to, is always 2
    _, packed = pack_image(np.append(shifted.ravel(), np.float32(2)))
    return deflate(packed.data)


def read_fractions(
    work: Store, plan: RunPlan, found: Sequence[LabelSeries], written: Iterable[ImageItem]
) -> list[ReportedFraction]:
    """Read what RenderImages left of the label series of a run, in their order.

    Parameters
    ----------
    work : Store
        The work bucket.
    plan : RunPlan
        The run.
    found : sequence of LabelSeries
        Its series.
    written : iterable of ImageItem
        The items that left something: those that drew a molecule without labels.
    """
    sign = "+" if plan.config.polarity == "positive" else "-"
    names = [keys.label_fractions(plan.run_id, item.start, item.stop) for item in written]
    reported: dict[int, ReportedFraction] = {}
    for arrays in work.read_many_arrays(names):
        stored = StoredFractions.from_arrays(arrays)
        stops = np.cumsum(stored.n_bytes)
        for row, number in enumerate(stored.series.tolist()):
            begin = int(stops[row] - stored.n_bytes[row])
            reported[number] = ReportedFraction(
                found[number],
                name_series(found[number], sign),
                float(stored.mean[row]),
                float(stored.overall[row]),
                int(stored.n_pixels[row]),
                stored.packed[begin : stops[row]].tobytes(),
            )
    return [reported[number] for number in sorted(reported)]


def write_fraction_table(publication: Publication, reported: Sequence[ReportedFraction]) -> None:
    """Write ``label_fractions.csv``: a row per series. Without any there is no file."""
    if not reported:
        return
    text = io.StringIO()
    text.write(f"# ionbox {__version__}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in reported:
        series = each.series
        writer.writerow(
            [
                series.formulas[0],
                name_adduct(series.adduct),
                series.chem_mod,
                series.neutral_loss,
                series.label,
                each.ions[0],
                ", ".join(each.ions[1:]),
                *(f"{number:.6g}" for number in (series.fdr, each.mean, each.overall)),
                each.n_pixels,
            ]
        )
    publication.write(LABEL_FRACTIONS, text.getvalue().encode())


def describe_for_page(reported: Sequence[ReportedFraction], max_bytes: int) -> list[dict[str, Any]]:
    """Return the series as the report has them; pictures until there is no more room."""
    described = []
    for each in reported:
        max_bytes -= text_bytes(len(each.picture))
        image = base64.b64encode(each.picture).decode() if max_bytes >= 0 else None
        described.append(
            {
                "ions": each.ions,
                "label": each.series.label,
                "mean": _finite(each.mean),
                "overall": _finite(each.overall),
                "image": image,
            }
        )
    return described


def _finite(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None
