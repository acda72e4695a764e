"""One dataset as other programs would have written it: each function gives it one oddity."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable, Iterable

from tests.imzml_builder import Pair

SPECTRUM = re.compile(r"<spectrum .*?</spectrum>\s*", re.DOTALL)
POSITION = re.compile(r'(name="position ([xy])" value=")(\d+)"')
ARRAY = re.compile(r"<binaryDataArray .*?</binaryDataArray>\s*", re.DOTALL)
ARRAYS = re.compile(r"<binaryDataArrayList.*?</binaryDataArrayList>", re.DOTALL)
SCANS = re.compile(r"<scanList.*?</scanList>", re.DOTALL)
LENGTH = re.compile(r'(name="external (?:array|encoded) length" value=")\d+')
WHOLE = re.compile(r'(name="(?:position [xy]|external [a-z ]+)" value=")(\d+)"')
REFERENCE = '<referenceableParamGroupRef ref="{}"/>'
Place = Callable[[int, int], tuple[int, int]]


def each_spectrum(pair: Pair, change: Callable[[int, str], str]) -> Pair:
    """Rewrite spectra, by index; the list declares as many as there are then."""
    indices = iter(range(len(pair.imzml)))
    text = SPECTRUM.sub(lambda found: change(next(indices), found[0]), pair.imzml)
    n_spectra = len(SPECTRUM.findall(text))
    assert text != pair.imzml
    return Pair(re.sub(r'(<spectrumList count=")\d+', rf"\g<1>{n_spectra}", text), pair.ibd)


def with_checksum(pair: Pair) -> Pair:
    """Declare the checksum that the ibd has."""
    digest = hashlib.sha1(pair.ibd, usedforsecurity=False).hexdigest()
    text, n_found = re.subn(r'(name="ibd SHA-1" value=")\w+', rf"\g<1>{digest}", pair.imzml)
    assert n_found == 1
    return Pair(text, pair.ibd)


def without_peaks(pair: Pair, *indices: int) -> Pair:
    """Empty some spectra; their arrays stay, of length 0."""
    return each_spectrum(
        pair, lambda i, text: LENGTH.sub(r"\g<1>0", text) if i in indices else text
    )


def add_groups(pair: Pair, **terms: str) -> Pair:
    """Add parameter groups."""
    groups = (
        f'<referenceableParamGroup id="{name}">{text}</referenceableParamGroup>'
        for name, text in terms.items()
    )
    return pair.edited(
        "</referenceableParamGroupList>", f"{''.join(groups)}</referenceableParamGroupList>"
    )


# --- arrays ---------------------------------------------------------------------------------------

MOBILITY = (
    '<cvParam cvRef="MS" accession="MS:1003006" name="mean inverse reduced ion mobility array"/>'
    '<cvParam cvRef="MS" accession="MS:1000523" name="64-bit float"/>'
    '<cvParam cvRef="MS" accession="MS:1000576" name="no compression"/>'
)


def with_mobility(pair: Pair, *, first: bool = False, every: int = 1) -> Pair:
    """Give every n-th spectrum a third array, after the others or before them."""

    def add(index: int, text: str) -> str:
        if index % every or not ARRAY.search(text):
            return text
        mz, _ = ARRAY.findall(text)
        third = mz.replace(REFERENCE.format("mzArray"), REFERENCE.format("mobility"))
        assert third != mz
        end = "</binaryDataArrayList>"
        old, new = (mz, third + mz) if first else (end, third + end)
        return text.replace(old, new, 1).replace('List count="2"', 'List count="3"', 1)

    return each_spectrum(add_groups(pair, mobility=MOBILITY), add)


def without_arrays(pair: Pair, left: str, *indices: int) -> Pair:
    """Replace the list of arrays of some spectra by what is ``left`` of it."""
    return each_spectrum(pair, lambda i, text: ARRAYS.sub(left, text) if i in indices else text)


def with_peaks_at(pair: Pair, values: Iterable[float], index: int) -> Pair:
    """Give a spectrum peaks more, before its others, whose m/z are ``values``."""
    ibd = bytearray(pair.ibd)
    added = list(values)

    def extend(found: re.Match[str]) -> str:
        offset, length, size = (int(n) for n in re.findall(r'value="(\d+)"', found[0]))
        extra = added if "mzArray" in found[0] else [1e6] * len(added)
        kind = "f" if size == 4 * length else "d"
        text = found[0].replace(f'value="{offset}"', f'value="{len(ibd)}"')
        text = text.replace(f'value="{length}"', f'value="{length + len(extra)}"')
        more = struct.pack(f"<{len(extra)}{kind}", *extra)
        ibd.extend(more + pair.ibd[offset : offset + size])
        return text.replace(f'value="{size}"', f'value="{size + len(more)}"')

    changed = each_spectrum(pair, lambda i, text: ARRAY.sub(extend, text) if i == index else text)
    return with_checksum(Pair(changed.imzml, bytes(ibd)))


# --- positions ------------------------------------------------------------------------------------


def move(pair: Pair, place: Place) -> Pair:
    """Put each pixel at another place, a function of x and y."""

    def change(_: int, text: str) -> str:
        x, y = (int(found[3]) for found in POSITION.finditer(text))
        new = dict(zip("xy", place(x, y), strict=True))
        return POSITION.sub(lambda found: f'{found[1]}{new[found[2]]}"', text)

    return each_spectrum(pair, change)


def with_z(pair: Pair, z: Callable[[int], str]) -> Pair:
    """State a z for each spectrum, by index; none where it is empty."""
    term = '<cvParam cvRef="IMS" accession="IMS:1000052" name="position z" value="{}"/></scan>'
    return each_spectrum(
        pair, lambda i, text: text.replace("</scan>", term.format(z(i)), 1) if z(i) else text
    )


def without_scans(pair: Pair, every: int = 1) -> Pair:
    """State the positions of every n-th spectrum in itself, not in its scan."""

    def change(index: int, text: str) -> str:
        terms = re.findall(r'<cvParam [^>]*name="position [xy]"[^>]*>', text)
        return text if index % every else SCANS.sub("".join(terms), text)

    return each_spectrum(pair, change)


def with_numbers(pair: Pair, write: Callable[[int], str]) -> Pair:
    """Write positions, lengths and offsets otherwise."""
    text, n_found = WHOLE.subn(lambda found: f'{found[1]}{write(int(found[2]))}"', pair.imzml)
    assert n_found > 100
    return Pair(text, pair.ibd)


# --- MS level -------------------------------------------------------------------------------------

MS2 = '<cvParam cvRef="MS" accession="MS:1000511" name="ms level" value="2"/>'


def with_fragments(pair: Pair, *, first: bool = False, contradicting: bool = False) -> Pair:
    """Add a fragment spectrum with ten times the intensity to each spectrum, at its pixel.

    Its level is that of a parameter group, or of its own beside the group of a survey scan.
    """
    ibd = bytearray(pair.ibd)

    def louder(found: re.Match[str]) -> str:
        if "mzArray" in found[0]:
            return found[0]
        offset, length, size = (int(n) for n in re.findall(r'value="(\d+)"', found[0]))
        values = struct.unpack(f"<{length}f", pair.ibd[offset : offset + size])
        text = found[0].replace(f'value="{offset}"', f'value="{len(ibd)}"')
        ibd.extend(struct.pack(f"<{length}f", *(10 * value for value in values)))
        return text

    def add(_: int, text: str) -> str:
        survey, level = REFERENCE.format("spectrum"), MS2
        fragments = ARRAY.sub(louder, text)
        if contradicting:
            fragments = fragments.replace(survey, survey + level, 1)
        else:
            fragments = fragments.replace(survey, REFERENCE.format("fragments"), 1)
        return fragments + text if first else text + fragments

    kind = '<cvParam cvRef="MS" accession="MS:1000127" name="centroid spectrum"/>'
    changed = each_spectrum(add_groups(pair, fragments=MS2 + kind), add)
    return with_checksum(Pair(changed.imzml, bytes(ibd)))


def only_fragments(pair: Pair) -> Pair:
    """Say of every spectrum that it is one of fragments."""
    level = 'name="ms level" value="{}"'
    return pair.edited(level.format(1), level.format(2))
