"""What a run record says of files: of the ibd that was read, and of each that was published."""

from __future__ import annotations

from dataclasses import dataclass

from ionbox_cloud.json_record import PublishedRecord


@dataclass(frozen=True)
class IbdChecksum(PublishedRecord):
    """The checksum of an ibd, and whether its imzML declares it.

    Attributes
    ----------
    algorithm : str
        As ``hashlib`` names it.
    digest : str
        Lower-case hex digits; empty where nobody knows that of the whole file.
    verdict : str
        ``matches``, ``differs``, ``not declared`` or, without a digest, ``not compared``.
    """

    algorithm: str
    digest: str
    verdict: str


@dataclass(frozen=True)
class PublishedFile(PublishedRecord):
    """A file of the results, as it was written: its size in bytes, and its SHA-256 in hex."""

    n_bytes: int
    sha256: str
