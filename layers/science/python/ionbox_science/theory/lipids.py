"""The built-in lipid database: species enumerated from class templates by arithmetic.

Out: a table of ids, names and formulas in the form of any other database
(`ionbox_science.theory.databases`), for runs that name ``lipids`` and for ``ionbox lipids``.

A class is a core compound whose hydroxyls or amine carry chains. ``data/lipid_classes.json`` lists
the cores and the chains each class is seen with; every sum of chains is one species, named by
LIPID MAPS shorthand at species level (``PC 34:1`` = any two acyls with 34 carbons and one double
bond together). Plasmalogens have no name of their own at that level: ``PE O-36:2`` covers the
isomer ``PE P-36:1``.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from functools import cache
from importlib import resources
from typing import Any

from ionbox_science.theory.formulas import format_formula, parse_formula

Chain = tuple[int, int]
"""Carbons and double bonds of one chain, or of several together."""


@dataclass(frozen=True)
class Lipid:
    """One lipid species.

    Attributes
    ----------
    id : str
        The name in a form fit for file names and spreadsheets, ``PC_34_1``; stable as long as the
        name is.
    name : str
        LIPID MAPS shorthand, ``PC 34:1``.
    formula : str
        Neutral molecule, zwitterions included.
    """

    id: str
    name: str
    formula: str


@dataclass(frozen=True)
class LipidClass:
    """A class template.

    Attributes
    ----------
    name : str
        Class abbreviation, ``PC``.
    core : str
        Formula of the compound that carries the chains.
    chains : tuple of str
        Chain kind at each position of the core.
    link : str
        ``O-`` where the first chain is an ether.
    oxygens : str
        What follows the semicolon of a sphingolipid's name, ``O2``.
    core_name : str
        The core in words, for the reader of the data file.
    """

    name: str
    core: str
    chains: tuple[str, ...]
    link: str = ""
    oxygens: str = ""
    core_name: str = ""


@dataclass(frozen=True)
class ChainKind:
    """The chains found at one kind of position.

    Attributes
    ----------
    is_acyl : bool
        Bound through a carbonyl, as opposed to an ether or a sphingoid base.
    chains : tuple of (int, int)
        Carbons and double bonds of each chain there can be.
    """

    is_acyl: bool
    chains: tuple[Chain, ...]


def enumerate_lipids() -> list[Lipid]:
    """List every built-in lipid species: by class in the data file's order, then by chain sum."""
    tables = _load_tables()
    kinds = {
        name: ChainKind(kind["is_acyl"], tuple(_parse_chains(kind["chains"])))
        for name, kind in tables["chain_kinds"].items()
    }
    lipids = [
        _build_lipid(lipid_class, chain_sum, kinds)
        for lipid_class in _lipid_classes(tables)
        for chain_sum in _sum_chains([kinds[kind] for kind in lipid_class.chains])
    ]
    singles = [
        Lipid(_lipid_id(single["name"]), single["name"], single["formula"])
        for single in tables["single_species"]
    ]
    return lipids + singles


def write_table(lipids: Sequence[Lipid]) -> bytes:
    """Write lipid species as a tab-separated database with columns id, name, formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(field.name for field in fields(Lipid))
    writer.writerows(astuple(lipid) for lipid in lipids)
    return text.getvalue().encode()


SHIPPED_DATABASES: Mapping[str, Callable[[], bytes]] = {
    "lipids": lambda: write_table(enumerate_lipids())
}
"""Databases that need no file: their names, and functions that return their tables."""


def _load_tables() -> Any:
    text = (resources.files("ionbox_science") / "data" / "lipid_classes.json").read_text("utf-8")
    return json.loads(text)


def _lipid_classes(tables: Any) -> Iterator[LipidClass]:
    for template in tables["classes"]:
        yield LipidClass(**{**template, "chains": tuple(template["chains"])})


def _parse_chains(text: str) -> Iterator[Chain]:
    """Read ``"16:0-1 18:2"`` as (16, 0), (16, 1), (18, 2)."""
    for word in text.split():
        carbons, bonds = word.split(":")
        fewest, _, most = bonds.partition("-")
        for double_bonds in range(int(fewest), int(most or fewest) + 1):
            yield int(carbons), double_bonds


def _sum_chains(kinds: list[ChainKind]) -> list[Chain]:
    """List the distinct sums over one chain per position, ascending."""
    # A set: PC 34:1 is one species, however many pairs of acyls add up to it.
    sums = {(0, 0)}
    for kind in kinds:
        sums = {
            (carbons + chain[0], bonds + chain[1])
            for (carbons, bonds), chain in itertools.product(sums, kind.chains)
        }
    return sorted(sums)


def _build_lipid(lipid_class: LipidClass, chain_sum: Chain, kinds: dict[str, ChainKind]) -> Lipid:
    carbons, double_bonds = chain_sum
    n_acyls = sum(kinds[kind].is_acyl for kind in lipid_class.chains)
    counts = Counter(_core_counts(lipid_class.core))
    counts["C"] += carbons
    # A CH2 per carbon; a double bond takes two hydrogens, and so does an acyl's carbonyl.
    counts["H"] += 2 * (carbons - double_bonds - n_acyls)
    counts["O"] += n_acyls
    oxygens = f";{lipid_class.oxygens}" if lipid_class.oxygens else ""
    name = f"{lipid_class.name} {lipid_class.link}{carbons}:{double_bonds}{oxygens}"
    return Lipid(_lipid_id(name), name, format_formula(counts))


@cache
def _core_counts(core: str) -> dict[str, int]:
    return parse_formula(core)


def _lipid_id(name: str) -> str:
    return name.translate(str.maketrans(" :;", "___"))
