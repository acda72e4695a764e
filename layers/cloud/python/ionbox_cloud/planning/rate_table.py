"""How fast things go: rates from a dated table (``data/rates.json``), each with its source.

The plan chooses the way of sorting by them, and `ionbox_cloud.forecast` says by them how long a run
takes. They never decide what comes out.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from ionbox_cloud.json_record import JsonRecord


@dataclass(frozen=True)
class Rate(JsonRecord):
    """One row of the table: a value, what it is counted in, and whose figure it is."""

    value: float
    unit: str
    source: str


@dataclass(frozen=True)
class Rates:
    """All rates by name; units are in the names, sources in the file.

    Those of computing hold for the machine they were measured on, whose two yardsticks are
    ``loop_s`` and ``yardstick_s``: on another one all of them change by the same factor.

    Attributes
    ----------
    loop_s, yardstick_s : float
        CPU seconds of cpyMSpec's plain loop over 1,000 formulas, and of
        `ionbox_cloud.forecast.yardstick`.
    call_bytes_per_s, task_bytes_per_s : float
        What one call, and the Fargate task, moves to and from storage.
    request_s, reads_per_s : float
        What a request waits; how many reads a second a prefix of S3 answers.
    cold_start_s, init_s, warm_start_s, task_start_s : float
        Until a call begins: a new process (its place, which is not billed, and its imports, which
        are), one that is there already, a Fargate task.
    transition_s, map_start_s, express_per_s, standard_per_s : float
        What the state machine takes from one state to the next, to begin a Map, and how many
        children it starts in a second.
    intake_s, mail_s : float
        From the last file's arrival to the first state, and from the last state to the mail.
    lambda_slowness, task_peaks_per_s : float
        A processor of Lambda in those of the machine; peaks that one of the task sorts in a second.
    full_vcpu_mb : float
        Memory at which Lambda gives one whole processor, MB.
    call_cpu_s : float
        CPU seconds of any call: message, plan, record.
    plan_s, plan_ns_per_imzml_byte, plan_us_per_molecule, plan_ns_per_sampled_peak : float
        Of PlanRun.
    sort_ns_per_peak, span_ns_per_peak, merge_ns_per_peak, hash_ns_per_byte : float
        Of sorting in one call, of a span, of merging, and of a checksum.
    ions_us_per_molecule, ions_us_per_ion, patterns_us_per_ion : float
        Of BuildIons, and of GenerateIsotopePatterns.
    annotate_us_per_ion, annotate_ns_per_peak, annotate_ns_per_window_peak,
    annotate_ns_per_target_pixel : float
        Of AnnotateSegments: each ion, each peak that is read, each peak in a window, and pixels
        times targets.
    fdr_s, fdr_us_per_ion, tic_ns_per_pixel : float
        Of EstimateFdr.
    render_us_per_image, render_ns_per_cell : float
        Of RenderImages: each ion drawn, and each pixel of each of its isotope images.
    publish_s, publish_us_per_image, publish_us_per_spectrum, publish_ns_per_pair_pixel : float
        Of PublishResults; the last are pixels of an image times pairs of images.
    command_s, command_us_per_cell, item_s : float
        On one machine, outside the calls: the command and the state machine, results that are
        copied, and each call.
    command_wall_s : float
        Wall-clock seconds of the command before the first state and after the last.
    window_spread : float
        How many peaks a window holds: share of all peaks per (width of the window / its m/z).
    annotated_per_root : float
        Ions that are found and drawn, for each square root of a target looked for.
    most_annotated : float
        Ions expected to be drawn, at most.
    image_fill, stored_share : float
        Share of pixels in which an annotated ion has a peak; share that is left of its images when
        they are compressed.
    """

    loop_s: float
    yardstick_s: float
    call_bytes_per_s: float
    task_bytes_per_s: float
    request_s: float
    reads_per_s: float
    cold_start_s: float
    init_s: float
    warm_start_s: float
    task_start_s: float
    transition_s: float
    map_start_s: float
    express_per_s: float
    standard_per_s: float
    intake_s: float
    mail_s: float
    lambda_slowness: float
    task_peaks_per_s: float
    full_vcpu_mb: float
    call_cpu_s: float
    plan_s: float
    plan_ns_per_imzml_byte: float
    plan_us_per_molecule: float
    plan_ns_per_sampled_peak: float
    sort_ns_per_peak: float
    span_ns_per_peak: float
    merge_ns_per_peak: float
    hash_ns_per_byte: float
    ions_us_per_molecule: float
    ions_us_per_ion: float
    patterns_us_per_ion: float
    annotate_us_per_ion: float
    annotate_ns_per_peak: float
    annotate_ns_per_window_peak: float
    annotate_ns_per_target_pixel: float
    fdr_s: float
    fdr_us_per_ion: float
    tic_ns_per_pixel: float
    render_us_per_image: float
    render_ns_per_cell: float
    publish_s: float
    publish_us_per_image: float
    publish_us_per_spectrum: float
    publish_ns_per_pair_pixel: float
    command_s: float
    command_us_per_cell: float
    item_s: float
    command_wall_s: float
    window_spread: float
    annotated_per_root: float
    most_annotated: float
    image_fill: float
    stored_share: float

    def lambda_seconds(self, cpu_s: float, memory_mb: int) -> float:
        """Return what a function of this memory takes for ``cpu_s`` of one thread."""
        share = min(1.0, memory_mb / self.full_vcpu_mb)
        return cpu_s * self.lambda_slowness / share


def read_rate_table() -> tuple[str, dict[str, Rate]]:
    """Read the table that ships with this ring: its date, and each rate by name."""
    text = resources.files("ionbox_cloud").joinpath("data", "rates.json").read_text("utf-8")
    table: Mapping[str, Any] = json.loads(text)
    return table["date"], {name: Rate.from_json(row) for name, row in table["rates"].items()}


@functools.cache
def read_rates() -> Rates:
    """Read the rates that ship with this ring."""
    _, table = read_rate_table()
    names = [field.name for field in dataclasses.fields(Rates)]
    return Rates(**{name: table[name].value for name in names})
