"""CompareImages, and PublishResults that joins what it found: the same results as without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ionbox_cloud import keys
from ionbox_cloud.errors import DamagedObject, InternalError, MissingObject
from ionbox_cloud.planning import comparison
from ionbox_cloud.store import Stores

from tests.handlers.in_memory import DATABASES, InMemoryRun
from tests.imzml_builder import Pair

Arrays = dict[str, npt.NDArray[Any]]


def results_of(run: InMemoryRun) -> dict[str, bytes]:
    """All that is published but for what tells of the run itself."""
    results, about = run.stores.results, ("run.json", "status.json", "report.html")
    names = [name for name in results.list("results") if not name.endswith(about)]
    return {name: results.read(name) for name in names}


def test_results_are_the_same_whoever_compares_the_images(
    new_stores: Callable[[], Stores], tissue: Pair, request: pytest.FixtureRequest
) -> None:
    alone = InMemoryRun.of(new_stores(), tissue, DATABASES).run_all()
    assert alone.items("CompareImages") == []
    assert alone.answers["EstimateFdr"]["comparison"]["n_items"] == 0
    request.getfixturevalue("many_images")
    by_many = InMemoryRun.of(new_stores(), tissue, DATABASES).run_all()
    items = by_many.items("CompareImages")
    assert by_many.answers["EstimateFdr"]["comparison"]["n_items"] == len(items) > 2
    assert results_of(by_many) == results_of(alone)
    assert any(name.endswith("colocalization.npz") for name in results_of(alone))


@pytest.mark.usefixtures("many_images")
def test_every_image_is_in_one_item(run: InMemoryRun) -> None:
    run.run_before("CompareImages")
    items = run.items("CompareImages")
    n_images = items[0]["n_images"]
    assert [items[0]["start"], items[-1]["stop"]] == [0, n_images]
    assert all(one["stop"] == other["start"] for one, other in pairwise(items))
    assert run.items("RenderImages")[-1]["stop"] == n_images


def read_by(run: InMemoryRun, state: str, monkeypatch: pytest.MonkeyPatch, part: str) -> list[str]:
    """The objects of a kind that a state reads."""
    store, read = type(run.stores.work), []
    view = store.read_view

    def noting(self: Any, key: str) -> Any:
        read.append(key)
        return view(self, key)

    with monkeypatch.context() as patch:
        patch.setattr(store, "read_view", noting)
        run.run(state)
    return [key for key in read if f"/{part}-" in key]


@pytest.mark.usefixtures("many_images")
def test_who_joins_reads_no_image_that_is_compared(
    run: InMemoryRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.run_before("PublishResults")
    assert read_by(run, "PublishResults", monkeypatch, "prepared") == []


def test_who_compares_alone_reads_them(run: InMemoryRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run.run_before("PublishResults")
    assert len(read_by(run, "PublishResults", monkeypatch, "prepared")) == 1


@pytest.mark.usefixtures("many_images")
def test_an_item_that_runs_twice_writes_the_same_bytes(run: InMemoryRun) -> None:
    run.run_before("PublishResults")
    names = [item["output_key"] for item in run.items("CompareImages")]
    before = [run.stores.work.read(name) for name in names]
    run.run("CompareImages")
    assert [run.stores.work.read(name) for name in names] == before


@pytest.mark.usefixtures("many_images")
def test_a_failure_of_drawing_is_named_and_not_what_came_of_it(run: InMemoryRun) -> None:
    run.run_before("RenderImages")
    run.fail_item("RenderImages", 0, "Runtime.ExitError", "signal: killed")
    with pytest.raises(InternalError, match="RenderImages item 0"):
        run.run("CompareImages")
    run.fail_item("CompareImages", 0, "Runtime.ExitError", "RenderImages item 0")
    with pytest.raises(InternalError, match=r"^RenderImages item 0 .*killed"):
        run.run("PublishResults")


OTHERS: Mapping[str, Callable[[Arrays], Arrays]] = {
    "without coefficients": lambda found: {"partner": found["partner"]},
    "of fewer images": lambda found: {name: array[1:] for name, array in found.items()},
    "of an image that is not there": lambda found: (
        found | {"partner": np.where(found["partner"] == 0, 10_000, found["partner"])}
    ),
    "fewer coefficients": lambda found: found | {"coefficient": found["coefficient"][:, 1:]},
}


@pytest.mark.usefixtures("many_images")
@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_partners_of_other_images_are_not_taken(
    run: InMemoryRun, change: Callable[[Arrays], Arrays]
) -> None:
    run.run_before("PublishResults")
    key = run.items("CompareImages")[0]["output_key"]
    run.stores.work.write_arrays(key, change(run.stores.work.read_arrays(key)))
    with pytest.raises(DamagedObject, match=key):
        run.run("PublishResults")


@pytest.mark.usefixtures("many_images")
def test_prepared_images_that_are_gone_are_named(run: InMemoryRun) -> None:
    run.run_before("CompareImages")
    (item,) = run.items("RenderImages")
    key = keys.prepared_images(run.planned.run_id, item["start"], item["stop"])
    run.stores.work.delete([key])
    with pytest.raises(MissingObject, match=key):
        run.run("CompareImages")


@pytest.mark.usefixtures("many_images")
def test_a_run_that_draws_nothing_compares_nothing(
    run: InMemoryRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert comparison.cut_compare_items(0, (6, 8)) == []
    monkeypatch.setenv("IONBOX_FAN_OUT", '{"n_workers": 9, "express": []}')
    run.run_all()
    assert run.items("CompareImages") == []  # a Map would take longer to start
