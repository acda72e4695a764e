"""An ibd of the same size whose samples are the same: an edit in place is another dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pytest
from ionbox_cloud import identity
from ionbox_cloud.store import Store, Stores

from tests.handlers.in_memory import InMemoryRun
from tests.imzml_builder import Pair, build_pair, range_reader

NewRun = Callable[..., InMemoryRun]
TABLE = {"one": b"formula\nC6H12O6\n"}


@pytest.fixture(autouse=True)
def small_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples of the usual size would be all of so small a file."""
    monkeypatch.setattr(identity, "SAMPLE_BYTES", 16)


@pytest.fixture
def pair() -> Pair:
    spectra = [([100.0 + i / 16, 203.05, 300.0], [1.0, 2.0, 3.0]) for i in range(300)]
    return build_pair(spectra, [(x, 1) for x in range(1, 301)])


@pytest.fixture
def first(new_run: NewRun, pair: Pair) -> InMemoryRun:
    return new_run(pair=pair, databases=TABLE).run_all()


def edited(pair: Pair) -> bytes:
    """One m/z, outside of all samples, is another; so is no byte elsewhere."""
    good = np.array([100.0 + 11 / 16]).tobytes()
    assert pair.ibd.count(good) == 1
    return pair.ibd.replace(good, np.array([100.0 + 11.5 / 16]).tobytes())


def drop(stores: Stores, ibd: bytes) -> None:
    """Write the ibd: also of the same bytes, storage then gives it another tag."""
    stores.inbox.write("tissue.ibd", ibd)


def plan(run: InMemoryRun, name: str) -> InMemoryRun:
    attempt = run.again(name)
    attempt.plan()
    return attempt


def test_the_edit_is_not_in_the_samples(pair: Pair) -> None:
    names = {
        identity.identify_dataset(hashlib.sha256(), len(ibd), range_reader(ibd))
        for ibd in (pair.ibd, edited(pair))
    }
    assert len(names) == 1


def test_an_ibd_edited_in_place_is_another_dataset(first: InMemoryRun, pair: Pair) -> None:
    drop(first.stores, edited(pair))
    other = plan(first, "edited")
    assert other.answers["PlanRun"]["published"] is False
    assert other.planned.dataset_id != first.planned.dataset_id
    assert other.planned.segments_id != first.planned.segments_id
    other.run_all()
    again = plan(first, "edited again")
    assert again.planned.dataset_id == other.planned.dataset_id
    assert again.answers["PlanRun"]["published"] is True


def test_the_same_content_under_another_tag_is_the_same_dataset(
    first: InMemoryRun, pair: Pair
) -> None:
    drop(first.stores, edited(pair))
    plan(first, "edited")
    for attempt in ("back", "back again"):
        drop(first.stores, pair.ibd)
        back = plan(first, attempt)
        assert back.planned.dataset_id == first.planned.dataset_id
        assert back.answers["PlanRun"]["published"] is True


def test_the_whole_file_is_read_once_for_a_tag(
    first: InMemoryRun, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(first.stores, edited(pair))
    n_bytes: list[int] = []
    read = Store.read_range

    def counting(store: Store, key: str, offset: int, size: int) -> memoryview:
        if key == "tissue.ibd":
            n_bytes.append(size)
        return read(store, key, offset, size)

    monkeypatch.setattr(Store, "read_range", counting)
    plan(first, "edited")
    assert max(n_bytes) == len(pair.ibd)
    n_bytes.clear()
    plan(first, "edited again")
    assert max(n_bytes) < len(pair.ibd)


def test_where_the_first_checksum_is_gone_an_unknown_file_is_another_dataset(
    first: InMemoryRun, pair: Pair
) -> None:
    """Computed once more than needed, but never old results for other data."""
    kept = [key for key in first.stores.results.list("contents") if "/ibd-" in key]
    first.stores.results.delete(kept)
    drop(first.stores, pair.ibd)
    assert plan(first, "unknown").planned.dataset_id != first.planned.dataset_id


def test_what_was_seen_first_by_another_run_meanwhile_counts(
    new_run: NewRun, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(pair=pair, databases=TABLE)
    create = Store.create_sealed

    def late(store: Store, key: str, value: dict[str, object]) -> bool:
        if key.endswith("/first.json"):
            create(store, key, {**value, "tag": "of another run", "segments_id": "none"})
        return create(store, key, value)

    monkeypatch.setattr(Store, "create_sealed", late)
    run.plan()
    seen = run.stores.results.list("contents")
    sampled = {key.split("/")[1] for key in seen if key.endswith("/first.json")}
    assert run.planned.dataset_id not in sampled


def test_the_digest_is_that_of_the_file(first: InMemoryRun, pair: Pair) -> None:
    kept = first.checksum
    assert kept.digest == hashlib.new(kept.algorithm, pair.ibd).hexdigest()
