"""Hostile inputs of each kind, made from a seed, and what is to be true of each.

Every case returns how it was answered, raises `Wrong` where something was read otherwise than it
is written, and lets through whatever ionbox raises that it should not.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from ionbox.datasets.check import check
from ionbox_cloud.messages import ConfigLayer
from ionbox_science.config import FileWords, resolve_config
from ionbox_science.errors import InvalidInput
from ionbox_science.imzml.header import ImzmlHeader, read_header
from ionbox_science.imzml.spectra import read_spectrum
from ionbox_science.setting_table import SETTINGS
from ionbox_science.theory.databases import MoleculeDatabase, parse_database
from ionbox_science.theory.ion_limit import check_ion_count
from ionbox_science.theory.ions import build_ions
from pyimzml.ImzMLParser import ImzMLParser

from tests.imzml_builder import SPECTRA, Pair, build_pair, range_reader
from tests.imzml_mutations import mutate

ACQUISITION = {"polarity": "positive", "analyzer": "orbitrap", "resolving_power": 140_000}
FINE_VALUES: list[Any] = [1, 2, 5, 150, "positive", "orbitrap", True, ["+H"], ["-H"], [], 1000.5]
MS2 = '<cvParam cvRef="MS" accession="MS:1000511" name="ms level" value="2"/>'
PAIRS = [
    build_pair(),
    build_pair([(SPECTRA[0][0], [1.0, 2.0, 3.0])] * 3, mode="continuous"),
    build_pair([([500.0], [1.0])] * 5, [(i + 1, 5 - i, 1) for i in range(5)], polarity=None),
    build_pair(mz_dtype=np.float32, intensity_dtype=np.float64),
    build_pair().edited("<scanList", f"{MS2}<scanList", 1),
]
TABLE = (
    b'id\tname\tformula\nHMDB1\tglucose\tC6H12O6\nHMDB2\t5"-thing\tC10H15N5O10P2\n'
    b"HMDB3\tcaffeine, pure\tC8H10N4O2\nHMDB4\t\xc3\xa9ther\tC4H10O\n"
)
ODD_CELLS = [
    *("", '"', '"x', 'x"y', "C" * 5000, "C99999999999", "C6H12O6.H2O", "C6", "\x1b[31m", "Xx2"),
    *("formula", "\u2028", "(CH3)3", "C-1", "=1+1", "\x0b", "H" + "9" * 400),
]
ADDUCT_PARTS = [
    *("+", "-", "M", "[", "]", "H", "Na", "K", "NH4", "2", "H2O", "C", "0", "9" * 9, "9" * 400),
    *("+H", "-H", "[M]+", "[M+H]+", "M+", " ", ",", "Xx", "Hx", "D", "[13C]", "−", "(", ")", "e"),
    *(".", "\n", "\0", "é", "١", "Cl", "+He", "2M", "++"),
]
ODD_VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 3.5, 1e-300, 1e300, 10**400, float("nan"), float("inf")),
    *("", "positive", "Orbitrap", "FTICR", "1e5", "1e400", "\ud800", "x" * 5000, [], {}, [[]]),
    *(["+H"], ["+H", "+H"], ["-H2O"], [None], ["+H,+Na"], {"+H": 1}, [1e9], "+H", ["+C"] * 300),
    *("metaspace-v1", "map", 2**31, 2**63, -(2**63), 10**19, "[" * 50),
]


class Wrong(Exception):  # noqa: N818 (an outcome)
    """An input that was accepted and read as something else."""


Case = Callable[[Random, Path], str]
"""Makes an input in a folder, tries it, and returns how it was answered."""


# --- imzML and ibd --------------------------------------------------------------------------------


def try_imzml(random: Random, folder: Path) -> str:
    """A damaged imzML beside a sound ibd."""
    pair = random.choice(PAIRS)
    encoding = random.choice(["utf-8", "latin-1"])
    source = mutate(pair.imzml, random.randrange(2**32)).encode(encoding, "replace")
    return try_pair(folder, source, pair.ibd)


def try_ibd(random: Random, folder: Path) -> str:
    """A sound imzML beside a damaged ibd."""
    pair = random.choice(PAIRS)
    ibd = bytearray(pair.ibd)
    for _ in range(random.choice([1, 1, 2, 9, 60])):
        damage_bytes(random, ibd)
    return try_pair(folder, pair.source, bytes(ibd))


def damage_bytes(random: Random, data: bytearray) -> None:
    """Change a bit or a byte, set a number, cut, append, or shift."""
    at = random.randrange(len(data) + 1)
    way = random.randrange(6)
    if way == 0 and at < len(data):
        data[at] ^= 1 << random.randrange(8)
    elif way == 1:
        data[at : at + 1] = random.randbytes(1)
    elif way == 2:
        value = random.choice([0.0, -1.0, np.nan, np.inf, 1e-320, 1e300, 1e38])
        data[at : at + 8] = np.float64(value).tobytes()
    elif way == 3:
        del data[at:]
    elif way == 4:
        data += random.randbytes(random.choice([1, 8, 1000]))
    else:
        data[at:at] = random.randbytes(random.choice([1, 4, 8]))


def try_pair(folder: Path, source: bytes, ibd: bytes) -> str:
    """Have a pair checked as ``ionbox check`` does; what it accepts must be what pyimzml reads."""
    imzml = folder / "a.imzML"
    imzml.write_bytes(source)
    (folder / "a.ibd").write_bytes(ibd)
    report = check(imzml, [ConfigLayer("the fuzzing", {**ACQUISITION, "accept_profile": True})])
    if report.errors:
        return "refused"
    expected = read_with_pyimzml(imzml)
    if expected is None:
        return "not by pyimzml"
    compare_spectra(read_header(source, imzml.name), ibd, expected)
    return "as pyimzml"


Spectra = list[tuple[tuple[int, ...], Any, Any]]


def read_with_pyimzml(imzml: Path) -> Spectra | None:
    """Return position, m/z and intensities of each MS1 spectrum; None if pyimzml cannot."""
    level = "MS:1000511"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with ImzMLParser(
                str(imzml), parse_lib="ElementTree", include_spectra_metadata=[level]
            ) as parser:
                levels = parser.spectrum_metadata_fields[level]
                return [
                    (position[:2], *parser.getspectrum(index))
                    for index, position in enumerate(parser.coordinates)
                    if levels[index] in (None, 1)
                ]
    except Exception:  # noqa: BLE001 (whatever a damaged file does to it)
        return None


def compare_spectra(header: ImzmlHeader, ibd: bytes, expected: Spectra) -> None:
    """Compare positions, m/z and intensities of all spectra.

    Raises
    ------
    Wrong
        If any differs.
    """
    if header.n_spectra != len(expected):
        raise Wrong(f"{header.n_spectra} spectra, pyimzml reads {len(expected)}")
    for index, (position, mz, intensity) in enumerate(expected):
        here = (int(header.x[index]), int(header.y[index]))
        if here != position:
            raise Wrong(f"spectrum {index} at {here}, for pyimzml at {position}")
        ours = read_spectrum(header, index, range_reader(ibd))
        for name, found, wanted in zip(("m/z", "intensity"), ours, (mz, intensity), strict=True):
            if not np.array_equal(found, wanted, equal_nan=True):
                raise Wrong(f"spectrum {index}: {name} {found}, for pyimzml {wanted}")


# --- sidecars -------------------------------------------------------------------------------------


def try_sidecar(random: Random, folder: Path) -> str:
    """A sidecar of odd settings, or of odd text."""
    sidecar = make_sidecar(random)
    sound: Pair = PAIRS[0]
    (folder / "a.imzML").write_bytes(sound.source)
    (folder / "a.ibd").write_bytes(sound.ibd)
    (folder / "a.json").write_bytes(sidecar)
    report = check(folder / "a.imzML", [])
    if report.errors:
        return "refused"
    said = json.loads(sidecar)
    unknown = set(said) - set(SETTINGS) - {"MS_Analysis", "Sample_Information"}
    if unknown and "MS_Analysis" not in said:
        raise Wrong(f"accepted with unknown settings {sorted(unknown)}")
    return "accepted"


def make_sidecar(random: Random) -> bytes:
    """Write settings, some of them odd; damage the text now and then."""
    names = [*SETTINGS, "MS_Analysis", "unknown"]
    said: dict[str, Any] = dict(ACQUISITION)
    for name in random.sample(names, random.choice([0, 1, 1, 2, 4])):
        said[name] = random.choice(random.choice((ODD_VALUES, FINE_VALUES)))
    if random.random() < 0.1:
        keys = ["Polarity", "Analyzer", "Detector_Resolving_Power", "Resolving_Power", "mz"]
        said = {"MS_Analysis": {key: random.choice(ODD_VALUES) for key in keys}}
    data = bytearray(json.dumps(said).encode(random.choice(["utf-8"] * 8 + ["utf-16", "utf-32"])))
    if random.random() < 0.1:
        depth = random.choice([10, 1_000, 200_000])
        data[-1:] = b', "ppm": ' + b"[" * depth + b"]" * depth + b"}"
    for _ in range(random.choice([0, 0, 0, 1, 3])):
        damage_bytes(random, data)
    return bytes(data)


# --- molecule tables ------------------------------------------------------------------------------


def try_table(random: Random, folder: Path) -> str:
    """A damaged molecule table; whatever is accepted has a molecule per line."""
    del folder
    data = make_table(random)
    try:
        database = parse_database(data, "lipids", skip_bad_rows=random.random() < 0.5)
    except InvalidInput:
        return "refused"
    require_every_line(database, data)
    rule = resolve_config([("the fuzzing", ACQUISITION)], NO_WORDS)[0].ion_rule
    try:
        check_ion_count([database], rule)
        build_ions(database.unique_formulas(), rule)
    except InvalidInput:
        return "refused"
    return "accepted"


NO_WORDS = FileWords(None, None, None)


def make_table(random: Random) -> bytes:
    """Write the table with other separators, cells and bytes."""
    separator = random.choice(["\t", "\t", "\t", ",", ";"])
    lines = TABLE.decode().splitlines()
    cells = [line.split("\t") for line in lines]
    for _ in range(random.choice([0, 1, 1, 3])):
        row = random.randrange(len(cells))
        column = random.randrange(3)
        cells[row][column] = random.choice(ODD_CELLS)
    text = random.choice(["\n", "\n", "\r\n", "\r"]).join(separator.join(row) for row in cells)
    text = random.choice(["", "", "", "\n", f"sep={separator}\n", "\ufeff"]) + text
    data = bytearray(text.encode(random.choice(["utf-8"] * 6 + ["utf-16", "utf-16-le"])))
    for _ in range(random.choice([0, 0, 1, 4])):
        damage_bytes(random, data)
    return bytes(data)


def require_every_line(database: MoleculeDatabase, data: bytes) -> None:
    """Count lines of a table that cannot have quoted line breaks, and molecules.

    Raises
    ------
    Wrong
        If a line is missing or one was made up.
    """
    if b'"' in data or b"\0" in data:
        return
    lines = [line for line in data.replace(b"\r", b"\n").split(b"\n") if line.strip()]
    n_lines = len(lines) - 1 - lines[0].lower().startswith((b"sep=", b"\xef\xbb\xbfsep="))
    n_found = len(database.formulas) + len(database.skipped)
    if n_found != n_lines:
        raise Wrong(f"{n_found} molecules and skipped rows of {n_lines} lines")


# --- adducts --------------------------------------------------------------------------------------


def try_adducts(random: Random, folder: Path) -> str:
    """Adducts, losses and modifications of odd pieces; what is accepted makes ions."""
    del folder
    names = ("adducts", "neutral_losses", "chem_mods")
    asked = {name: [*islice(odd_words(random), random.choice([0, 1, 1, 2]))] for name in names}
    settings = {**ACQUISITION, **{name: words for name, words in asked.items() if words}}
    settings["polarity"] = random.choice(["positive", "negative"])
    try:
        config, _ = resolve_config([("the fuzzing", settings)], NO_WORDS)
        table = build_ions(["C10H16N5O13P3", "C6H12O6", "H2O"], config.ion_rule)
    except InvalidInput:
        return "refused"
    if len(table.ion_formulas(slice(None))) != table.n_ions:
        raise Wrong("ions without formulas")
    return "accepted"


def odd_words(random: Random) -> Iterator[str]:
    """Yield words that may or may not be adducts."""
    while True:
        n_parts = random.choice([1, 2, 2, 3, 6])
        odd = "".join(random.choices(ADDUCT_PARTS, k=n_parts))
        plain = "".join(random.choices(("H", "Na", "C", "O2", "NH4"), k=random.choice([1, 2])))
        yield random.choice(("", "+", "-", "M+", "M-")) + random.choice((odd, plain, plain, plain))


CASES: dict[str, Case] = {
    "imzML": try_imzml,
    "ibd": try_ibd,
    "sidecar": try_sidecar,
    "molecule table": try_table,
    "adducts": try_adducts,
}
KINDS = ["imzML", "imzML", "ibd", "sidecar", "molecule table", "adducts"]
"""What comes in turn."""
