"""Damage to what is kept: the same request gives the same results again, whatever was damaged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from ionbox_cloud import keys
from ionbox_cloud.errors import NotRepaired, UnusableObject
from ionbox_cloud.logs import refer_to
from ionbox_cloud.published import RECORD
from ionbox_cloud.store import Store, Stores

from tests.cloud_builders import database_table, lipid_like_formulas
from tests.handlers.in_memory import (
    MAPS,
    SETTINGS,
    SORT_BY_MANY,
    STATES,
    InMemoryRun,
    call,
    message_type,
)
from tests.imzml_builder import Pair

NewRun = Callable[..., InMemoryRun]
Contents = dict[str, bytes]

ALL_STATES = (*SORT_BY_MANY, *STATES[1:])

DATABASES = {"acids": database_table(lipid_like_formulas(8, 9)[:6])}

# Attempts leave these; nothing of them is used by another one.
OF_ONE_ATTEMPT = "executions/"

DAMAGES: Mapping[str, Callable[[bytes], bytes]] = {
    "flipped first byte": lambda data: flip(data, 0),
    "flipped header": lambda data: flip(data, min(40, len(data) - 1)),
    "flipped at a quarter": lambda data: flip(data, len(data) // 4),
    "flipped in the middle": lambda data: flip(data, len(data) // 2),
    "flipped at three quarters": lambda data: flip(data, 3 * len(data) // 4),
    "flipped index": lambda data: flip(data, max(0, len(data) - 24)),
    "flipped last byte": lambda data: flip(data, len(data) - 1),
    "cut short by a byte": lambda data: data[:-1],
    "half of it": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "appended": lambda data: data + b"\0more",
    "another content": lambda data: b"{}",
}


def flip(data: bytes, place: int) -> bytes:
    """Change one bit: digits become other digits, so that JSON stays JSON."""
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :] if data else data


def contents(store: Store) -> Contents:
    return {key: store.read(key) for key in store.list("")}


def restore(store: Store, wanted: Contents) -> None:
    store.delete([key for key in store.list("") if key not in wanted])
    for key, data in wanted.items():
        store.write(key, data)


def published(stores: Stores) -> dict[str, str]:
    """Digests of what people get, but for what tells the time."""
    return {
        key: hashlib.sha256(stores.results.read(key)).hexdigest()
        for key in stores.results.list("results")
        if not key.endswith(("run.json", "report.html"))
    }


class Rig:
    """A finished run, and attempts at the same request on what it left."""

    def __init__(self, run: InMemoryRun) -> None:
        self.run = run
        self.expected = published(run.stores)
        self.work, self.results = contents(run.stores.work), contents(run.stores.results)
        self._n_attempts = 1

    def restore(self) -> None:
        restore(self.run.stores.work, self.work)
        restore(self.run.stores.results, self.results)

    def annotate(self) -> tuple[InMemoryRun, int]:
        """Run a new attempt as the state machine does; also says how often it planned."""
        self._n_attempts += 1
        attempt = self.run.again(f"attempt-{self._n_attempts}")
        return attempt, annotate(attempt)

    def kept(self, bucket: str) -> Iterator[str]:
        """Keys of what an attempt may use that it did not make."""
        found = self.work if bucket == "work" else self.results
        return (key for key in found if not key.startswith(OF_ONE_ATTEMPT))


def annotate(attempt: InMemoryRun) -> int:
    """Go back to PlanRun when an object cannot be used, as the state machine does."""
    for n_plans in range(1, 20):
        try:
            go_on(attempt)
        except UnusableObject:
            continue
        return n_plans
    raise AssertionError("it never ends")


def go_on(attempt: InMemoryRun) -> None:
    planned = attempt.plan()
    if planned.published:
        attempt.run("PublishResults")
        return
    if planned.sort.way == "map":
        attempt.sort_by_many()
    elif planned.sort.way == "lambda":
        attempt.run("SegmentSpectra")
    elif planned.checksum_apart:
        attempt.run("ChecksumIbd")
    for state in STATES[1:]:
        attempt.run(state)


@pytest.fixture
def new_rig(new_run: NewRun, tissue: Pair) -> Callable[..., Rig]:
    def make(**settings: Any) -> Rig:
        run = new_run({**SETTINGS, "decoys": 1, **settings}, databases=DATABASES)
        annotate(run)
        return Rig(run)

    return make


def unpublish(stores: Stores) -> None:
    """Let the run be published anew, from what is kept."""
    stores.results.delete(stores.results.list("results"))


@pytest.mark.usefixtures("many_images")
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_is_kept_is_computed_again_where_it_is_damaged(
    new_rig: Callable[..., Rig], damage: Callable[[bytes], bytes]
) -> None:
    rig = new_rig(sort="map")
    damaged = 0
    for bucket in ("work", "results"):
        store = getattr(rig.run.stores, bucket)
        for key in rig.kept(bucket):
            if key.startswith("results/"):
                continue
            rig.restore()
            unpublish(rig.run.stores)
            data = store.read(key)
            store.write(key, damage(data))
            rig.annotate()
            assert published(rig.run.stores) == rig.expected, key
            damaged += 1
    assert damaged > 12


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_is_published_is_published_anew_where_it_is_damaged(
    new_rig: Callable[..., Rig], damage: Callable[[bytes], bytes]
) -> None:
    rig = new_rig()
    results = rig.run.stores.results
    published_keys = [key for key in rig.kept("results") if key.startswith("results/")]
    for key in published_keys:
        rig.restore()
        damaged = damage(results.read(key))
        results.write(key, damaged)
        attempt, _ = rig.annotate()
        assert published(rig.run.stores) == rig.expected, key
        # the line break at the end of a record says nothing
        is_harmless = key.endswith(f"/{RECORD}") and damaged.strip(b" \n") == rig.results[
            key
        ].strip(b" \n")
        status = results.read_json(keys.status(attempt.execution_id))
        assert status["reused"] is is_harmless, key
    assert len(published_keys) > 15


@pytest.mark.usefixtures("many_images")
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize(
    ("made_by", "state", "name"),
    [
        ("RenderImages", "PublishResults", keys.pictures),
        ("RenderImages", "CompareImages", keys.prepared_images),
        ("CompareImages", "PublishResults", keys.partners),
    ],
    ids=["pictures", "prepared images", "partners"],
)
def test_what_was_left_of_the_images_is_made_again_where_it_is_damaged(
    new_rig: Callable[..., Rig],
    damage: Callable[[bytes], bytes],
    made_by: str,
    state: str,
    name: Callable[[str, int, int], str],
) -> None:
    rig = new_rig()
    unpublish(rig.run.stores)
    attempt = rig.run.again("attempt-damaged").run_before(state)
    work = rig.run.stores.work
    item = attempt.items(made_by)[0]
    key = name(attempt.planned.run_id, item["start"], item["stop"])
    whole = work.read(key)
    work.write(key, damage(whole))
    n_plans = 0
    try:
        for each in STATES[STATES.index(state) :]:
            attempt.run(each)
    except UnusableObject as error:
        assert error.key == key
        n_plans = annotate(attempt)
    assert published(rig.run.stores) == rig.expected
    assert n_plans == (0 if work.read(key) != whole else 1)


def test_whole_results_are_handed_out_again(new_rig: Callable[..., Rig]) -> None:
    rig = new_rig()
    attempt, _ = rig.annotate()
    results = rig.run.stores.results
    assert results.read_json(keys.status(attempt.execution_id))["reused"] is True
    assert contents(results).items() >= rig.results.items()


def test_the_record_lists_every_other_file(new_rig: Callable[..., Rig]) -> None:
    rig = new_rig()
    planned = rig.run.planned
    folder = keys.results(planned.dataset_id, planned.run_id)
    record = rig.run.stores.results.read_sealed(f"{folder}/run.json")
    assert record["files"] == {
        key.removeprefix(f"{folder}/"): {
            "n_bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        for key, data in rig.results.items()
        if key.startswith(folder) and not key.endswith("run.json")
    }


@pytest.mark.parametrize("way", ["lambda", "map"])
def test_everything_may_be_damaged_at_once(new_rig: Callable[..., Rig], way: str) -> None:
    rig = new_rig(sort=way)
    unpublish(rig.run.stores)
    for bucket in ("work", "results"):
        store = getattr(rig.run.stores, bucket)
        for key in rig.kept(bucket):
            if not key.startswith("results/"):
                data = store.read(key)
                store.write(key, flip(data, len(data) // 2))
    _, n_plans = rig.annotate()
    assert published(rig.run.stores) == rig.expected
    assert n_plans > 2


@pytest.mark.parametrize(
    "missing",
    ["patterns/{patterns}/chunk-00000.npz", "patterns/{patterns}/ions.npz", "scores/{scores}/"],
)
def test_what_is_missing_is_computed_again(new_rig: Callable[..., Rig], missing: str) -> None:
    rig = new_rig()
    unpublish(rig.run.stores)
    (database,) = rig.run.planned.databases
    start = missing.format(patterns=database.patterns_id, scores=database.scores_id)
    work = rig.run.stores.work
    work.delete([key for key in work.list("") if key.startswith(start)])
    rig.annotate()
    assert published(rig.run.stores) == rig.expected


@pytest.mark.parametrize("state", ALL_STATES)
def test_all_intermediates_may_expire_between_two_states(
    new_rig: Callable[..., Rig], state: str
) -> None:
    """As when an execution that was stopped is redriven after they have."""
    rig = new_rig(sort="map")
    lose_intermediates(rig.run.stores, also=("results/",))
    attempt = rig.run.again("attempt-redriven")
    attempt.plan()
    for before in ALL_STATES[: ALL_STATES.index(state)]:
        attempt.run(before)
    # a Map has read its list by then, or it could not be redriven at all
    messages = (
        [message_type(state).from_json(each) for each in attempt.items(state)]
        if state in MAPS
        else [attempt.message(state)]
    )
    lose_intermediates(rig.run.stores)
    for message in messages:
        with pytest.raises(UnusableObject, match="no object"):
            call(state, message)
    assert annotate(attempt) == 1
    assert published(rig.run.stores) == rig.expected


def lose_intermediates(stores: Stores, also: tuple[str, ...] = ()) -> None:
    stores.work.delete(stores.work.list(""))
    for folder in ("segments/", *also):
        stores.results.delete(stores.results.list(folder))


def test_only_what_is_damaged_is_computed_again_and_the_log_says_so(
    new_rig: Callable[..., Rig], caplog: pytest.LogCaptureFixture
) -> None:
    rig = new_rig(sort="map")
    unpublish(rig.run.stores)
    results = rig.run.stores.results
    key = keys.segment(rig.run.planned.segments_id, 0)
    spans = {name: data for name, data in contents(rig.run.stores.work).items() if "/span" in name}
    data = results.read(key)
    results.write(key, flip(data, len(data) // 2))
    # a new width of the windows: patterns serve, scores do not
    rig.run.request = type(rig.run.request).from_json(
        {
            **rig.run.request.to_json(),
            "config": [
                {
                    "source": "the test",
                    "settings": {**SETTINGS, "decoys": 1, "ppm": 4, "sort": "map"},
                }
            ],
        }
    )
    caplog.clear()
    attempt, n_plans = rig.annotate()
    assert n_plans == 2
    assert results.read(key) == data
    assert [len(attempt.items(state)) for state in ("SortSpans", "MergeSegments")] == [0, 1]
    assert {name: rig.run.stores.work.read(name) for name in spans} == spans
    refer = refer_to(key)["key_sha256"]
    said = [each.getMessage() for each in caplog.records if vars(each).get("key_sha256") == refer]
    assert said == [
        "an object cannot be used; it will be computed again",
        "an object is computed again",
    ]


def test_what_stays_damaged_ends_the_run(
    new_rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = new_rig()
    unpublish(rig.run.stores)
    (database,) = rig.run.planned.databases
    key = keys.pattern_chunk(database.patterns_id, 0)
    rig.run.stores.work.delete(rig.run.stores.work.list(keys.scores(database.scores_id)))
    read = Store.read_view
    monkeypatch.setattr(
        Store, "read_view", lambda store, name: read(store, name)[: 100 if name == key else None]
    )
    with pytest.raises(NotRepaired, match=rf"object '{key}' is damaged: .*; it was computed anew"):
        rig.annotate()
