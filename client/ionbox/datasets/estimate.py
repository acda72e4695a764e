"""``ionbox estimate``: how long a run would take and what it would cost, before it is begun.

The same plan that a run begins with, made here: the imzML and a sample of the ibd are read, and
nothing is computed, written or sent. ``ionbox check`` and ``ionbox submit`` say it in a line.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ionbox_cloud.environment import FAN_OUT_VARIABLE, USUAL_MAP_WORKERS
from ionbox_cloud.forecast.planned_run import (
    MAPS,
    PlannedWork,
    require_affordable,
    usual_fan_out,
)
from ionbox_cloud.forecast.words import forecast_in_words
from ionbox_cloud.ladder import Ladder
from ionbox_cloud.messages import ConfigLayer
from ionbox_cloud.planning.accepted_request import AcceptedRequest, accept_request
from ionbox_cloud.planning.call_memory import read_memory_mb
from ionbox_cloud.planning.make_plan import make_plan
from ionbox_cloud.planning.read_ahead import MOST_BYTES
from ionbox_cloud.run_plan import Forecast
from ionbox_cloud.store import Store
from ionbox_science.errors import InvalidConfig, IonboxError

from ionbox.datasets.config_files import read_databases
from ionbox.datasets.files import LocalDataset, dropped_files, find_dataset
from ionbox.local.pool import default_workers
from ionbox.local.runtime import StoreUrls, handler_environment


@dataclass(frozen=True)
class Estimate:
    """What a run should take.

    Attributes
    ----------
    here, aws : Forecast
        On this machine, and on AWS; nothing of the run being there already.
    warnings : tuple of str
        What a run would warn of before it begins.
    max_dollars : float or None
        What its config says that it may cost on AWS; None if it says nothing.
    """

    here: Forecast
    aws: Forecast
    warnings: tuple[str, ...] = ()
    max_dollars: float | None = None

    def require_affordable(self) -> None:
        """Refuse a run that would cost more on AWS than it may.

        Raises
        ------
        InvalidConfig
            If it should cost more than ``max_dollars``.
        """
        require_affordable(self.aws, self.max_dollars)

    def to_json(self) -> dict[str, Any]:
        """Return both forecasts as plain JSON values."""
        return {"here": self.here.to_json(), "aws": self.aws.to_json()}

    def lines(self) -> tuple[str, str]:
        """Return a line for each."""
        return forecast_in_words(self.here), forecast_in_words(self.aws)


def estimate(
    imzml: Path,
    databases: Sequence[Path] = (),
    config: Sequence[ConfigLayer] = (),
    *,
    defaults: Mapping[str, Any] = MappingProxyType({}),
    aws_workers: int = USUAL_MAP_WORKERS,
    n_workers: int | None = None,
) -> Estimate:
    """Tell what a run would take.

    Parameters
    ----------
    imzml : Path
        The imzML file; its ibd and optional sidecar config lie beside it.
    databases : sequence of Path
        Molecule tables; those that the config names if none are given.
    config : sequence of ConfigLayer
        Settings, strongest first.
    defaults : mapping
        Settings that hold where nothing else says one.
    aws_workers : int
        Calls of a Map at once on AWS.
    n_workers : int, optional
        Worker processes here; one for each core if not given.

    Raises
    ------
    InvalidInput
        If a run would refuse dataset, config or databases.
    """
    dataset = find_dataset(imzml)
    tables = databases or read_databases(config, dataset.sidecar)
    if not tables:
        raise InvalidConfig(
            "databases: none given; name at least one with --database FILE; "
            "'ionbox lipids lipids.tsv' writes one"
        )
    accepted, here, aws = _plan(dataset, tables, config, defaults, aws_workers)
    fan = replace(usual_fan_out(aws_workers), dollars_per_minute=aws.plan.dollars_per_minute)
    return Estimate(
        here.on_one_machine(n_workers or default_workers()),
        aws.on_aws(fan),
        here.plan.warnings,
        accepted.max_dollars,
    )


def try_estimate(
    imzml: Path,
    databases: Sequence[Path],
    config: Sequence[ConfigLayer] = (),
    defaults: Mapping[str, Any] = MappingProxyType({}),
) -> Estimate | None:
    """Return what a run would take if that can be known; None if not: others say why."""
    with contextlib.suppress(IonboxError, OSError):
        return estimate(imzml, databases, config, defaults=defaults)
    return None


def _plan(
    dataset: LocalDataset,
    tables: Sequence[Path],
    config: Sequence[ConfigLayer],
    defaults: Mapping[str, Any],
    aws_workers: int,
) -> tuple[AcceptedRequest, PlannedWork, PlannedWork]:
    """Plan a run for this machine, and for AWS."""
    with tempfile.TemporaryDirectory(prefix="ionbox-estimate-") as folder:
        root = Path(folder).resolve()
        with dropped_files(root / "files", dataset, tables, config) as request:
            asked = replace(request, defaults=(ConfigLayer("defaults", dict(defaults)),))
            accepted = accept_request(asked, Store.open(root.as_uri()))
            imzml_bytes = len(accepted.dataset.imzml)

            def plan(read_ahead_bytes: int, **variables: str) -> PlannedWork:
                planning_mb = read_memory_mb(imzml_bytes, read_ahead_bytes)
                with _knowing(**variables):
                    made = make_plan(asked, accepted, lambda dataset_id: dataset_id, planning_mb)
                    return PlannedWork.of(made, accepted, Ladder.from_environment())

            fan = {"n_workers": aws_workers, "express": list(MAPS)}
            aws = plan(MOST_BYTES, **{FAN_OUT_VARIABLE: json.dumps(fan)})
            return accepted, plan(0), aws


@contextlib.contextmanager
def _knowing(**more: str) -> Iterator[None]:
    """Let the plan know the sizes of functions, as it does where it is made for a run."""
    variables = handler_environment(StoreUrls("", "", "")) | more
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
