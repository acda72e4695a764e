"""The checksum of a whole ibd against the one its imzML declares, kept for every run of the bytes.

Whoever learns the checksum keeps what came of comparing it, as an object of its own below the
identity of the content and the tag of the ibd: a state that sorts and sees the whole file anyway,
ChecksumIbd, or PlanRun where it had to read the file for its identity. Segments do not have it, so
sorting need not wait. PublishResults does not publish without it.

A wrong checksum alone is a warning of the run. With peaks that cannot be, it says that the file is
damaged, and the dataset is refused: by whoever comes second of those that find out the one and the
other, and by each later run of the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from ionbox_science.imzml.checks import check_mz_counts

from ionbox_cloud import keys
from ionbox_cloud.errors import DamagedObject, InvalidMessage, MissingObject
from ionbox_cloud.identity import hash_content
from ionbox_cloud.json_record import PublishedRecord
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.store import Store
from ionbox_cloud.stored.file_records import IbdChecksum
from ionbox_cloud.stored.segments import SegmentsManifest, read_manifest


@dataclass(frozen=True)
class ComparedIbd(PublishedRecord):
    """What came of comparing an ibd, as it is kept.

    Attributes
    ----------
    tag : str
        Of the ibd: what changes with its content (`ionbox_cloud.store.ObjectFacts.etag`).
    checksum : IbdChecksum
        Its checksum.
    source : str
        Who said the checksum: ``read`` by a state of ours, ``storage`` or ``sender``.
    """

    tag: str
    checksum: IbdChecksum
    source: str


def compare_checksum(digest: str, algorithm: str, declared: str) -> IbdChecksum:
    """Compare the digest of an ibd (hex; empty if there is none) with the declared one, if any."""
    if not digest:
        verdict = "not compared"
    elif not declared:
        verdict = "not declared"
    else:
        verdict = "matches" if digest == declared else "differs"
    return IbdChecksum(algorithm, digest, verdict)


def describe_difference(checksum: IbdChecksum, ibd_name: str) -> str:
    """Return the warning about an ibd whose checksum is not the declared one."""
    return (
        f"{ibd_name}: its {checksum.algorithm.upper()} is not the one the imzML declares; compare "
        "it with the original"
    )


def keep_checksum(results: Store, plan: RunPlan, digest: str, source: str = "read") -> IbdChecksum:
    """Compare the ibd of a run, and keep what came of it; see `ComparedIbd`.

    An empty digest, of a file that is too large to be read for it, never replaces a known one.
    """
    checksum = compare_checksum(digest, plan.checksum_algorithm, plan.declared_checksum)
    key = _key(plan.dataset_id, plan.ibd_etag)
    compared = ComparedIbd(plan.ibd_etag, checksum, source).to_json()
    if digest:
        results.write_sealed(key, compared)
    else:
        results.create_sealed(key, compared)
    return checksum


def read_checksum(results: Store, dataset_id: str, tag: str) -> IbdChecksum:
    """Read what came of comparing the ibd of a dataset that has a tag.

    Raises
    ------
    MissingObject
        If it was not compared.
    DamagedObject
        If what was kept cannot be read, or is of another ibd.
    """
    key = _key(dataset_id, tag)
    kept = results.read_sealed(key)
    try:
        compared = ComparedIbd.from_json(kept)
    except InvalidMessage as error:
        raise DamagedObject.of(key, str(error)) from error
    if compared.tag != tag:
        raise DamagedObject.of(key, "it is about another ibd")
    return compared.checksum


def find_checksum(results: Store, dataset_id: str, tag: str) -> IbdChecksum | None:
    """Return what `read_checksum` reads; None if it cannot be read."""
    try:
        return read_checksum(results, dataset_id, tag)
    except (MissingObject, DamagedObject):
        return None


def refuse_damaged(plan: RunPlan, manifest: SegmentsManifest, checksum: IbdChecksum) -> None:
    """Refuse a dataset whose peaks and whose checksum say together that its ibd is damaged.

    Raises
    ------
    InvalidDataset
        If they do.
    """
    check_mz_counts(
        manifest.n_implausible,
        sum(manifest.n_peaks) + manifest.n_implausible,
        PurePosixPath(plan.dataset.ibd_key).name,
        checksum_differs=checksum.verdict == "differs",
    )


def refuse_if_known_damaged(results: Store, plan: RunPlan) -> None:
    """Refuse a dataset as `refuse_damaged` does, if all is known: its segments and its checksum.

    To be called by whoever has just written the one or the other.

    Raises
    ------
    InvalidDataset
        If it is damaged.
    """
    checksum = find_checksum(results, plan.dataset_id, plan.ibd_etag)
    if checksum is None or checksum.verdict != "differs":
        return
    try:
        manifest = read_manifest(results, plan.segments_id)
    except (MissingObject, DamagedObject):
        return  # who reads the segments has them made anew, and is then asked again
    refuse_damaged(plan, manifest, checksum)


def _key(dataset_id: str, tag: str) -> str:
    return keys.ibd_checksum(dataset_id, hash_content(tag.encode()))
