from __future__ import annotations

import csv
import re
from collections import defaultdict
from pathlib import Path

import pytest
from ionbox_science.theory.databases import parse_database
from ionbox_science.theory.formulas import parse_formula
from ionbox_science.theory.lipids import SHIPPED_DATABASES, Lipid, enumerate_lipids

# Textbook compositions: LIPID MAPS, neutral molecules (choline lipids as zwitterions).
WELL_KNOWN = {
    "PC 34:1": "C42H82NO8P",
    "PC 36:2": "C44H84NO8P",
    "PC 38:6": "C46H80NO8P",
    "PC O-34:1": "C42H84NO7P",
    "PE 36:2": "C41H78NO8P",
    "PE 38:4": "C43H78NO8P",
    "PE O-36:2": "C41H80NO7P",  # PE P-18:0/18:1
    "PE O-38:5": "C43H78NO7P",  # PE P-18:0/20:4
    "PS 36:1": "C42H80NO10P",
    "PI 38:4": "C47H83O13P",
    "PG 34:1": "C40H77O10P",
    "PA 34:1": "C37H71O8P",
    "CL 72:8": "C81H142O17P2",
    "LPC 16:0": "C24H50NO7P",
    "LPC O-16:0": "C24H52NO6P",
    "LPE 18:0": "C23H48NO7P",
    "LPA 18:1": "C21H41O7P",
    "LPI 20:4": "C29H49O12P",
    "MG 18:1": "C21H40O4",
    "DG 36:2": "C39H72O5",
    "TG 52:2": "C55H102O6",
    "TG 54:3": "C57H104O6",
    "CE 18:1": "C45H78O2",
    "CE 18:2": "C45H76O2",
    "FA 18:1": "C18H34O2",
    "FA 20:4": "C20H32O2",
    "CAR 2:0": "C9H17NO4",
    "CAR 16:0": "C23H45NO4",
    "NAE 20:4": "C22H37NO2",
    "SPB 18:1;O2": "C18H37NO2",
    "SPBP 18:1;O2": "C18H38NO5P",
    "SM 34:1;O2": "C39H79N2O6P",
    "SM 42:2;O2": "C47H93N2O6P",
    "Cer 34:1;O2": "C34H67NO3",
    "Cer 42:2;O2": "C42H81NO3",
    "HexCer 42:2;O2": "C48H91NO8",
    "HexCer 42:1;O3": "C48H93NO9",
    "Hex2Cer 34:1;O2": "C46H87NO13",
    "SHexCer 42:2;O2": "C48H91NO11S",
    "GM3 34:1;O2": "C57H104N2O21",
    "GM1 36:1;O2": "C73H131N3O31",
    "MGDG 36:6": "C45H74O10",
    "DGDG 36:6": "C51H84O15",
    "SQDG 34:3": "C43H76O12S",
    "cholesterol": "C27H46O",
}

# LIPID MAPS of 2017 has few of the sphingolipids with rarer chains and few plastid lipids.
WELL_COVERED = (
    *("FA", "CE", "MG", "DG", "TG", "PA", "PC", "PE", "PG", "PI", "PS"),
    *("LPA", "LPC", "LPE", "LPG", "LPI", "LPS", "SPB"),
)


@pytest.mark.parametrize(("name", "formula"), WELL_KNOWN.items())
def test_formula_is_the_well_known_one(name: str, formula: str) -> None:
    formulas = {lipid.name: lipid.formula for lipid in enumerate_lipids()}
    assert formulas[name] == formula


def test_ids_and_names_are_unique_and_made_from_each_other() -> None:
    species = enumerate_lipids()
    assert 1_500 <= len(species) <= 3_000
    assert len({lipid.name for lipid in species}) == len(species)
    assert len({lipid.id for lipid in species}) == len(species)
    assert Lipid("SM_34_1_O2", "SM 34:1;O2", "C39H79N2O6P") in species
    assert all(re.fullmatch(r"[\w-]+", lipid.id) for lipid in species)


def test_hydrogen_counts_obey_valence() -> None:
    for lipid in enumerate_lipids():
        counts = parse_formula(lipid.formula)
        odd_valences = counts["H"] + counts.get("N", 0) + counts.get("P", 0)
        assert odd_valences % 2 == 0, lipid
        saturated = 2 * counts["C"] + 2 + counts.get("N", 0) + counts.get("P", 0)
        assert 0 < counts["H"] <= saturated, lipid


def test_double_bonds_stay_within_what_the_chains_carry() -> None:
    for lipid in enumerate_lipids():
        if match := re.search(r"(\d+):(\d+)", lipid.name):
            carbons, double_bonds = map(int, match.groups())
            assert double_bonds <= carbons / 3, lipid


def test_enumeration_is_repeatable() -> None:
    assert enumerate_lipids() == enumerate_lipids()


def test_species_are_known_to_lipid_maps(reference: Path) -> None:
    with (reference / "databases" / "lipidmaps_2017-12-12-v2.tsv").open(encoding="utf-8") as file:
        known = {row["formula"] for row in csv.DictReader(file, delimiter="\t")}
    found = defaultdict(list)
    for lipid in enumerate_lipids():
        found[lipid.name.split()[0]].append(lipid.formula in known)
    shares = {name: sum(hits) / len(hits) for name, hits in found.items()}
    poorly_covered = {name: shares[name] for name in WELL_COVERED if shares[name] < 0.84}
    assert not poorly_covered
    assert sum(map(sum, found.values())) / sum(map(len, found.values())) > 0.7


def test_the_shipped_table_is_read_back() -> None:
    database = parse_database(SHIPPED_DATABASES["lipids"](), "lipids")
    found = list(map(Lipid, database.ids, database.names, database.formulas))
    assert found == enumerate_lipids()
