"""The checksum of a whole ibd, as sorting read it, against the one its imzML declares."""

from __future__ import annotations

from dataclasses import dataclass

from ionbox_science.imzml.header import ImzmlHeader

from ionbox_cloud.json_record import PublishedRecord


@dataclass(frozen=True)
class IbdChecksum(PublishedRecord):
    """The checksum of an ibd, and whether its imzML declares it.

    Attributes
    ----------
    algorithm : str
        As ``hashlib`` names it.
    digest : str
        Lower-case hex digits; empty where nobody read the whole file.
    verdict : str
        ``matches``, ``differs``, ``not declared`` or, without a digest, ``not compared``.
    """

    algorithm: str
    digest: str
    verdict: str


def compare_checksum(digest: str, header: ImzmlHeader) -> IbdChecksum:
    """Compare the digest of an ibd (hex; empty if there is none) with what its imzML declares."""
    declared = header.checksum[1] if header.checksum else None
    if not digest:
        verdict = "not compared"
    else:
        verdict = "matches" if digest == declared else "differs" if declared else "not declared"
    return IbdChecksum(header.checksum_algorithm, digest, verdict)


def describe_difference(checksum: IbdChecksum, ibd_name: str) -> str:
    """Return the warning about an ibd whose checksum is not the declared one."""
    return (
        f"{ibd_name}: its {checksum.algorithm.upper()} is not the one the imzML declares; compare "
        "it with the original"
    )
