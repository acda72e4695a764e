"""Which contents an ibd of the same size and samples had: so that an edit in place is not missed.

A dataset's identity is that of its samples (`ionbox_cloud.identity.identify_dataset`), as long as
storage says that the ibd is the one seen first: by its tag, which is of inode, time and size on one
machine, and the ETag on AWS. Another tag is a reason to compare checksums of the whole file; that
of the content seen first was kept by its runs (`ionbox_cloud.stored.ibd_checksum`), or is not known
yet. Other content gets an identity of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ionbox_cloud import keys
from ionbox_cloud.errors import DamagedObject, InvalidMessage, MissingObject
from ionbox_cloud.identity import hash_content, identify_other_content
from ionbox_cloud.json_record import PublishedRecord
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.store import Store
from ionbox_cloud.stored.ibd_checksum import find_checksum


@dataclass(frozen=True)
class KnownContent(PublishedRecord):
    """An ibd as storage knew it, and the dataset that it was of.

    Attributes
    ----------
    tag : str
        What changes with the content (`ionbox_cloud.store.ObjectFacts.etag`).
    dataset_id : str
        Identity of the dataset.
    """

    tag: str
    dataset_id: str


class KnownContents:
    """Settles the identity of one dataset.

    Parameters
    ----------
    results : Store
        The results bucket, where is kept what was seen.
    tag : str
        The tag that the ibd has now.
    algorithm : str
        Of the checksum, as ``hashlib`` names it.
    digest : callable
        Reads the whole ibd and returns its checksum; an empty text if it is too large for that.
    """

    def __init__(self, results: Store, tag: str, algorithm: str, digest: Callable[[], str]) -> None:
        self._results = results
        self._tag = tag
        self._algorithm = algorithm
        self._digest = digest
        self._sampled_id = ""
        self._is_first = False
        self.found_digest = ""
        """Checksum of the ibd, if it had to be read for its identity."""

    def settle(self, sampled_id: str) -> str:
        """Return the identity of the dataset, from that of its samples."""
        self._sampled_id = sampled_id
        first = self._read(keys.first_content(sampled_id))
        self._is_first = first is None
        if first is None or first.tag == self._tag:
            return sampled_id
        key = keys.other_content(sampled_id, hash_content(self._tag.encode()))
        known = self._read(key)
        if known is not None and known.tag == self._tag:
            return known.dataset_id
        digest = self.found_digest = self._digest()
        is_first = digest != "" and digest == self._digest_of(first)
        # without a checksum, the tag has to do: the same file uploaded otherwise is sorted again
        dataset_id = (
            sampled_id if is_first else identify_other_content(sampled_id, digest or self._tag)
        )
        self._results.write_sealed(key, KnownContent(self._tag, dataset_id).to_json())
        return dataset_id

    def remember(self, plan: RunPlan) -> bool:
        """Keep what was seen, if it was the first content of these samples.

        Returns
        -------
        bool
            False if other content was seen first meanwhile: then the identity is to be settled
            again.
        """
        key = keys.first_content(self._sampled_id)
        seen = KnownContent(self._tag, self._sampled_id).to_json()
        if self._is_first and self._results.create_sealed(key, seen):
            return True
        first = self._read(key)
        if first is None:
            self._results.delete([key])  # a damaged one counts as absent
            if self._results.create_sealed(key, seen):
                return True
            first = self._read(key)
        return plan.dataset_id != self._sampled_id or first is None or self._is_same(first)

    def _is_same(self, first: KnownContent) -> bool:
        return first.tag == self._tag or self.settle(self._sampled_id) == self._sampled_id

    def _digest_of(self, first: KnownContent) -> str:
        """Return the checksum of the content seen first; empty if it is not known any more."""
        kept = find_checksum(self._results, first.dataset_id, first.tag)
        return kept.digest if kept is not None and kept.algorithm == self._algorithm else ""

    def _read(self, key: str) -> KnownContent | None:
        try:
            return KnownContent.from_json(self._results.read_sealed(key))
        except (MissingObject, DamagedObject, InvalidMessage):
            return None
