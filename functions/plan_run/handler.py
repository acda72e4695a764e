"""PlanRun: check everything before money is spent, resolve the config, name what is computed."""

from __future__ import annotations

from typing import Any

from ionbox_cloud import keys
from ionbox_cloud.datasets import OpenDataset, ibd_reader, open_dataset, sample_mz, words_of
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.identity import (
    hash_content,
    identify_patterns,
    identify_run,
    identify_scores,
    identify_segments,
)
from ionbox_cloud.messages import PlannedRun, PlanRequest, RunRequest
from ionbox_cloud.run_plan import PlannedDatabase, RunPlan
from ionbox_cloud.store import Stores
from ionbox_cloud.work_items import choose_sort
from ionbox_science.config import RunConfig, resolve_config
from ionbox_science.databases import parse_database
from ionbox_science.errors import InvalidConfig
from ionbox_science.segments import PEAKS_PER_SEGMENT, plan_bounds


@state_handler("PlanRun", PlanRequest)
def lambda_handler(message: PlanRequest, stores: Stores) -> PlannedRun:
    """Plan a run; write its plan, its header and its databases."""
    request = message.request
    layers = _config_layers(request, stores)
    accept_profile = any(settings.get("accept_profile") is True for _, settings in layers)
    dataset = open_dataset(stores.inbox, request.dataset, accept_profile=accept_profile)
    config, warnings = resolve_config(layers, words_of(dataset.header))
    plan = _make_plan(request, stores, dataset, config, warnings)
    stores.work.write_arrays(keys.header(plan.dataset_id), dataset.header.to_arrays())
    stores.work.write_json(keys.run_plan(plan.run_id), plan.to_json())
    sorted_already = stores.results.exists(keys.segments_manifest(plan.segments_id))
    return PlannedRun(
        execution_id=message.execution_id,
        run_id=plan.run_id,
        published=stores.results.exists(keys.results(plan.dataset_id, plan.run_id, "run.json")),
        sort="reuse" if sorted_already else plan.sort,
    )


def _config_layers(request: RunRequest, stores: Stores) -> list[tuple[str, dict[str, Any]]]:
    """Return the settings given with the run, then those of the sidecar."""
    layers = [("command line", request.config)]
    sidecar_key = request.dataset.sidecar_key
    if sidecar_key is not None:
        sidecar = stores.inbox.read_json(sidecar_key)
        if not isinstance(sidecar, dict):
            raise InvalidConfig(f"{sidecar_key}: expected a JSON object of settings")
        layers.append((sidecar_key.rpartition("/")[2], sidecar))
    return layers


def _make_plan(
    request: RunRequest,
    stores: Stores,
    dataset: OpenDataset,
    config: RunConfig,
    warnings: list[str],
) -> RunPlan:
    header = dataset.header
    mz_bytes = header.mz_dtype.itemsize
    sort = choose_sort(header.n_peaks, mz_bytes, request.dataset.name)
    sampled = sample_mz(header, ibd_reader(stores.inbox, request.dataset.ibd_key))
    bounds = plan_bounds(sampled, header.n_peaks, PEAKS_PER_SEGMENT).tolist()
    segments_id = identify_segments(dataset.dataset_id, bounds)
    databases = tuple(_plan_databases(request, stores, config, segments_id))
    contents = [(database.name, database.content_id) for database in databases]
    return RunPlan(
        run_id=identify_run(dataset.dataset_id, request.dataset, config, contents),
        dataset_id=dataset.dataset_id,
        segments_id=segments_id,
        dataset=request.dataset,
        ibd_bytes=dataset.ibd.n_bytes,
        ibd_etag=dataset.ibd.etag,
        n_spectra=header.n_spectra,
        n_peaks=header.n_peaks,
        width=header.width,
        height=header.height,
        segment_bounds=tuple(bounds),
        sort=sort,
        config=config.to_json(),
        databases=databases,
        warnings=(*dataset.warnings, *warnings),
    )


def _plan_databases(
    request: RunRequest, stores: Stores, config: RunConfig, segments_id: str
) -> list[PlannedDatabase]:
    """Check the databases and keep a copy of each, so that later states read what was checked."""
    planned = []
    for file in request.databases:
        data = stores.inbox.read(file.key)
        molecules = parse_database(data, file.name, skip_bad_rows=config.skip_bad_rows)
        patterns_id = identify_patterns(molecules.unique_formulas(), config)
        content_id = hash_content(data)
        stores.work.write(keys.database(content_id), data)
        planned.append(
            PlannedDatabase(
                name=file.name,
                content_id=content_id,
                patterns_id=patterns_id,
                scores_id=identify_scores(segments_id, patterns_id, config),
                n_molecules=len(molecules.ids),
                n_skipped=len(molecules.skipped),
            )
        )
    if not planned:
        raise InvalidConfig("databases: none given; name at least one molecule database")
    names = [database.name for database in planned]
    if len(set(names)) < len(names):
        raise InvalidConfig(f"databases: two have the same name ({', '.join(names)}); rename one")
    return planned
