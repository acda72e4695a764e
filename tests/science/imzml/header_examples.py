"""A small header that is right, and what is said of it."""

from __future__ import annotations

from ionbox_science.imzml.checks import Problem, check_dataset
from ionbox_science.imzml.header import ImzmlHeader, read_header

from tests.imzml_builder import Pair, build_pair

SOUND = build_pair()


def header_of(pair: Pair) -> ImzmlHeader:
    return read_header(pair.source, "a.imzML")


def problems_of(pair: Pair, **changes: object) -> list[Problem]:
    values: dict[str, object] = {
        "name": "a.imzML",
        "ibd_name": "a.ibd",
        "ibd_size": len(pair.ibd),
        "ibd_uuid": pair.ibd[:16],
        "accept_profile": False,
    }
    return check_dataset(header_of(pair), **(values | changes))  # type: ignore[arg-type]


LENGTH = 'accession="IMS:1000103" cvRef="IMS" name="external array length"'
