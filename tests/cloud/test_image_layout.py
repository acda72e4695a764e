"""Images of a run: few objects, and who wants one image reads a small part of one of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import obstore.store
import pytest
import zarr
from ionbox_cloud import keys
from ionbox_cloud.planning.work_items import images_per_shard
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.store import Store
from ionbox_cloud.stored.images import ImageList, create_images, open_images, write_images
from ionbox_cloud.stored.publication import Publication
from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import ObjectStore

N_IONS, N_ISOTOPES, SIZE = 2000, 4, 80


class CountingStore(ObjectStore[obstore.store.ObjectStore]):
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
    return generator.lognormal(5, 2, (N_IONS, N_ISOTOPES, SIZE, SIZE)).astype(np.float32)


@pytest.fixture(scope="module")
def plan() -> RunPlan:
    return cast(RunPlan, SimpleNamespace(dataset_id="d", run_id="r", width=SIZE, height=SIZE))


@pytest.fixture(scope="module")
def results(
    images: np.ndarray[Any, Any], plan: RunPlan, tmp_path_factory: pytest.TempPathFactory
) -> Store:
    results = Store.open(tmp_path_factory.mktemp("results").as_uri())
    mz = np.linspace(100, 1000, N_IONS)[:, None] + np.arange(N_ISOTOPES)
    listed = ImageList(np.arange(N_IONS).astype(str), mz, np.ones(mz.shape, np.float32))
    publication = Publication(results, plan)
    create_images(publication, plan, listed, {f"ion {row}": row for row in range(N_IONS)})
    per_shard = images_per_shard(N_ISOTOPES, SIZE * SIZE)
    for start in range(0, N_IONS, per_shard):
        write_images(results, publication, start, images[start : start + per_shard])
    return results


def test_there_are_few_objects(results: Store, plan: RunPlan) -> None:
    folder = keys.results(plan.dataset_id, plan.run_id, "ion_images.zarr/images/c")
    assert len(results.list(folder)) == 4


@pytest.mark.parametrize(("row", "isotope"), [(0, 0), (777, 3), (N_IONS - 1, 1)])
def test_one_image_is_read_by_small_ranges(
    images: np.ndarray[Any, Any], results: Store, plan: RunPlan, row: int, isotope: int
) -> None:
    folder = keys.results(plan.dataset_id, plan.run_id, "ion_images.zarr")
    store = CountingStore(results.objects_below(folder), read_only=True)
    array: Any = zarr.open_group(store, mode="r")["images"]
    np.testing.assert_array_equal(array[row, isotope], images[row, isotope])
    assert 0 < store.n_bytes < 300_000  # of 205 MB


def test_images_of_an_isotope_are_read_together(
    images: np.ndarray[Any, Any], results: Store, plan: RunPlan
) -> None:
    stored = open_images(results, plan)
    assert stored.shape == images.shape
    assert stored.image_of["ion 3"] == 3
    np.testing.assert_array_equal(stored.read(600, 1300, 2), images[600:1300, 2])


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
                stored.read(0, stored.per_shard, isotope)
    finally:
        results.write(key, data)
    np.testing.assert_array_equal(open_images(results, plan).read(0, 9, 0), images[:9, 0])
