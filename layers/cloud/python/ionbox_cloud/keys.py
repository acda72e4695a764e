"""Object keys: the only place that knows where anything lies.

::

    inbox    whatever users drop; keys come with the request

    work     claims/<claim>/<n>.json                   an attempt at what was dropped
             databases/<content>                       a molecule table, as given
             datasets/<segments>/header.npz            the imzML header as arrays
                                 mask.npz              measured pixels
             patterns/<patterns>/ions.npz              ions of one database under one rule
                                 ions.json             their number; written after them
                                 chunk-<n>.npz         their isotope patterns, by mass
                                 chunk-<n>.json        m/z range; written after the chunk
             mz-errors/<scores>/ions-<n>-<n>.npz       m/z errors among these ions
             scores/<scores>/ions-<n>-<n>.npz          metrics of these ions
             runs/<run>/recalibration.json             the line of m/z errors, and its calibrants
                        annotations-<n>.npz            rows of annotations.csv, per database
                        images.npz                     ions to draw
                        prepared-<n>-<n>.npz           these images, to be compared
                        pictures-<n>-<n>.npz           the same, for the report
                        fractions-<n>-<n>.npz          means and pictures of labelled fractions
                        partners-<n>-<n>.npz           which images are most like these
             sort/<sort>/span-<n>.npz                  peaks per segment, TIC; comes after its span
                         counts.npz                    peaks per span and segment
                         merged/<n>-<n>.json           these segments are there
             sort/spans/<x>/<sort>-<n>.bin             a span of spectra, sorted, cut by segment
             executions/<execution>/plan.json                    what was asked, resolved
                                    items/<State>.json           what a Map works on
                                    mz-errors/<n>.json           ranges of ions, per database
                                    scores/<n>.json              the same of their scores
                                    failures/<State>/<n>.json    what failed and why
                                    errors/<digest>.json         what an error said, on AWS
                                    unusable/<digest>.json       an object was damaged or missing
                                    published/<State>/<n>.json   checksums of published files
                                    images/<n>.json              this part of the images is there
                                    records/<State>/<n>.json     time and memory of each call
                                    announced/<n>.json           people were told of this end

    results  segments/<segments>/segment-<n>.bin       peaks of one m/z range
                                 tic.npz               total ion current
                                 manifest.json         written last: all segments are there
             contents/<samples>/first.json             the ibd first seen with these samples
                                other-<tag>.json       another one, and the dataset it is of
             contents/<dataset>/ibd-<tag>.json         its checksum, and whether it is as declared
             results/<dataset>/<run>/…                 what people get; run.json is written last
             executions/<execution>/status.json        how each execution went
             databases/<name>.json                     whether a molecule table in the inbox is fit

``<claim>``, ``<dataset>``, ``<samples>``, ``<segments>``, ``<sort>``, ``<patterns>``, ``<scores>``
and ``<run>`` are hashes of content and options (`ionbox_cloud.identity`): equal input, equal key,
so a run finds what an earlier one computed. ``<execution>`` is one attempt, and what lies below it
is of no use to another. An object that says that others are complete is written after them.

Two numbers in a name are a range, without its end: work may be cut otherwise the next time, and
what has another range is never taken for it. ``<x>`` is a hexadecimal digit that spreads spans over
folders, as many calls read all of them at once and S3 answers so many requests for each part of a
bucket (`ionbox_cloud.planning.rates`).
"""

from __future__ import annotations

import re
import zlib

from ionbox_cloud.published import STATUS

_RANGE = re.compile(r"(\d+)-(\d+)\.\w+$")


def claim(claim_id: str) -> str:
    """Return the folder of the attempts at what was dropped: one dataset, one content."""
    return f"claims/{claim_id}"


def claim_attempt(claim_id: str, attempt: int) -> str:
    """Return the key of one attempt, the first of which is 1; keys sort by number."""
    return f"{claim(claim_id)}/{attempt:05}.json"


def database(content_id: str) -> str:
    """Return the key of a molecule table, copied from the inbox, where it may be replaced."""
    return f"databases/{content_id}"


def header(segments_id: str) -> str:
    """Return the key of a dataset's imzML header, as it is read for its segments."""
    return f"datasets/{segments_id}/header.npz"


def mask(segments_id: str) -> str:
    """Return the key of a dataset's mask: which pixels were measured."""
    return f"datasets/{segments_id}/mask.npz"


def patterns(patterns_id: str) -> str:
    """Return the folder of a database's ions and patterns."""
    return f"patterns/{patterns_id}"


def ions(patterns_id: str) -> str:
    """Return the key of a database's ion table."""
    return f"{patterns(patterns_id)}/ions.npz"


def ion_count(patterns_id: str) -> str:
    """Return the key of the number of ions of a database; written after the ions."""
    return f"{patterns(patterns_id)}/ions.json"


def pattern_chunk(patterns_id: str, chunk: int) -> str:
    """Return the key of one chunk of isotope patterns."""
    return f"{patterns(patterns_id)}/chunk-{chunk:05}.npz"


def pattern_chunk_summary(patterns_id: str, chunk: int) -> str:
    """Return the key of a chunk's summary; written after the chunk, so it says that it is there."""
    return f"{patterns(patterns_id)}/chunk-{chunk:05}.json"


def scores(scores_id: str) -> str:
    """Return the folder of a database's scores on one dataset."""
    return f"scores/{scores_id}"


def score_item(scores_id: str, start: int, stop: int) -> str:
    """Return the key of the scores of ions ``start`` to ``stop``."""
    return f"{scores(scores_id)}/ions-{start:08}-{stop:08}.npz"


def mz_errors(scores_id: str) -> str:
    """Return the folder of the m/z errors of a database's ions, before any recalibration."""
    return f"mz-errors/{scores_id}"


def mz_error_item(scores_id: str, start: int, stop: int) -> str:
    """Return the key of the m/z errors among ions ``start`` to ``stop``."""
    return f"{mz_errors(scores_id)}/ions-{start:08}-{stop:08}.npz"


def mz_error_ranges(execution_id: str, database: int) -> str:
    """Return the key of the ranges that an execution finds the m/z errors of a database in."""
    return f"executions/{execution_id}/mz-errors/{database:03}.json"


def run_recalibration(run_id: str) -> str:
    """Return the key of a run's line of m/z errors."""
    return f"runs/{run_id}/recalibration.json"


def score_ranges(execution_id: str, database: int) -> str:
    """Return the key of the ranges that an execution finds the scores of a database in."""
    return f"executions/{execution_id}/scores/{database:03}.json"


def range_of(key: str) -> tuple[int, int] | None:
    """Return the range that an object's name ends with; None if it has none."""
    found = _RANGE.search(key)
    return found and (int(found[1]), int(found[2]))


def error_words(execution_id: str, digest: str) -> str:
    """Return the key of what an error of an execution said."""
    return f"executions/{execution_id}/errors/{digest}.json"


def run_plan(execution_id: str) -> str:
    """Return the key of an execution's plan."""
    return f"executions/{execution_id}/plan.json"


def sort(sort_id: str) -> str:
    """Return the folder of what lies between ibd and segments when many calls sort a dataset."""
    return f"sort/{sort_id}"


def sorted_span(sort_id: str, index: int) -> str:
    """Return the key of a sorted span of spectra, in one of the folders that all sorts share."""
    name = f"{sort_id}-{index:05}"
    return f"sort/spans/{zlib.crc32(name.encode()) % 16:x}/{name}.bin"


def sorted_span_summary(sort_id: str, index: int) -> str:
    """Return the key of a sorted span's summary; written after the span, so it says it is there."""
    return f"{sort(sort_id)}/span-{index:05}.npz"


def sorted_span_counts(sort_id: str) -> str:
    """Return the key of how many peaks each span has in each segment."""
    return f"{sort(sort_id)}/counts.npz"


def all_merged_segments(sort_id: str) -> str:
    """Return the folder of the records of merged segments."""
    return f"{sort(sort_id)}/merged"


def merged_segments(sort_id: str, start: int, stop: int) -> str:
    """Return the key of the record that segments ``start`` to ``stop`` are all written."""
    return f"{all_merged_segments(sort_id)}/{start:05}-{stop:05}.json"


def run_annotations(run_id: str, database: int) -> str:
    """Return the key of a database's annotated rows in a run."""
    return f"runs/{run_id}/annotations-{database:03}.npz"


def run_images(run_id: str) -> str:
    """Return the key of the list of ions to draw."""
    return f"runs/{run_id}/images.npz"


def prepared_images(run_id: str, start: int, stop: int) -> str:
    """Return the key of images ``start`` to ``stop`` as they are compared."""
    return f"runs/{run_id}/prepared-{start:06}-{stop:06}.npz"


def pictures(run_id: str, start: int, stop: int) -> str:
    """Return the key of images ``start`` to ``stop`` as the report shows them."""
    return f"runs/{run_id}/pictures-{start:06}-{stop:06}.npz"


def label_fractions(run_id: str, start: int, stop: int) -> str:
    """Return the key of what the report needs of the labelled fractions of images' molecules."""
    return f"runs/{run_id}/fractions-{start:06}-{stop:06}.npz"


def partners(run_id: str, start: int, stop: int) -> str:
    """Return the key of which images are most like images ``start`` to ``stop``."""
    return f"runs/{run_id}/partners-{start:06}-{stop:06}.npz"


def items(execution_id: str, state: str) -> str:
    """Return the key of the list a Map works on."""
    return f"executions/{execution_id}/items/{state}.json"


def image_record(execution_id: str, item: int) -> str:
    """Return the key of the record that all images of an item are written."""
    return f"executions/{execution_id}/images/{item:05}.json"


def all_failures(execution_id: str) -> str:
    """Return the folder of the failure records of all Maps."""
    return f"executions/{execution_id}/failures"


def failures(execution_id: str, state: str) -> str:
    """Return the folder of a Map's failure records."""
    return f"{all_failures(execution_id)}/{state}"


def failure(execution_id: str, state: str, item: int) -> str:
    """Return the key of one item's failure record."""
    return f"{failures(execution_id, state)}/{item:05}.json"


def all_unusable(execution_id: str) -> str:
    """Return the folder of the records of objects that could not be used."""
    return f"executions/{execution_id}/unusable"


def unusable(execution_id: str, digest: str) -> str:
    """Return the key of the record of one object, by a digest of its key."""
    return f"{all_unusable(execution_id)}/{digest}.json"


def all_published_files(execution_id: str) -> str:
    """Return the folder of what the states of an execution published."""
    return f"executions/{execution_id}/published"


def published_files(execution_id: str, state: str, item: int) -> str:
    """Return the key of size and checksum of the files that a call published."""
    return f"{all_published_files(execution_id)}/{state}/{item:05}.json"


def records(execution_id: str) -> str:
    """Return the folder of an execution's call records."""
    return f"executions/{execution_id}/records"


def record(execution_id: str, state: str, item: int) -> str:
    """Return the key of what one call took: time and memory."""
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
    """Return the key of the segments' manifest; written last, so it says that all are there."""
    return f"{segments(segments_id)}/manifest.json"


def first_content(sampled_id: str) -> str:
    """Return the key of what is known of the ibd that was first seen with some samples."""
    return f"contents/{sampled_id}/first.json"


def other_content(sampled_id: str, tag: str) -> str:
    """Return the key of what is known of another ibd with the same samples, by its tag's hash."""
    return f"contents/{sampled_id}/other-{tag}.json"


def ibd_checksum(dataset_id: str, tag: str) -> str:
    """Return the key of what came of comparing an ibd of a dataset, by its tag's hash."""
    return f"contents/{dataset_id}/ibd-{tag}.json"


def results(dataset_id: str, run_id: str, name: str = "") -> str:
    """Return the folder of a run's results, or the key of one file in it."""
    return f"results/{dataset_id}/{run_id}/{name}".rstrip("/")


def announcement(execution_id: str, ended_ms: int) -> str:
    """Return the key of the mark that an end of an execution was announced.

    An execution that is redriven ends more than once: the time, in milliseconds since 1970, tells
    its ends apart.
    """
    return f"executions/{execution_id}/announced/{ended_ms:013}.json"


def registered_database(database_name: str) -> str:
    """Return the key of what was found about a molecule table in the inbox."""
    return f"databases/{database_name}.json"


def status(execution_id: str) -> str:
    """Return the key of how an execution went."""
    return f"executions/{execution_id}/{STATUS}"
