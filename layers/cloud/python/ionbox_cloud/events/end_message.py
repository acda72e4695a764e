"""The mail that tells people how a run ended: subject and text, from a `RunEnded`.

AnnounceEnd publishes it to the topic; whoever subscribed gets it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ionbox_cloud.events.run_end import RunEnded

_HEADLINES: Mapping[str, str] = {
    "succeeded": "annotated",
    "invalid_input": "cannot be annotated as it is",
    "failed": "failed",
    "timed_out": "took too long",
    "cancelled": "was cancelled",
}


def write_subject(ended: RunEnded) -> str:
    """Return the subject: dataset, how it ended, and annotations within the lowest FDR level."""
    within = next(iter(ended.n_by_fdr.items()), None)
    count = f": {within[1]:,} at FDR {_percent(within[0])}" if within else ""
    return f"ionbox: {ended.dataset} {_HEADLINES[ended.status]}{count}"


def write_message(ended: RunEnded) -> str:
    """Return the text: where the results are, or what was wrong and what to do."""
    return "\n".join(
        [
            f"Dataset: {ended.dataset}",
            f"Status: {ended.status.replace('_', ' ')}",
            *(_describe_results(ended) if ended.results else _describe_failure(ended)),
            "",
            f"Execution: {ended.execution_id}",
        ]
    )


def _describe_results(ended: RunEnded) -> list[str]:
    levels = (f"  within FDR {_percent(level)}: {n:,}" for level, n in ended.n_by_fdr.items())
    reused = ["They were there already: equal files, settings and version."] if ended.reused else []
    warnings = ["", "Please note:", *(f"  {line}" for line in ended.warnings)]
    return [
        f"Annotations: {ended.n_annotations:,}",
        *levels,
        f"Results: {ended.results}/",
        *reused,
        *(warnings if ended.warnings else []),
        "",
        f"To get them: aws s3 sync {ended.results}/ results",
    ]


def _describe_failure(ended: RunEnded) -> list[str]:
    return ["", ended.message, "", f"What to do: {ended.advice}", f"Error: {ended.error}"]


def _percent(level: str) -> str:
    return f"{100 * float(level):g} %"
