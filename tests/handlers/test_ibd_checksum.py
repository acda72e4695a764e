"""The checksum of the ibd: nothing is published of a file that was not compared, or is damaged."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
from ionbox_cloud import keys
from ionbox_cloud.errors import MissingObject
from ionbox_cloud.published import RECORD
from ionbox_cloud.storage.object_head import ObjectHead
from ionbox_cloud.store import Store, Stores
from ionbox_cloud.stored.ibd_checksum import ComparedIbd, find_checksum, keep_checksum
from ionbox_cloud.stored.stated_checksum import STATEMENT, state_checksum
from ionbox_science.errors import InvalidDataset

from tests.handlers.in_memory import SETTINGS, STATES, InMemoryRun, step_of
from tests.handlers.test_sort_paths import WAYS, sort
from tests.imzml_builder import HIDDEN_DAMAGE, Pair, build_hidden_damage

NewRun = Callable[..., InMemoryRun]
TABLE = {"one": b"formula\nC6H12O6\n"}
SENTENCE = re.escape(f"tissue.ibd: {HIDDEN_DAMAGE}")
AFTER_SORTING = STATES[1:]
BEFORE_CHECKSUM = ("SortSpans", "PlanMerge", "MergeSegments", "FinishSegments")


@pytest.fixture
def whole() -> Pair:
    return build_hidden_damage()[0]


@pytest.fixture
def damaged() -> Pair:
    return build_hidden_damage()[1]


@pytest.fixture
def new_way(new_run: NewRun) -> Callable[[Pair, str], InMemoryRun]:
    def make(pair: Pair, way: str) -> InMemoryRun:
        return new_run({**SETTINGS, "sort": way}, pair=pair, databases=TABLE)

    return make


NewWay = Callable[[Pair, str], InMemoryRun]


def is_published(stores: Stores) -> bool:
    return any(key.endswith(RECORD) for key in stores.results.list("results"))


def annotate(run: InMemoryRun) -> None:
    """Do what the state machine does, the checksum last of what runs side by side."""
    planned = run.plan()
    if planned.sort.way == "map":
        for state in BEFORE_CHECKSUM:
            run.run(state)
    elif planned.sort.way != "reuse":
        sort(run, planned.sort.way)
    for state in AFTER_SORTING:
        if state == "PublishResults" and planned.checksum_apart:
            run.run("ChecksumIbd")
        run.run(state)


# --- damage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_a_damaged_file_is_refused_whichever_way_it_is_sorted_and_as_often_as_it_is_dropped(
    new_way: NewWay, damaged: Pair, way: str
) -> None:
    run = new_way(damaged, way)
    attempts = [run, run.again("attempt-2"), run.again("attempt-3")]
    for attempt in attempts:
        with pytest.raises(InvalidDataset, match=SENTENCE):
            annotate(attempt)
    assert not is_published(run.stores)
    # those that sort see all of it before there are segments
    manifest = keys.segments_manifest(run.planned.segments_id)
    assert run.stores.results.exists(manifest) is (way == "map")


def test_whoever_comes_second_of_sorting_and_comparing_refuses(
    new_way: NewWay, damaged: Pair
) -> None:
    run = new_way(damaged, "map")
    run.plan()
    run.run("ChecksumIbd")  # alone it says too little: a warning
    for state in BEFORE_CHECKSUM[:-1]:
        run.run(state)
    with pytest.raises(InvalidDataset, match=SENTENCE):
        run.run("FinishSegments")
    again = run.again("attempt-2")
    run.stores.results.delete([key for key in run.stores.results.list("contents") if "ibd" in key])
    again.plan()
    with pytest.raises(InvalidDataset, match=SENTENCE):
        again.run("ChecksumIbd")


def test_where_it_is_known_the_next_run_is_refused_before_anything_is_computed(
    new_way: NewWay, damaged: Pair
) -> None:
    run = new_way(damaged, "map")
    with pytest.raises(InvalidDataset):
        annotate(run)
    for name, settings in (("forced", {"force": True}), ("wider", {"ppm": 9})):
        again = InMemoryRun.of(
            run.stores, damaged, TABLE, {**SETTINGS, "sort": "map", **settings}
        ).again(name)
        with pytest.raises(InvalidDataset, match=SENTENCE):
            again.plan()


def test_publishing_asks_once_more(new_way: NewWay, damaged: Pair) -> None:
    """As where ChecksumIbd was killed between keeping what it found and looking at the segments."""
    run = new_way(damaged, "map")
    run.plan()
    for state in (*BEFORE_CHECKSUM, *AFTER_SORTING[:-1]):
        run.run(state)
    keep_checksum(run.stores.results, run.planned, hashlib.sha1(damaged.ibd).hexdigest())
    with pytest.raises(InvalidDataset, match=SENTENCE):
        run.run("PublishResults")
    assert not is_published(run.stores)


@pytest.mark.parametrize("force", [False, True])
def test_where_comparing_was_killed_nothing_is_published_and_the_next_run_compares(
    new_way: NewWay, damaged: Pair, whole: Pair, force: bool
) -> None:
    for pair in (whole, damaged):
        run = new_way(pair, "map")
        run.plan()
        for state in (*BEFORE_CHECKSUM, *AFTER_SORTING[:-1]):
            run.run(state)
        with pytest.raises(MissingObject, match="contents/"):
            run.run("PublishResults")
        assert not is_published(run.stores)
        settings = {**SETTINGS, "sort": "map", "force": force}
        again = InMemoryRun.of(run.stores, pair, TABLE, settings).again("attempt-2")
        planned = again.plan()
        assert (planned.sort.way, planned.checksum_apart) == ("reuse", True)
        if pair is whole:
            annotate(again)
            run.stores.results.delete(run.stores.results.list("results"))
    with pytest.raises(InvalidDataset, match=SENTENCE):
        annotate(again)
    assert not is_published(run.stores)


def test_of_two_runs_at_once_neither_publishes_a_damaged_file(
    new_way: NewWay, damaged: Pair
) -> None:
    first = new_way(damaged, "map")
    first.plan()
    for state in BEFORE_CHECKSUM:
        first.run(state)
    second = first.again("attempt-2")
    planned = second.plan()  # which finds segments, and nothing wrong with them yet
    assert (planned.sort.way, planned.checksum_apart) == ("reuse", True)
    with pytest.raises(InvalidDataset, match=SENTENCE):
        first.run("ChecksumIbd")
    for state in AFTER_SORTING[:-1]:
        second.run(state)
    for state in ("ChecksumIbd", "PublishResults"):
        with pytest.raises(InvalidDataset, match=SENTENCE):
            second.run(state)
    assert not is_published(first.stores)


def test_what_was_compared_is_of_these_bytes_alone(
    new_way: NewWay, whole: Pair, damaged: Pair
) -> None:
    """Equal size and samples, so the first of the two files decides the name of the dataset."""
    good, bad = new_way(whole, "map"), new_way(damaged, "map").again("attempt-2")
    annotate(new_way(whole, "map"))
    good.plan()
    known = good.checksum
    bad.stores.inbox.write("tissue.ibd", damaged.ibd)
    with pytest.raises(InvalidDataset, match=SENTENCE):
        annotate(bad)
    assert bad.planned.dataset_id != good.planned.dataset_id
    assert known.verdict == "matches"
    assert find_checksum(bad.stores.results, good.planned.dataset_id, bad.planned.ibd_etag) is None


def test_a_file_replaced_while_it_is_read_is_not_taken_for_the_one_planned(
    new_way: NewWay, whole: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_way(whole, "map")
    run.plan()
    read = Store.read_range

    def replacing(store: Store, key: str, offset: int, n_bytes: int) -> memoryview:
        store.write(key, whole.ibd[:-1] + b"x")
        return read(store, key, offset, n_bytes)

    monkeypatch.setattr(Store, "read_range", replacing)
    with pytest.raises(InvalidDataset, match="changed while it was being annotated"):
        run.run("ChecksumIbd")
    with pytest.raises(MissingObject):
        _ = run.checksum


# --- who says it ----------------------------------------------------------------------------------


@dataclass
class Bucket:
    """What S3 would say of objects, and what is read of the ibd."""

    stores: Stores
    checksums: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    n_read: int = 0

    def head(self, store: Store, key: str) -> ObjectHead:
        facts = store.facts(key)
        assert facts is not None
        is_ibd = key.endswith(".ibd")
        tag = f'"{facts.etag}"'
        return ObjectHead(tag, self.checksums if is_ibd else {}, {} if is_ibd else self.words)


@pytest.fixture
def bucket(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    bucket, read = Bucket(stores), Store.read_range

    def counting(store: Store, key: str, offset: int, n_bytes: int) -> memoryview:
        bucket.n_read += n_bytes if key.endswith(".ibd") else 0
        return read(store, key, offset, n_bytes)

    monkeypatch.setattr(Store, "read_range", counting)
    monkeypatch.setattr(Store, "ask_head", lambda store, key: bucket.head(store, key))
    return bucket


def tag_of(run: InMemoryRun) -> str:
    facts = run.stores.inbox.facts("tissue.ibd")
    assert facts is not None
    return facts.etag


def compare(run: InMemoryRun, bucket: Bucket) -> ComparedIbd:
    """Plan, compare, and return what was kept; counts what was read for it."""
    run.plan()
    bucket.n_read = 0
    run.run("ChecksumIbd")
    (kept,) = [key for key in run.stores.results.list("contents") if "/ibd-" in key]
    return ComparedIbd.from_json(run.stores.results.read_sealed(kept))


def test_where_s3_has_the_checksum_nothing_is_read(
    new_way: NewWay, whole: Pair, bucket: Bucket
) -> None:
    true = hashlib.sha1(whole.ibd).hexdigest()
    run = new_way(whole, "map")
    bucket.checksums = {"sha1": true, "sha256": "0" * 64}
    bucket.words = state_checksum("sha1", "f" * 40, tag_of(run))
    kept = compare(run, bucket)
    assert (kept.source, kept.checksum.digest) == ("storage", true)
    assert kept.checksum.verdict == "matches"
    assert bucket.n_read == 0


def test_where_the_sender_said_it_of_this_ibd_nothing_is_read(
    new_way: NewWay, whole: Pair, bucket: Bucket
) -> None:
    run = new_way(whole, "map")
    bucket.checksums = {"sha256": "0" * 64}  # of another algorithm than the imzML declares
    bucket.words = state_checksum("sha1", hashlib.sha1(whole.ibd).hexdigest(), f'"{tag_of(run)}"')
    kept = compare(run, bucket)
    assert (kept.source, kept.checksum.verdict) == ("sender", "matches")
    assert bucket.n_read == 0


@pytest.mark.parametrize(
    "said",
    [
        "sha1 {true} another-tag",
        "sha256 {true} {tag}",
        "sha1 {true}",
        "sha1 no-digest {tag}",
        "sha1 {true} {tag} and more",
        "",
    ],
)
def test_a_word_that_is_not_of_this_ibd_is_ignored(
    new_way: NewWay, whole: Pair, bucket: Bucket, said: str
) -> None:
    run = new_way(whole, "map")
    true = hashlib.sha1(whole.ibd).hexdigest()
    bucket.words = {STATEMENT: said.format(true=true, tag=tag_of(run))}
    kept = compare(run, bucket)
    assert (kept.source, kept.checksum.digest) == ("read", true)
    assert bucket.n_read == len(whole.ibd)


def test_what_s3_says_of_a_newer_ibd_is_ignored(
    new_way: NewWay, whole: Pair, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = ObjectHead('"newer"', {"sha1": "f" * 40}, {})
    monkeypatch.setattr(Store, "ask_head", lambda *_: newer)
    assert compare(new_way(whole, "map"), bucket).source == "read"


@pytest.mark.parametrize("source", ["storage", "sender"])
def test_a_damaged_file_is_refused_whoever_says_so(
    new_way: NewWay, damaged: Pair, bucket: Bucket, source: str
) -> None:
    found, run = hashlib.sha1(damaged.ibd).hexdigest(), new_way(damaged, "map")
    if source == "storage":
        bucket.checksums = {"sha1": found}
    else:
        bucket.words = state_checksum("sha1", found, tag_of(run))
    with pytest.raises(InvalidDataset, match=SENTENCE):
        annotate(run)
    assert not is_published(run.stores)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_known_is_not_asked_again(
    new_way: NewWay, whole: Pair, bucket: Bucket, way: str
) -> None:
    run = new_way(whole, way)
    annotate(run)
    again = InMemoryRun.of(run.stores, whole, TABLE, {**SETTINGS, "sort": way, "ppm": 9})
    planned = again.again("attempt-2").plan()
    assert (planned.sort.way, planned.checksum_apart) == ("reuse", False)


def test_a_file_too_large_to_read_is_read_for_it_once_and_may_still_be_vouched_for(
    new_way: NewWay, whole: Pair, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(step_of("ChecksumIbd").__globals__, "ALLOWANCE_S", -1)
    run = new_way(whole, "map")
    annotate(run)
    assert run.checksum.verdict == "not compared"
    plan = run.planned
    record = run.stores.results.read_json(keys.results(plan.dataset_id, plan.run_id, RECORD))
    assert [each for each in record["warnings"] if "too large to compare" in each]
    again = run.again("attempt-2")
    assert compare(again, bucket).checksum.verdict == "not compared"
    assert bucket.n_read == 0
    bucket.checksums = {"sha1": hashlib.sha1(whole.ibd).hexdigest()}
    assert compare(run.again("attempt-3"), bucket).checksum.verdict == "matches"
    bucket.checksums = {}
    keep_checksum(run.stores.results, plan, "")  # by a call that gave up late
    assert run.checksum.verdict == "matches"


def test_a_file_read_for_its_identity_is_not_read_again(
    new_way: NewWay, whole: Pair, bucket: Bucket
) -> None:
    annotate(new_way(whole, "map"))
    run = new_way(whole, "map").again("attempt-2")
    run.stores.inbox.write("tissue.ibd", whole.ibd)  # which gives it another tag
    run.stores.results.delete(run.stores.results.list("results"))
    assert run.plan().checksum_apart is False
    assert run.checksum.verdict == "matches"


def test_a_wrong_checksum_alone_is_a_warning(new_way: NewWay, whole: Pair) -> None:
    true = hashlib.sha1(whole.ibd).hexdigest()
    for way in WAYS:
        run = new_way(whole.edited(true.upper(), "0" * 40), way)
        annotate(run)
        plan = run.planned
        record = run.stores.results.read_json(keys.results(plan.dataset_id, plan.run_id, RECORD))
        assert record["dataset"]["ibd_checksum"]["verdict"] == "differs"
        assert [each for each in record["warnings"] if "its SHA1 is not the one" in each]
        run.stores.results.delete(run.stores.results.list(""))
