"""The forecast of a run that is being planned: for AWS, and for one machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ionbox_science.errors import InvalidConfig
from ionbox_science.setting_table import DEFAULTS
from ionbox_science.theory.databases import MoleculeDatabase

from ionbox_cloud.environment import (
    USUAL_ARCHITECTURE,
    USUAL_MAP_WORKERS,
    count_map_workers,
    read_architecture,
)
from ionbox_cloud.forecast.counts import RunCounts, count_run
from ionbox_cloud.forecast.machines import Aws, OneMachine
from ionbox_cloud.forecast.make_forecast import make_forecast
from ionbox_cloud.forecast.words import dollars_in_words, seconds_in_words
from ionbox_cloud.forecast.yardstick import speed_factor
from ionbox_cloud.ladder import Ladder
from ionbox_cloud.planning.accepted_request import AcceptedRequest
from ionbox_cloud.planning.fan_out import FanOut
from ionbox_cloud.planning.prices import read_prices
from ionbox_cloud.planning.rate_table import read_rates
from ionbox_cloud.run_plan import Forecast, RunPlan

MAPS = (
    *("SortSpans", "MergeSegments"),
    *("GenerateIsotopePatterns", "MeasureMzErrors", "AnnotateSegments"),
    *("RenderImages", "CompareImages"),
)
"""States that call a function once for each item of a list; EXPRESS, all of them, as deployed."""


@dataclass(frozen=True)
class PlannedWork:
    """A plan, what it counts, and the sizes of functions: all that a forecast is made from."""

    plan: RunPlan
    counts: RunCounts
    ladder: Ladder

    @classmethod
    def of(cls, plan: RunPlan, accepted: AcceptedRequest, ladder: Ladder) -> PlannedWork:
        """Count what a plan does that was made of a request."""
        molecules = [parsed for parsed, _ in accepted.databases]
        imzml_bytes = len(accepted.dataset.imzml)
        return cls(plan, _count(plan, molecules, imzml_bytes), ladder)

    def reading_checksum(self, *, needed: bool) -> PlannedWork:
        """Return the same work, with or without a call of its own that reads the ibd."""
        return replace(self, counts=replace(self.counts, reads_checksum=needed))

    def on_aws(self, fan: FanOut, architecture: str = USUAL_ARCHITECTURE) -> Forecast:
        """Forecast the run on AWS.

        Parameters
        ----------
        fan : FanOut
            Calls of a Map at once, per run, and what Maps' items run as.
        architecture : str
            Processors of its functions, by which they are priced.
        """
        rates, prices = read_rates(), read_prices(architecture)
        machine = Aws(rates, self.ladder, fan, prices=prices)
        return make_forecast(self.plan, self.counts, rates, self.ladder, machine)

    def on_one_machine(self, n_workers: int, factor: float | None = None) -> Forecast:
        """Forecast the run on a machine of so many workers.

        Parameters
        ----------
        n_workers : int
            Worker processes.
        factor : float, optional
            How many times as long it computes as the machine of the rates; measured if not given.
        """
        rates = read_rates()
        factor = speed_factor(rates) if factor is None else factor
        machine = OneMachine(n_workers, rates, self.ladder, factor)
        return make_forecast(self.plan, self.counts, rates, self.ladder, machine)

    def here(self, *, on_aws: bool) -> Forecast:
        """Forecast the run where this process is."""
        if on_aws:
            fan = FanOut.from_environment(self.plan.dollars_per_minute)
            return self.on_aws(fan or usual_fan_out(), read_architecture())
        return self.on_one_machine(count_map_workers())


def usual_fan_out(n_workers: int = USUAL_MAP_WORKERS) -> FanOut:
    """Return what a run may use in an installation with the settings of ``cdk.json``."""
    return FanOut(n_workers, MAPS, DEFAULTS["dollars_per_minute"])


def _count(plan: RunPlan, molecules: Sequence[MoleculeDatabase], imzml_bytes: int) -> RunCounts:
    n_formulas = [len(each.unique_formulas()) for each in molecules]
    return count_run(plan, read_rates(), imzml_bytes=imzml_bytes, n_formulas=n_formulas)


def require_affordable(forecast: Forecast, max_dollars: float | None) -> None:
    """Refuse a run that is expected to cost more on AWS than its config allows.

    Raises
    ------
    InvalidConfig
        If its forecast is above ``max_dollars``; the message has both.
    """
    if max_dollars is not None and forecast.dollars > max_dollars:
        raise InvalidConfig(
            f"max_dollars: the run should cost about {dollars_in_words(forecast.dollars)} on AWS "
            f"and take {seconds_in_words(forecast.seconds)}, and may cost "
            f"{dollars_in_words(max_dollars)}; allow more, or give fewer formulas, adducts or "
            "decoys, or a lower dollars_per_minute"
        )
