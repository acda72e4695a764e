"""Object keys: the only place that knows where anything lies.

::

    inbox    whatever users drop; keys come with the request

    work     databases/<content>                       a molecule table, as given
             datasets/<dataset>/header.npz             the imzML header as arrays
             patterns/<patterns>/ions.npz              ions of one database under one rule
                                 chunk-<n>.npz         their isotope patterns, by mass
                                 chunk-<n>.json        m/z range; written after the chunk
                                 manifest.json         written last: all chunks are there
             scores/<scores>/plan.json                 how the ions were cut into items
                             item-<n>.npz              their metrics
                             manifest.json             written last: all items are there
             runs/<run>/annotations-<n>.npz            rows of annotations.csv, per database
                        images.npz                     ions to draw
             executions/<execution>/plan.json                    what was asked, resolved
                                    items/<State>.json           what a Map works on
                                    failures/<State>/<n>.json    what failed and why
                                    images/<n>.json              this part of the images is there
                                    records/<State>/<n>.json     time and memory of each call

    results  segments/<segments>/segment-<n>.bin       peaks of one m/z range
                                 tic.npz               total ion current
                                 manifest.json         written last: all segments are there
             results/<dataset>/<run>/…                 what people get; run.json is written last
             executions/<execution>/status.json        how each execution went

``<dataset>``, ``<segments>``, ``<patterns>``, ``<scores>`` and ``<run>`` are hashes of content and
options: equal input, equal key. ``<execution>`` is one attempt.
"""

from __future__ import annotations


def database(content_id: str) -> str:
    """Return the key of a molecule table."""
    return f"databases/{content_id}"


def header(dataset_id: str) -> str:
    """Return the key of a dataset's imzML header."""
    return f"datasets/{dataset_id}/header.npz"


def patterns(patterns_id: str) -> str:
    """Return the folder of a database's ions and patterns."""
    return f"patterns/{patterns_id}"


def ions(patterns_id: str) -> str:
    """Return the key of a database's ion table."""
    return f"{patterns(patterns_id)}/ions.npz"


def pattern_chunk(patterns_id: str, chunk: int) -> str:
    """Return the key of one chunk of isotope patterns."""
    return f"{patterns(patterns_id)}/chunk-{chunk:05}.npz"


def pattern_chunk_summary(patterns_id: str, chunk: int) -> str:
    """Return the key of what says that a chunk is complete."""
    return f"{patterns(patterns_id)}/chunk-{chunk:05}.json"


def patterns_manifest(patterns_id: str) -> str:
    """Return the key of what says that all patterns are there."""
    return f"{patterns(patterns_id)}/manifest.json"


def scores(scores_id: str) -> str:
    """Return the folder of a database's scores on one dataset."""
    return f"scores/{scores_id}"


def scores_plan(scores_id: str) -> str:
    """Return the key of how ions are cut into items."""
    return f"{scores(scores_id)}/plan.json"


def score_item(scores_id: str, item: int) -> str:
    """Return the key of the scores of one item."""
    return f"{scores(scores_id)}/item-{item:05}.npz"


def scores_manifest(scores_id: str) -> str:
    """Return the key of what says that all scores are there."""
    return f"{scores(scores_id)}/manifest.json"


def run_plan(execution_id: str) -> str:
    """Return the key of an execution's plan."""
    return f"executions/{execution_id}/plan.json"


def run_annotations(run_id: str, database: int) -> str:
    """Return the key of a database's annotated rows in a run."""
    return f"runs/{run_id}/annotations-{database:03}.npz"


def run_images(run_id: str) -> str:
    """Return the key of the list of ions to draw."""
    return f"runs/{run_id}/images.npz"


def items(execution_id: str, state: str) -> str:
    """Return the key of the list a Map works on."""
    return f"executions/{execution_id}/items/{state}.json"


def image_record(execution_id: str, item: int) -> str:
    """Return the key of what says that the images of an item are written."""
    return f"executions/{execution_id}/images/{item:05}.json"


def failures(execution_id: str, state: str) -> str:
    """Return the folder of a Map's failure records."""
    return f"executions/{execution_id}/failures/{state}"


def failure(execution_id: str, state: str, item: int) -> str:
    """Return the key of one item's failure record."""
    return f"{failures(execution_id, state)}/{item:05}.json"


def records(execution_id: str) -> str:
    """Return the folder of an execution's call records."""
    return f"executions/{execution_id}/records"


def record(execution_id: str, state: str, item: int) -> str:
    """Return the key of what one call cost."""
    return f"{records(execution_id)}/{state}/{item:05}.json"


def segments(segments_id: str) -> str:
    """Return the folder of a dataset's segments."""
    return f"segments/{segments_id}"


def segment(segments_id: str, index: int) -> str:
    """Return the key of one segment."""
    return f"{segments(segments_id)}/segment-{index:05}.bin"


def tic(segments_id: str) -> str:
    """Return the key of a dataset's total ion current."""
    return f"{segments(segments_id)}/tic.npz"


def segments_manifest(segments_id: str) -> str:
    """Return the key of what says that all segments are there."""
    return f"{segments(segments_id)}/manifest.json"


def results(dataset_id: str, run_id: str, name: str = "") -> str:
    """Return the folder of a run's results, or the key of one file in it."""
    return f"results/{dataset_id}/{run_id}/{name}".rstrip("/")


def status(execution_id: str) -> str:
    """Return the key of how an execution went."""
    return f"executions/{execution_id}/status.json"
