"""Images of a run: few objects, and who wants one image reads a small part of one of them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import zarr
from ionbox_cloud import keys
from ionbox_cloud.planning.work_items import images_per_shard
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.storage.zarr_folder import ZarrFolder
from ionbox_cloud.store import Store
from ionbox_cloud.stored.images import ImageList, create_images, write_images
from ionbox_cloud.stored.publication import Publication
from ionbox_science.imzml.header import ImzmlHeader
from zarr.abc.store import (
    ByteRequest,
    OffsetByteRequest,
    RangeByteRequest,
    SuffixByteRequest,
)
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype

N_IONS, N_ISOTOPES, SIZE = 2000, 4, 80


class CountingStore(ZarrFolder):
    """Counts the bytes that are read from objects with images."""

    n_bytes = 0

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        found = await super().get(key, prototype, byte_range)
        if found is not None and "/c/" in key:
            self.n_bytes += len(found)
        return found


@pytest.fixture(scope="module")
def images() -> np.ndarray[Any, Any]:
    generator = np.random.default_rng(1)
    return generator.standard_exponential((N_IONS, N_ISOTOPES, SIZE, SIZE), np.float32)


@pytest.fixture(scope="module")
def plan() -> RunPlan:
    config = SimpleNamespace(isotope_peaks=N_ISOTOPES)
    run = SimpleNamespace(dataset_id="d", run_id="r", width=SIZE, height=SIZE, config=config)
    return cast(RunPlan, run)


@pytest.fixture(scope="module")
def results(
    images: np.ndarray[Any, Any], plan: RunPlan, tmp_path_factory: pytest.TempPathFactory
) -> Store:
    results = Store.open(tmp_path_factory.mktemp("results").as_uri())
    mz = np.linspace(100, 1000, N_IONS)[:, None] + np.arange(N_ISOTOPES)
    names = np.arange(N_IONS).astype(str)
    none = np.zeros(0, np.int64)
    place = np.zeros(mz.shape, np.int64)
    listed = ImageList(names, mz, np.ones(mz.shape, np.float32), place, none, none, none)
    publication = Publication(results, plan)
    image_of = {f"ion {row}": row for row in range(N_IONS)}
    header = cast(ImzmlHeader, SimpleNamespace(mask=np.ones((SIZE, SIZE), bool), gaps_closed=False))
    tic = images[0, 0].astype(np.float64)
    create_images(publication, plan, listed, image_of, [], tic, header)
    per_shard = images_per_shard(N_ISOTOPES, SIZE * SIZE)
    for start in range(0, N_IONS, per_shard):
        write_images(publication, plan, start, images[start : start + per_shard])
    return results


def open_images(results: Store, plan: RunPlan) -> Any:
    folder = keys.results(plan.dataset_id, plan.run_id, "ion_images.zarr")
    return zarr.open_group(ZarrFolder(results.objects_below(folder)), mode="r")["images"]


def test_there_are_few_objects(results: Store, plan: RunPlan) -> None:
    folder = keys.results(plan.dataset_id, plan.run_id, "ion_images.zarr/images/c")
    assert len(results.list(folder)) == 4


@pytest.mark.parametrize(("row", "isotope"), [(0, 0), (777, 3), (N_IONS - 1, 1)])
def test_one_image_is_read_by_small_ranges(
    images: np.ndarray[Any, Any], results: Store, plan: RunPlan, row: int, isotope: int
) -> None:
    folder = keys.results(plan.dataset_id, plan.run_id, "ion_images.zarr")
    store = CountingStore(results.objects_below(folder))
    array: Any = zarr.open_group(store, mode="r")["images"]
    np.testing.assert_array_equal(array[row, isotope], images[row, isotope])
    assert 0 < store.n_bytes < 300_000  # of 205 MB


def test_images_of_an_isotope_are_read_together(
    images: np.ndarray[Any, Any], results: Store, plan: RunPlan
) -> None:
    stored = open_images(results, plan)
    assert stored.shape == images.shape
    assert stored.attrs["image_of"]["ion 3"] == 3
    np.testing.assert_array_equal(stored[600:1300, 2], images[600:1300, 2])


@pytest.mark.usefixtures("futures_fail")
def test_no_thread_of_rust_ends_what_is_read(results: Store, plan: RunPlan) -> None:
    stored = open_images(results, plan)
    assert stored[0:3, 0].any()


@pytest.mark.parametrize(
    ("byte_range", "expected"),
    [
        (None, b"0123456789"),
        (RangeByteRequest(2, 5), b"234"),
        (OffsetByteRequest(7), b"789"),
        (SuffixByteRequest(4), b"6789"),
    ],
)
@pytest.mark.usefixtures("futures_fail")
def test_ranges_are_what_zarr_asks_for(
    tmp_path: Path, byte_range: ByteRequest | None, expected: bytes
) -> None:
    store = Store.open(tmp_path.as_uri())
    store.write("folder/digits", b"0123456789")
    folder = ZarrFolder(store.objects_below("folder"))
    prototype = default_buffer_prototype()

    async def read() -> None:
        read = await folder.get("digits", prototype, byte_range)
        assert read is not None
        assert read.to_bytes() == expected
        (again, none) = await folder.get_partial_values(
            prototype, [("digits", byte_range), ("none", byte_range)]
        )
        assert again is not None
        assert again.to_bytes() == expected
        assert none is None
        assert await folder.exists("digits")
        assert not await folder.exists("none")

    asyncio.run(read())


def test_it_is_for_reading_only(tmp_path: Path) -> None:
    objects = Store.open(tmp_path.as_uri()).objects_below("folder")
    assert ZarrFolder(objects).with_read_only(True).read_only
    with pytest.raises(ValueError, match="cannot be written to"):
        ZarrFolder(objects).with_read_only(False)


@pytest.mark.parametrize("place", [0.01, 0.3, 0.6, 0.95, 1])
def test_a_damaged_image_is_never_read(
    results: Store, plan: RunPlan, place: float, images: np.ndarray[Any, Any]
) -> None:
    """As zarr-python reads it: each chunk has a checksum, and so has their index."""
    key = keys.results(plan.dataset_id, plan.run_id, "ion_images.zarr/images/c/0/0/0/0")
    data = results.read(key)
    damaged = bytearray(data)
    damaged[int((len(data) - 1) * place)] ^= 4
    results.write(key, bytes(damaged))
    try:
        stored = open_images(results, plan)
        with pytest.raises((ValueError, RuntimeError), match="checksum"):
            for isotope in range(N_ISOTOPES):
                _ = stored[: stored.shards[0], isotope]
    finally:
        results.write(key, data)
    np.testing.assert_array_equal(open_images(results, plan)[:9, 0], images[:9, 0])
