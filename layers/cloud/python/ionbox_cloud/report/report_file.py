"""``report.html``: what a run found, in one file that opens anywhere.

Goes in: the run record, the annotations, the images. Comes out: a page with its data in it, JSON in
elements of their own: ``run`` (everything but ion images) and one ``image-<row>`` per ion. The page
parses an ion's images only when they are looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from ionbox_science.annotation.colocalization import Colocalization
from ionbox_science.annotation.quality import fdr_curve

from ionbox_cloud.published import REPORT
from ionbox_cloud.records.run_record import RunRecord
from ionbox_cloud.report.images import EncodedImage, encode_best, encode_image, encode_mask
from ionbox_cloud.report.page_assembly import assemble_page, encode_block
from ionbox_cloud.report.rows import MAX_PARTNERS, Partner, Row, describe_annotations
from ionbox_cloud.store import Store
from ionbox_cloud.stored.annotations import FoundDatabase
from ionbox_cloud.stored.label_fractions import ReportedFraction, describe_for_page
from ionbox_cloud.stored.pictures import GOOD_FDR, REPORT_BYTES, Pictures
from ionbox_cloud.stored.publication import Publication

DATA_VERSION = 2
"""Of the data in the page. A report has the page that fits them; the viewer shows the data of any
report in its own page, and says so where they are newer."""

_MAX_TABLE_BYTES = 10_000_000  # so that images always have room, however many the annotations
_MAX_FRACTION_BYTES = 3_000_000  # pictures of labelled fractions beyond are left out
MAX_TIC_BYTES = 5_000_000  # a larger one is left out

_RUN_BLOCK = re.compile(rb'<script type="application/json" id="run">(.*?)</script>', re.DOTALL)


@dataclass(frozen=True)
class Overview:
    """The images of a run that are of no ion.

    Attributes
    ----------
    tic : (height, width) float64, counts
        Total ion current of each pixel.
    mask : (height, width) bool
        True where a pixel was measured.
    """

    tic: npt.NDArray[np.float64]
    mask: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ReportImages:
    """The ion images that a report chooses from.

    Attributes
    ----------
    image_of : mapping of str to int
        Row of the images of each ion, by its name in ``annotations.csv``.
    pictures : sequence of Pictures
        The images, by row.
    """

    image_of: Mapping[str, int]
    pictures: Sequence[Pictures]


def write_report(
    publication: Publication,
    record: RunRecord,
    found: Sequence[FoundDatabase],
    images: ReportImages,
    overview: Overview,
    colocalized: Colocalization,
    fractions: Sequence[ReportedFraction] = (),
) -> None:
    """Write the report of a run; see `make_report`."""
    partners = name_partners(colocalized, MAX_PARTNERS)
    page = make_report(record, found, images, overview, partners, fractions=fractions)
    publication.write(REPORT, b"".join(page))


def read_partners(results: Store, key: str, n: int | None = None) -> dict[str, list[Partner]]:
    """Read the (best n) colocalized partners of each ion of a run; none if nobody wrote them."""
    if not results.exists(key):
        return {}
    return name_partners(Colocalization.from_arrays(results.read_arrays(key)), n)


def name_partners(found: Colocalization, n: int | None = None) -> dict[str, list[Partner]]:
    """Return the (best n) colocalized partners of each ion."""
    ions = found.ion.tolist()
    return {
        ion: [
            Partner(ions[row], value) for row, value in zip(rows, values, strict=True) if row >= 0
        ]
        for ion, rows, values in zip(
            ions,
            found.partner[:, :n].tolist(),
            found.coefficient[:, :n].tolist(),
            strict=True,
        )
    }


def make_report(
    record: RunRecord,
    found: Sequence[FoundDatabase],
    images: ReportImages,
    overview: Overview,
    partners: Mapping[str, Sequence[Partner]] | None = None,
    max_bytes: int = REPORT_BYTES,
    fractions: Sequence[ReportedFraction] = (),
) -> list[bytes]:
    """Make the report of a run.

    Parameters
    ----------
    record : RunRecord
        What ``run.json`` will say.
    found : sequence of FoundDatabase
        Databases and their annotations, in the order of the plan.
    images : ReportImages
        Pictures of the ions, and which are whose.
    overview : Overview
        Total ion current and mask.
    partners : mapping of str to sequence of Partner, or None
        Colocalized ions of each ion, by its name.
    max_bytes : int
        Size of the file, bytes; it may be smaller.
    fractions : sequence of ReportedFraction
        Labelled fractions of molecules with isotope labels.

    Returns
    -------
    list of bytes
        The file in consecutive pieces.

    Notes
    -----
    Memory: the pictures, and the file twice.
    """
    config = record.config
    databases = [each.annotated for each in found]
    rows = describe_annotations(
        databases, config.polarity, config.ppm, images.image_of, partners or {}
    )
    annotations, table, n_left_out = _take_rows(rows, min(_MAX_TABLE_BYTES, max_bytes // 2))
    title = f"{record.dataset.name} · ionbox"
    run = _describe_run(record, found, overview)
    if fractions:
        run["labelFractions"] = describe_for_page(
            fractions, min(_MAX_FRACTION_BYTES, max_bytes // 8)
        )
    described = f'{encode_block(run)[:-1]},"annotations":[{",".join(table)}]'
    page = assemble_page("report", title, {"run": described + "}"})
    # the page without images is measured; a little is kept back for "omitted", not in it yet
    budget = max_bytes - sum(map(len, page)) - 1000
    groups = _group_images(annotations)
    encoded = encode_best(images.pictures, groups, budget)
    omitted = {
        "annotations": n_left_out,
        "images": sum(map(len, groups)) - len(encoded),
        "isotopes": sum(None in stored for stored in encoded.values()),
    }
    blocks = {"run": f'{described},"omitted":{encode_block(omitted)}}}'}
    blocks |= {f"image-{row}": _encode_images(encoded[row]) for row in sorted(encoded)}
    return assemble_page("report", title, blocks)


def read_report(data: bytes) -> dict[str, Any]:
    """Return the run, without ion images, that a report carries.

    Raises
    ------
    ValueError
        If the file is no report.
    """
    block = _RUN_BLOCK.search(data)
    if block is None:
        raise ValueError("no report of ionbox")
    run: dict[str, Any] = json.loads(block[1])
    return run


def _take_rows(rows: Iterable[Row], max_bytes: int) -> tuple[list[Row], list[str], int]:
    """Return the first rows, as far as they fit, the text of each, and how many are left out."""
    taken: list[Row] = []
    texts: list[str] = []
    n_left_out = 0
    for row in rows:
        # once a row does not fit none is taken, even a shorter one: the table has no holes
        text = "" if n_left_out else encode_block(row)
        max_bytes -= len(text)
        if n_left_out or max_bytes < 0:
            n_left_out += 1
        else:
            taken.append(row)
            texts.append(text)
    return taken, texts, n_left_out


def _group_images(annotations: Sequence[Row]) -> tuple[list[int], list[int]]:
    """Return the images of annotations up to `GOOD_FDR`, and those of the rest, each by rank."""
    seen = [row for row in annotations if row["image"] >= 0]
    good = dict.fromkeys(row["image"] for row in seen if row["fdr"] <= GOOD_FDR)
    rest = dict.fromkeys(row["image"] for row in seen if row["image"] not in good)
    return list(good), list(rest)


def _describe_run(
    record: RunRecord,
    found: Sequence[FoundDatabase],
    overview: Overview,
) -> dict[str, Any]:
    """Return the data of the page but for annotations and ion images."""
    said = record.to_json()
    tic = encode_image(overview.tic)
    # where the data lie concerns whoever ran it, not whoever gets the report
    shared = {name: value for name, value in said.items() if name != "sources"}
    return {
        **shared,
        "version": DATA_VERSION,
        "dataset": {
            **said["dataset"],
            "pixelSize": said["dataset"]["pixel_size_um"],
            "polarity": record.config.polarity,
        },
        "tic": tic.to_json() if len(tic.packed) < MAX_TIC_BYTES else None,
        "mask": {"data": encode_mask(overview.mask)},
        "maxPartners": MAX_PARTNERS,
        "fdrCurve": {each.name: _curve(each) for each in found},
        "msm": {
            each.name: {"targets": targets.tolist(), "decoys": decoys.round(4).tolist()}
            for each in found
            for targets, decoys in [each.msm_histogram]
        },
    }


def _curve(found: FoundDatabase) -> list[list[float]]:
    return [[rank, float(f"{fdr:.6g}")] for rank, fdr in fdr_curve(found.annotated.annotations.fdr)]


def _encode_images(images: Sequence[EncodedImage | None]) -> str:
    """Write the images of an ion as `encode_block` would: base64 has nothing to escape."""
    maxima = encode_block([image.maximum if image else 0 for image in images])
    packed = ",".join(f'"{image.packed}"' if image else "null" for image in images)
    return f'{{"max":{maxima},"packed":[{packed}]}}'
