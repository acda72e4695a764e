"""``ion_images.zarr``: annotated ions × isotopes × y × x, in few objects (shards) of many chunks.

A chunk has the images of one isotope peak of some ions, so one image is a small range of an object
to read. EstimateFdr lists the ions and lays the arrays out, each call of RenderImages writes
one shard, PublishResults adds TIC and mask. Each chunk has a CRC-32C, which readers of zarr check.

::

    images            (n_ions, n_isotopes, height, width) float32 counts; its attribute
                      ``image_of`` maps the ions of ``annotations.csv`` to rows
    ion_formula       (n_ions,) string        ions by ascending m/z
    mz                (n_ions, n_isotopes) float64, theoretical, zero padded
    abundance         (n_ions, n_isotopes) float32, theoretical, the highest of an ion 100
    tic               (height, width) float64 counts
    mask              (height, width) bool    measured pixels
    x, y              (width,), (height,) int64, only where images leave out the rows and columns
                      between regions far apart: the position in the file of each that is there
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from ionbox_science.annotation.annotations import Annotations
from ionbox_science.annotation.colocalization import Colocalization, colocalize
from ionbox_science.annotation.table import name_ions
from ionbox_science.columns import ArrayRecord
from ionbox_science.imzml.header import ImzmlHeader

from ionbox_cloud import keys
from ionbox_cloud.planning.work_items import images_per_chunk, images_per_shard
from ionbox_cloud.published import COLOCALIZATION, IMAGES, ImageArrays
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.store import Store
from ionbox_cloud.stored.publication import Publication

if TYPE_CHECKING:
    import zarr
    from zarr.core.buffer import Buffer

    Objects = dict[str, Buffer]


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
    """

    ion_formula: npt.NDArray[np.str_]
    mz: npt.NDArray[np.float64]
    abundance: npt.NDArray[np.float32]


@dataclass(frozen=True)
class StoredImages:
    """The images of a run, as they are stored.

    Attributes
    ----------
    shape : tuple of int
        (n_ions, n_isotopes, height, width) of the whole array.
    per_shard : int
        Ions that share an object.
    image_of : mapping of str to int
        Row of each ion, by its name in ``annotations.csv``.
    read : callable
        Takes (start, stop, isotope); returns the images of that isotope peak of ions ``start`` to
        ``stop``, (n, height, width) float32, counts.
    """

    shape: tuple[int, ...]
    per_shard: int
    image_of: Mapping[str, int]
    read: Callable[[int, int, int], npt.NDArray[np.float32]]


def list_images(databases: Sequence[Annotations]) -> ImageList:
    """List the distinct ion formulas of all annotations by m/z.

    By m/z, so that the windows of an item lie close together in the segments.
    """
    ion_formula = np.concatenate([table.ion_formula for table in databases])
    mz = np.concatenate([table.pattern_mz for table in databases])
    abundance = np.concatenate([table.pattern_intensity for table in databases])
    ion_formula, first = np.unique(ion_formula, return_index=True)
    order = np.argsort(mz[first, 0], kind="stable")
    rows = first[order]
    return ImageList(ion_formula[order], mz[rows], abundance[rows])


def read_image_list(work: Store, run_id: str) -> ImageList:
    """Read the list of ions to draw, which EstimateFdr wrote."""
    return ImageList.from_arrays(work.read_arrays(keys.run_images(run_id)))


def index_images(
    images: ImageList, databases: Sequence[Annotations], plan: RunPlan
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
    publication: Publication, plan: RunPlan, images: ImageList, image_of: dict[str, int]
) -> None:
    """Lay out the arrays of a run, whatever is there already.

    Parameters
    ----------
    publication : Publication
        Writes the arrays.
    plan : RunPlan
        The run; it has the size of the images.
    images : ImageList
        The ions to draw.
    image_of : dict of str to int
        As `index_images` returns it.
    """
    objects, group = _make_group()
    n_ions, n_isotopes = images.mz.shape
    size = (plan.height, plan.width)
    n_pixels = plan.height * plan.width
    array = group.create_array(
        ImageArrays.IMAGES,
        shape=(n_ions, n_isotopes, *size),
        shards=(images_per_shard(n_isotopes, n_pixels), n_isotopes, *size),
        chunks=(images_per_chunk(n_pixels), 1, *size),
        compressors=_compressors(),
        dtype="float32",
        dimension_names=("ion", "isotope", "y", "x"),
    )
    array.attrs[ImageArrays.IMAGE_OF] = image_of
    _put(group, ImageArrays.MZ, images.mz, ("ion", "isotope"))
    _put(group, ImageArrays.ABUNDANCE, images.abundance, ("ion", "isotope"))
    names: Any = group.create_array(
        ImageArrays.ION_FORMULA,
        shape=images.ion_formula.shape,
        compressors=_compressors(),
        dtype=str,
        dimension_names=("ion",),
    )
    if images.ion_formula.size:
        names[:] = images.ion_formula.astype(np.dtypes.StringDType())
    _publish(publication, objects)


def write_images(
    results: Store, publication: Publication, start: int, images: npt.NDArray[np.float32]
) -> None:
    """Write the images of ions from ``start`` on, (n, n_isotopes, height, width) float32, counts.

    They must be whole shards: for part of one, zarr would read the object and write it back, and
    two calls at once would undo each other's work.
    """
    import zarr
    from zarr.core.buffer import default_buffer_prototype
    from zarr.storage import MemoryStore

    layout = f"{ImageArrays.IMAGES}/zarr.json"
    stored = results.read(publication.key(f"{IMAGES}/{layout}"))
    objects = {layout: default_buffer_prototype().buffer.from_bytes(stored)}
    array: Any = zarr.open_array(MemoryStore(objects), path=ImageArrays.IMAGES, mode="r+")
    array[start : start + len(images)] = images
    del objects[layout]
    _publish(publication, objects)


def open_images(results: Store, plan: RunPlan) -> StoredImages:
    """Open the images of a run to read them; nothing but their layout is read here."""
    array: Any = _open_group(results, plan)[ImageArrays.IMAGES]
    return StoredImages(
        shape=array.shape,
        per_shard=array.shards[0],
        image_of=array.attrs[ImageArrays.IMAGE_OF],
        read=lambda start, stop, isotope: array[start:stop, isotope],
    )


def write_overview(
    publication: Publication, tic: npt.NDArray[np.float64], header: ImzmlHeader
) -> None:
    """Write the total ion current, (height, width) counts, the mask, and positions if needed."""
    objects, group = _make_group()
    _put(group, ImageArrays.TIC, tic, ("y", "x"))
    _put(group, ImageArrays.MASK, header.mask, ("y", "x"))
    if header.gaps_closed:
        _put(group, ImageArrays.X, header.layout.x, ("x",))
        _put(group, ImageArrays.Y, header.layout.y, ("y",))
    _publish(publication, objects)


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


def write_colocalization(results: Store, publication: Publication, plan: RunPlan) -> None:
    """Write which ions of a run have similar images, from the images as they are stored."""
    found = colocalize_images(_open_group(results, plan))
    publication.write_arrays(COLOCALIZATION, found.to_arrays())


def _put(
    group: zarr.Group, name: str, values: npt.NDArray[Any], dimension_names: tuple[str, ...]
) -> None:
    array = group.create_array(
        name,
        shape=values.shape,
        chunks=values.shape,
        compressors=_compressors(),
        dtype=values.dtype,
        dimension_names=dimension_names,
    )
    if values.size:
        array[...] = values


def _open_group(results: Store, plan: RunPlan) -> zarr.Group:
    import zarr  # 0.2 s, and most handlers do without

    from ionbox_cloud.storage.zarr_folder import ZarrFolder

    folder = keys.results(plan.dataset_id, plan.run_id, IMAGES)
    return zarr.open_group(ZarrFolder(results.objects_below(folder)), mode="r")


def _make_group() -> tuple[Objects, zarr.Group]:
    """Make a group in memory, and the mapping of its objects."""
    import zarr
    from zarr.storage import MemoryStore

    objects: Objects = {}
    return objects, zarr.create_group(MemoryStore(objects))


def _publish(publication: Publication, objects: Objects) -> None:
    """Publish the objects of a group in memory."""
    for name, content in objects.items():
        publication.write(f"{IMAGES}/{name}", content.as_numpy_array().data)


def _compressors() -> list[Any]:
    """Return how chunks are compressed and checked: zarr's usual way, then a checksum."""
    from zarr.codecs import Crc32cCodec, ZstdCodec

    return [ZstdCodec(level=0, checksum=False), Crc32cCodec()]
