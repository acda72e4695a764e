"""``ion_images.zarr``: annotated ions × isotopes × y × x, in few objects (shards) of many chunks.

A chunk has the images of one isotope peak of some ions, so one image is a small range of an object
to read. EstimateFdr lists the ions and writes all but the images, each call of RenderImages writes
shards. Each chunk has a CRC-32C, which readers of zarr check.

::

    images            (n_ions, n_isotopes, height, width) float32 counts; its attribute
                      ``image_of`` maps the ions of ``annotations.csv`` to rows, and ``silent``,
                      if it is there, lists rows without any intensity
    ion_formula       (n_ions,) string        ions by ascending m/z
    mz                (n_ions, n_isotopes) float64, theoretical, zero padded
    abundance         (n_ions, n_isotopes) float32, theoretical, the highest of an ion 100
    tic               (height, width) float64 counts
    mask              (height, width) bool    measured pixels
    label_fractions   (n_series, height, width) float32, only where molecules are annotated with and
                      without isotope labels; `ionbox_cloud.stored.label_fractions`
    x, y              (width,), (height,) int64, only where images leave out the rows and columns
                      between regions far apart: the position in the file of each that is there
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from ionbox_science.annotation.annotations import Annotations
from ionbox_science.annotation.colocalization import Colocalization, colocalize
from ionbox_science.annotation.label_series import LabelSeries
from ionbox_science.annotation.table import name_ions
from ionbox_science.columns import ArrayRecord
from ionbox_science.imzml.header import ImzmlHeader

from ionbox_cloud import keys
from ionbox_cloud.planning.work_items import images_per_chunk, images_per_shard
from ionbox_cloud.published import COLOCALIZATION, IMAGES, ImageArrays
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.storage.zarr_writing import METADATA, ZarrArray, describe_group
from ionbox_cloud.store import Store
from ionbox_cloud.stored.label_fractions import describe_fractions
from ionbox_cloud.stored.pictures import order_pictures
from ionbox_cloud.stored.publication import Publication

if TYPE_CHECKING:
    import zarr
    from typing_extensions import Buffer  # collections.abc has it from Python 3.12 on


@dataclass(frozen=True)
class ImageList(ArrayRecord):
    """The ions to draw: each ion formula once, by ascending m/z.

    Attributes
    ----------
    ion_formula : (n_ions,) str
        What the ions consist of. Ions of one formula have one image.
    mz : (n_ions, n_isotopes) float64
        Theoretical m/z of the isotope peaks, zero padded.
    abundance : (n_ions, n_isotopes) float32
        Theoretical abundances, relative to a base peak of 100; zero padded.
    place : (n_ions, n_isotopes) int64
        Of each image in the order in which the report takes them.
    silent : (n_silent,) int64
        Rows of ions without any intensity; a targeted database may have some.
    series : (n_members,) int64
        Number of the label series that a row of images belongs to, ascending.
    member : (n_members,) int64
        That row; of each series first the molecule without labels, then by their number.
    """

    ion_formula: npt.NDArray[np.str_]
    mz: npt.NDArray[np.float64]
    abundance: npt.NDArray[np.float32]
    place: npt.NDArray[np.int64]
    silent: npt.NDArray[np.int64]
    series: npt.NDArray[np.int64]
    member: npt.NDArray[np.int64]

    def members(self, series: int) -> npt.NDArray[np.int64]:
        """Return the rows of a label series: (n,) int64."""
        return np.asarray(self.member[self.series == series])

    def series_of(self, start: int, stop: int) -> list[int]:
        """Return the label series whose natural molecule is in rows ``start`` to ``stop``."""
        found, first = np.unique(self.series, return_index=True)
        natural = self.member[first]
        return [int(series) for series in found[(natural >= start) & (natural < stop)]]


_RANK = ("fdr", "msm")


def list_images(databases: Sequence[Annotations], found: Sequence[LabelSeries]) -> ImageList:
    """List the distinct ion formulas of all annotations by m/z.

    By m/z, so that the windows of an item lie close together in the segments. ``found`` are the
    label series of these annotations.
    """
    ion_formula = np.concatenate([table.ion_formula for table in databases])
    mz = np.concatenate([table.pattern_mz for table in databases])
    abundance = np.concatenate([table.pattern_intensity for table in databases])
    ion_formula, first, formula = np.unique(ion_formula, return_index=True, return_inverse=True)
    order = np.argsort(mz[first, 0], kind="stable")
    rows = first[order]
    image = np.argsort(order)[formula]
    fdr, msm = (np.concatenate([getattr(table, name) for table in databases]) for name in _RANK)
    ranked = zip(fdr.tolist(), msm.tolist(), image.tolist(), strict=True)
    place = order_pictures(len(rows), mz.shape[1], ranked)
    ion_formula = ion_formula[order]
    row_of = {formula: row for row, formula in enumerate(ion_formula.tolist())} if found else {}
    member = [row_of[formula] for series in found for formula in series.ion_formulas]
    series = np.repeat(np.arange(len(found)), [len(each.ion_formulas) for each in found])
    total = np.concatenate([table.total_intensity[:, 0] for table in databases])
    return ImageList(
        ion_formula,
        mz[rows],
        abundance[rows],
        place,
        silent=np.flatnonzero(total[rows] == 0),
        series=series.astype(np.int64),
        member=np.array(member, np.int64),
    )


def read_image_list(work: Store, run_id: str) -> ImageList:
    """Read the list of ions to draw, which EstimateFdr wrote."""
    return ImageList.from_arrays(work.read_arrays(keys.run_images(run_id)))


def index_images(
    images: ImageList, databases: Iterable[Annotations], plan: RunPlan
) -> dict[str, int]:
    """Return the row of the image list of each ion, by its name in ``annotations.csv``."""
    place = {ion_formula: index for index, ion_formula in enumerate(images.ion_formula.tolist())}
    return {
        name: place[ion_formula]
        for table in databases
        for name, ion_formula in zip(
            name_ions(table, plan.config.polarity), table.ion_formula.tolist(), strict=True
        )
    }


def create_images(
    publication: Publication,
    plan: RunPlan,
    images: ImageList,
    image_of: Mapping[str, int],
    found: Sequence[LabelSeries],
    tic: npt.NDArray[np.float64],
    header: ImzmlHeader,
) -> None:
    """Lay out the images of a run, and write the arrays beside them, whatever is there already.

    Parameters
    ----------
    publication : Publication
        Writes the arrays.
    plan : RunPlan
        The run; it has the size of the images.
    images : ImageList
        The ions to draw.
    image_of : mapping of str to int
        As `index_images` returns it.
    found : sequence of LabelSeries
        The label series of the run.
    tic : (height, width) float64
        Total ion current, counts.
    header : ImzmlHeader
        Has the mask, and positions if they are needed.
    """
    layout = _lay_out(plan, len(images.mz), image_of, images.silent.tolist())
    files: dict[str, Buffer] = {
        METADATA: describe_group(),
        f"{ImageArrays.IMAGES}/{METADATA}": layout.describe(),
        **_encode(ImageArrays.MZ, images.mz, ("ion", "isotope")),
        **_encode(ImageArrays.ABUNDANCE, images.abundance, ("ion", "isotope")),
        **_encode(ImageArrays.ION_FORMULA, images.ion_formula, ("ion",)),
        **_encode(ImageArrays.TIC, tic, ("y", "x")),
        **_encode(ImageArrays.MASK, header.mask, ("y", "x")),
    }
    if header.gaps_closed:
        files |= _encode(ImageArrays.X, header.layout.x, ("x",))
        files |= _encode(ImageArrays.Y, header.layout.y, ("y",))
    if found:
        described = describe_fractions(plan, found)
        files |= {f"{ImageArrays.LABEL_FRACTIONS}/{METADATA}": described}
    for name, content in files.items():
        publication.write(f"{IMAGES}/{name}", content)


def write_images(
    publication: Publication, plan: RunPlan, start: int, images: npt.NDArray[np.float32]
) -> None:
    """Write the images of ions from ``start`` on, (n, n_isotopes, height, width) float32, counts.

    They must be a whole shard, so that no two calls write the same object.
    """
    shard = _lay_out(plan, start + len(images)).encode(images, start)
    if shard is not None:
        name, content = shard
        publication.write(f"{IMAGES}/{ImageArrays.IMAGES}/{name}", content)


def read_first_isotopes(group: zarr.Group) -> Iterator[npt.NDArray[np.float32]]:
    """Yield the images of first isotope peaks, (n, height, width) float32, object by object."""
    images: Any = group[ImageArrays.IMAGES]
    per_read = (images.shards or images.chunks)[0]  # none in results of older versions
    for start in range(0, images.shape[0], per_read):
        yield images[start : start + per_read, 0]


def colocalize_images(group: zarr.Group) -> Colocalization:
    """Find for each ion of a run those whose first isotope images look most alike."""
    images: Any = group[ImageArrays.IMAGES]
    n_images, _, height, width = images.shape
    image_of = list(images.attrs[ImageArrays.IMAGE_OF].items())
    return colocalize(read_first_isotopes(group), n_images, (height, width), image_of)


def write_colocalization(publication: Publication, found: Colocalization) -> None:
    """Write which ions of a run have similar images."""
    publication.write_arrays(COLOCALIZATION, found.to_arrays())


def _lay_out(
    plan: RunPlan,
    n_ions: int,
    image_of: Mapping[str, int] | None = None,
    silent: Sequence[int] = (),
) -> ZarrArray:
    n_isotopes = plan.config.isotope_peaks
    size = (plan.height, plan.width)
    n_pixels = plan.height * plan.width
    return ZarrArray(
        (n_ions, n_isotopes, *size),
        np.dtype(np.float32),
        ("ion", "isotope", "y", "x"),
        chunk=(images_per_chunk(n_pixels), 1, *size),
        shard=(images_per_shard(n_isotopes, n_pixels), n_isotopes, *size),
        attributes={
            ImageArrays.IMAGE_OF: image_of or {},
            **({ImageArrays.SILENT: silent} if silent else {}),
        },
    )


def _encode(
    name: str, values: npt.NDArray[Any], dimension_names: tuple[str, ...]
) -> dict[str, Buffer]:
    """Return the objects of an array that is one chunk, by their names."""
    array = ZarrArray.of(values, dimension_names)
    chunk = array.encode(values)
    found: dict[str, Buffer] = {f"{name}/{METADATA}": array.describe()}
    return found if chunk is None else {**found, f"{name}/{chunk[0]}": chunk[1]}
