"""Cutting work into items, from counts alone."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from ionbox_cloud.planning.work_items import (
    IMAGE_CELLS_PER_CHUNK,
    IMAGE_CELLS_PER_SHARD,
    IONS_PER_CHUNK,
    IONS_PER_READ,
    IONS_PER_SCORE_ITEM,
    MOST_IMAGE_ITEMS,
    PEAKS_PER_MERGE_ITEM,
    PEAKS_PER_READ,
    PEAKS_PER_SCORE_ITEM,
    IonRange,
    cut,
    cut_image_items,
    cut_merge_items,
    cut_score_items,
    cut_shards,
    image_memory_mb,
    images_per_chunk,
    images_per_shard,
    ions_per_read,
)


@st.composite
def chunk_lists(draw: st.DrawFn) -> list[IonRange]:
    """Chunks as PlanAnnotation makes them: full ones, then perhaps a smaller one."""
    n_ions = draw(st.integers(0, 20 * IONS_PER_CHUNK))
    n_peaks = st.sampled_from([0, 1, 1000]) | st.integers(0, 10 * PEAKS_PER_SCORE_ITEM)
    return [IonRange(start, stop, draw(n_peaks)) for start, stop in cut(n_ions, IONS_PER_CHUNK)]


@given(st.integers(0, 1000), st.integers(1, 100))
def test_a_cut_has_everything_once_in_order(n: int, size: int) -> None:
    runs = list(cut(n, size))
    assert [i for start, stop in runs for i in range(start, stop)] == list(range(n))
    assert all(0 < stop - start <= size for start, stop in runs)


@given(chunk_lists())
def test_every_ion_is_in_one_item(chunks: list[IonRange]) -> None:
    items = cut_score_items(chunks)
    n_ions = chunks[-1].stop if chunks else 0
    assert (items[0].start if items else 0) == 0
    assert (items[-1].stop if items else 0) == n_ions
    assert all(item.start < item.stop for item in items)
    assert all(before.stop == after.start for before, after in pairwise(items))


@given(chunk_lists())
def test_no_item_is_too_large(chunks: list[IonRange]) -> None:
    for item in cut_score_items(chunks):
        start, stop = item.start, item.stop
        assert item.n_peaks <= PEAKS_PER_SCORE_ITEM
        assert stop - start <= IONS_PER_SCORE_ITEM
        touched = [chunk for chunk in chunks if chunk.start < stop and start < chunk.stop]
        # a part of a chunk is taken to have its share of the chunk's peaks
        per_ion = [chunk.n_peaks / (chunk.stop - chunk.start) for chunk in touched]
        n_peaks = sum(
            share * (min(stop, chunk.stop) - max(start, chunk.start))
            for share, chunk in zip(per_ion, touched, strict=True)
        )
        assert n_peaks <= PEAKS_PER_SCORE_ITEM + max(per_ion)  # ions are not split


@given(st.integers(0, IONS_PER_SCORE_ITEM), st.integers(0, PEAKS_PER_SCORE_ITEM))
def test_peaks_are_read_for_so_many_ions_that_memory_is_used_again(n: int, n_peaks: int) -> None:
    size = ions_per_read(n, n_peaks)
    assert 1 <= size <= IONS_PER_READ
    if 1 < size < IONS_PER_READ:
        assert n_peaks * (size - 1) / n <= PEAKS_PER_READ < n_peaks * (size + 1) / n


def test_small_chunks_are_joined() -> None:
    half, whole = IONS_PER_SCORE_ITEM // 2, IONS_PER_SCORE_ITEM
    chunks = [IonRange(0, half, 10), IonRange(half, whole, 10), IonRange(whole, whole + 900, 10)]
    assert cut_score_items(chunks) == [IonRange(0, whole, 20), IonRange(whole, whole + 900, 10)]


def test_a_crowded_chunk_is_split() -> None:
    chunks = [IonRange(0, 4096, 10), IonRange(4096, 8192, 2 * PEAKS_PER_SCORE_ITEM)]
    assert cut_score_items(chunks) == [
        IonRange(0, 4096, 10),
        IonRange(4096, 6144, PEAKS_PER_SCORE_ITEM),
        IonRange(6144, 8192, PEAKS_PER_SCORE_ITEM),
    ]


@given(st.integers(2, 16), st.integers(1, 10**8))
def test_a_chunk_of_images_fits_in_memory_or_is_one_ion(n_isotopes: int, n_pixels: int) -> None:
    per_chunk, per_shard = images_per_chunk(n_pixels), images_per_shard(n_isotopes, n_pixels)
    assert per_chunk >= 1
    assert per_chunk == 1 or per_chunk * n_pixels <= IMAGE_CELLS_PER_CHUNK
    assert per_shard % per_chunk == 0
    assert per_shard == 1 or per_shard * n_isotopes * n_pixels <= IMAGE_CELLS_PER_SHARD


@given(st.integers(0, 10**5), st.integers(2, 16), st.integers(1, 10**7))
def test_items_of_images_are_whole_shards_and_not_too_many(
    n_ions: int, n_isotopes: int, n_pixels: int
) -> None:
    items = cut_image_items(n_ions, n_isotopes, n_pixels)
    shards = [shard for item in items for shard in cut_shards(*item, n_isotopes, n_pixels)]
    assert [ion for start, stop in items for ion in range(start, stop)] == list(range(n_ions))
    assert shards == list(cut(n_ions, images_per_shard(n_isotopes, n_pixels)))
    assert len(items) <= MOST_IMAGE_ITEMS
    assert len(items) == len(shards) or len(shards) > MOST_IMAGE_ITEMS


def test_three_objects_of_each_item_of_many_large_images_are_read_in_twelve_waves() -> None:
    n_items = len(cut_image_items(2000, 4, 1000 * 1000))
    assert n_items > 40  # and still many calls draw at once
    assert 3 * n_items <= 12 * 32


def test_images_take_memory_by_the_shard() -> None:
    whole = image_memory_mb(IMAGE_CELLS_PER_SHARD, 0)
    assert whole == image_memory_mb(IMAGE_CELLS_PER_SHARD, 1_000_000)  # gone when it is stored
    assert image_memory_mb(IMAGE_CELLS_PER_SHARD, 20_000_000) > whole + 150


@given(st.lists(st.integers(0, 3 * PEAKS_PER_MERGE_ITEM), min_size=1, max_size=60))
def test_every_segment_is_merged_once_in_items_of_bounded_size(n_peaks: list[int]) -> None:
    items = cut_merge_items(n_peaks)
    assert [i for item in items for i in range(item.start, item.stop)] == list(range(len(n_peaks)))
    for item in items:
        inside = n_peaks[item.start : item.stop]
        assert inside
        assert item.n_peaks == sum(inside)
        assert len(inside) == 1 or sum(inside) <= PEAKS_PER_MERGE_ITEM
