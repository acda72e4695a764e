"""The checksum of an ibd as others know it, so that it need not be read: S3, or who sent it.

S3 has the checksum of an object that was put whole with one. ``ionbox submit`` reads an ibd before
it sends it, and gives what it found to the imzML's object to keep, with the ETag of the ibd that it
sent: the word holds for that ibd only, wherever the imzML is copied.
"""

from __future__ import annotations

import re

from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.store import Store

STATEMENT = "ionbox-ibd-checksum"
"""Under this name the sender's word lies with the object of the imzML."""

_HEX_DIGITS = re.compile(r"[0-9a-f]+")


def state_checksum(algorithm: str, digest: str, etag: str) -> dict[str, str]:
    """Return what is to lie with an imzML: algorithm and digest of the ibd that has an ETag."""
    return {STATEMENT: f"{algorithm} {digest} {_bare(etag)}"}


def ask_storage(inbox: Store, plan: RunPlan) -> str:
    """Return the checksum that S3 has of a run's ibd, hex digits; empty if it has none."""
    head = inbox.ask_head(plan.dataset.ibd_key)
    if head is None or _bare(head.etag) != _bare(plan.ibd_etag):
        return ""
    return head.checksums.get(plan.checksum_algorithm, "")


def ask_sender(inbox: Store, plan: RunPlan) -> str:
    """Return the checksum that the sender of a run's ibd found; empty if nothing holds for it."""
    head = inbox.ask_head(plan.dataset.imzml_key)
    said = head.words.get(STATEMENT, "").split() if head is not None else []
    if len(said) != 3:
        return ""
    algorithm, digest, etag = said
    holds = algorithm == plan.checksum_algorithm and _bare(etag) == _bare(plan.ibd_etag)
    return digest if holds and _HEX_DIGITS.fullmatch(digest) else ""


def _bare(etag: str) -> str:
    """Return an ETag without its quotes: some write them, some do not."""
    return etag.strip('"')
