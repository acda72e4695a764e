"""A dataset of regions far apart: the results of its whole box, for what its pixels cost."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import zarr
from ionbox_cloud import keys
from ionbox_cloud.storage.zarr_folder import ZarrFolder
from ionbox_cloud.store import Stores
from ionbox_science.imzml.spectrum_index import unpack_index

from tests.handlers.in_memory import SETTINGS, InMemoryRun
from tests.imzml_builder import Pair

NewRun = Callable[..., InMemoryRun]
POSITION = re.compile(r'(accession="IMS:100005[01]" (?:name="position [xyz]" )?value=")(\d+)"')


def pull_apart(pair: Pair, distance: int) -> Pair:
    """Move all pixels beyond the third column and row away from the others."""

    def move(found: re.Match[str]) -> str:
        place = int(found[2])
        return f'{found[1]}{place + distance if place > 3 else place}"'

    moved, n_moved = POSITION.subn(move, pair.imzml)
    assert n_moved == 2 * 48  # pixels, 8 x 6
    return Pair(moved, pair.ibd)


def results_of(run: InMemoryRun) -> tuple[list[str], dict[str, Any], zarr.Group]:
    """The table without its comment, the diagnostics and the images."""
    plan, results = run.planned, run.stores.results
    folder = keys.results(plan.dataset_id, plan.run_id)
    table = results.read(f"{folder}/annotations.csv").decode().splitlines()[1:]
    diagnostics = dict(results.read_arrays(f"{folder}/diagnostics/acids.npz"))
    objects = ZarrFolder(results.objects_below(f"{folder}/ion_images.zarr"))
    return table, diagnostics, zarr.open_group(objects, mode="r")


def test_results_are_those_of_the_whole_box(
    new_run: NewRun,
    new_stores: Callable[[], Stores],
    tissue: Pair,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pair = pull_apart(tissue, 300)
    closed = new_run(pair=pair).run_all()
    assert (closed.planned.width, closed.planned.height) == (8 + 3, 6 + 3)
    table, diagnostics, group = results_of(closed)
    assert len(table) >= 10

    monkeypatch.setattr("ionbox_science.imzml.header.has_gaps_to_close", lambda x, y: False)
    request = closed.request
    databases = {each.name: closed.stores.inbox.read(each.key) for each in request.databases}
    whole = InMemoryRun.of(new_stores(), pair, databases, SETTINGS).run_all()
    assert (whole.planned.width, whole.planned.height) == (308, 306)
    whole_table, whole_diagnostics, whole_group = results_of(whole)
    assert table == whole_table
    for name, values in whole_diagnostics.items():
        assert diagnostics[name].tobytes() == values.tobytes(), name

    x, y = (np.asarray(group[axis]) for axis in "xy")
    assert x.tolist() == [1, 2, 3, 4, 5, 6, 304, 305, 306, 307, 308]
    assert "x" not in whole_group
    for name in ("images", "tic", "mask"):
        all_pixels, pixels = np.asarray(whole_group[name]), np.asarray(group[name])
        back = np.zeros_like(all_pixels)
        back[..., (y - 1)[:, None], x - 1] = pixels
        np.testing.assert_array_equal(back, all_pixels)
    plan = closed.planned
    folder = keys.results(plan.dataset_id, plan.run_id)
    index = unpack_index(closed.stores.results.read_arrays(f"{folder}/spectrum_index.npz"))
    np.testing.assert_array_equal(index.mask, np.asarray(group["mask"]))


def test_cost_follows_what_was_measured(new_run: NewRun, tissue: Pair) -> None:
    run = new_run(pair=pull_apart(tissue, 19_000)).run_all(())
    assert (run.planned.width, run.planned.height) == (11, 9)
    assert any("lie far apart in 19,008 x 19,006 pixels" in text for text in run.planned.warnings)
