"""Damages an imzML file in many small ways, each of which a seed makes again."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

NUMBERS = [
    *("", "0", "1", "-1", "+1", "007", "-0", "1e3", "1.0", "0x10", "1_0", " 7", "7 ", "nan", "two"),
    *("&#49;", "1&amp;2", "٣", "1\t", "9" * 18, "9" * 19, "-" + "9" * 18, "2147483648", "-52"),
]
JUNK = [
    *("<!-- note -->", "<!-- > --><!---->", "<![CDATA[ 1 ]]>", "<?note 1?>", "&#32;", "text", "\0"),
    *('<userParam name="note" value="1"/>', "<spectrum/>", "</spectrum>", "<spectrum >", "<scan/>"),
    *('<cvParam accession="IMS:1000050" value="77"/>', "<binaryDataArray/>", "\r\n", "\v", "é"),
    *('<cvParam accession="MS:1000574" name="zlib"/>', "<!--", "-->", "]]>", "<spectrumList>"),
    *("</spectrumList>", '<cvParam accession="MS:1000128" name="profile spectrum"/>', "\ufeff"),
]
HEAD_JUNK = [
    *("<!-- note -->", '<!-- <spectrumList count="1"> <spectrum id="1"></spectrum> -->', "<?a b?>"),
    *('<spectrumList count="1"/>', '<spectrumList count="1"><spectrum /></spectrumList>', "<run>"),
    '<userParam name="<spectrum >" value=""/>',
]
TAIL_JUNK = [
    *("<!-- end -->", "<!-- <spectrum> -->", "<spectrum></spectrum>", "</run><run>", "</run>", "x"),
    '<referenceableParamGroupList count="1"><referenceableParamGroup id="mzArray"/>'
    "</referenceableParamGroupList>",
    '<spectrumList count="1"><spectrum index="9"></spectrum></spectrumList>',
    '<chromatogramList count="0"/>',
]
DECLARATIONS = [
    *("", '<?xml version="1.0"?>', '<?xml version="1.0" encoding="utf-16"?>', "<!-- first -->"),
    *('<?xml version="1.0" encoding="cp037"?>', "<?xml version='1.0' encoding='windows-1252'?>"),
    '<?xml version="1.0"?><!DOCTYPE mzML [<!ENTITY one "1">]>',
    '<?xml version="1.0"?><!DOCTYPE mzML [<!ATTLIST cvParam accession CDATA "IMS:1000050">]>',
    '<?xml version="1.0"?><?note?>',
]


def _spectra(text: str) -> list[tuple[int, int]]:
    return [m.span() for m in re.finditer(r"<spectrum .*?</spectrum>\s*", text, re.DOTALL)]


def _span(random: Random, text: str, pattern: str) -> tuple[int, int]:
    """Choose one match in the spectra, or an empty one somewhere."""
    begin, end = text.find("<spectrumList"), len(text)
    spans = [match.span() for match in re.compile(pattern).finditer(text, max(begin, 0), end)]
    at = random.randrange(len(text) + 1)
    return random.choice(spans) if spans else (at, at)


def _replaced(text: str, span: tuple[int, int], new: str) -> str:
    return text[: span[0]] + new + text[span[1] :]


def change_bytes(random: Random, text: str) -> str:
    """Replace, insert or delete a few characters anywhere."""
    for _ in range(random.choice([1, 1, 1, 2, 5])):
        at, length = random.randrange(len(text)), random.choice([0, 1, 1, 2, 30])
        new = "".join(
            random.choices("0123456789 \"'<>&/=-abMS:\n\té", k=random.choice([0, 1, 1, 3]))
        )
        text = _replaced(text, (at, at + length), new)
    return text


def change_value(random: Random, text: str) -> str:
    """Change one character of an attribute's value in the spectra."""
    begin, end = _span(random, text, r'(?<==")[^"]+(?=")')
    at = random.randrange(begin, end) if end > begin else begin
    return _replaced(text, (at, at + 1), random.choice("0123456789 .-+eE'<>&\"_\té"))


def change_number(random: Random, text: str) -> str:
    """Replace a number in the spectra by something that may or may not be one."""
    return _replaced(text, _span(random, text, r'(?<=value=")[^"]*(?=")'), random.choice(NUMBERS))


def move_lines(random: Random, text: str) -> str:
    """Swap two lines, repeat one or drop one."""
    lines = text.splitlines(keepends=True)
    i = random.randrange(len(lines))
    j = random.choice([random.randrange(len(lines)), min(i + 1, len(lines) - 1)])
    way = random.randrange(3)
    if way == 0:
        lines[i], lines[j] = lines[j], lines[i]
    elif way == 1:
        lines.insert(j, lines[i])
    else:
        del lines[i]
    return "".join(lines)


def move_spectra(random: Random, text: str) -> str:
    """Swap two spectra, repeat one or drop one; adjust the count or not."""
    spans = _spectra(text)
    if not spans:
        return text
    parts = [text[begin:end] for begin, end in spans]
    i, j = random.randrange(len(parts)), random.randrange(len(parts))
    way = random.randrange(3)
    if way == 0:
        parts[i], parts[j] = parts[j], parts[i]
    elif way == 1:
        parts.insert(j, parts[i])
    else:
        del parts[i]
    moved = _replaced(text, (spans[0][0], spans[-1][1]), "".join(parts))
    if random.random() < 0.5:
        moved = re.sub(r'(<spectrumList count=")\d+', rf"\g<1>{len(parts)}", moved)
    return moved


def change_count(random: Random, text: str) -> str:
    """Declare another number of spectra, or none."""
    new = random.choice(
        ['count="0"', 'count="1"', 'count="999999999"', 'count="-1"', "", 'count="x"']
    )
    return re.sub(r'(?<=<spectrumList )count="\d+"', new, text)


def change_name(random: Random, text: str) -> str:
    """Change an accession, a reference, a name or a tag."""
    accessions = re.findall(r'accession="([^"]*)"', text)
    pattern, new = random.choice(
        [
            (
                r'(?<=accession=")[^"]*',
                random.choice([*accessions, "IMS:1000051", "MS:1000523", ""]),
            ),
            (r'(?<=ref=")[^"]*', random.choice(["mzArray", "intensityArray", "spectrum1", "none"])),
            (r'(?<=name=")[^"]*', random.choice(["x", "32-bit float", "64-bit float"])),
            (
                r"(?<=<)\w+",
                random.choice(["cvParam", "userParam", "scan", "spectrum", "x:cvParam"]),
            ),
            (r"(?<=\s)\w+(?==)", random.choice(["value", "accession", "name", "xmlns", "xmlns:x"])),
        ]
    )
    return _replaced(text, _span(random, text, pattern), new)


def change_attributes(random: Random, text: str) -> str:
    """Reorder, repeat, drop or requote the attributes of one tag."""
    begin, end = _span(random, text, r'(?: [\w:]+="[^"]*")+')
    attributes = re.findall(r' [\w:]+="[^"]*"', text[begin:end])
    way = random.randrange(4)
    if way == 0:
        random.shuffle(attributes)
    elif way == 1:
        attributes = attributes[1:] + attributes[:1]
    elif way == 2:
        attributes = [a.replace('"', "'") for a in attributes]
    else:
        attributes = attributes[: random.randrange(len(attributes) + 1)]
    return _replaced(text, (begin, end), random.choice(["", "", " ", "\n"]).join(attributes))


def change_space(random: Random, text: str) -> str:
    """Change white space in one place or in all lines."""
    if random.random() < 0.3:
        return text.replace("\n", random.choice(["\r\n", "\n\n", " \n", "\r"]))
    return _replaced(
        text, _span(random, text, r"\s+"), random.choice(["", " ", "\r\n", "\t", "\v"])
    )


def add_junk(random: Random, text: str) -> str:
    """Insert something between two tags of the spectra."""
    _, at = _span(random, text, r">")
    return _replaced(text, (at, at), random.choice(JUNK))


def change_head(random: Random, text: str) -> str:
    """Insert something before the spectra, or change the declaration."""
    if random.random() < 0.4:
        return re.sub(r"^<\?xml.*?\?>", lambda _: random.choice(DECLARATIONS), text)
    ends = [match.end() for match in re.finditer(">", text[: max(text.find("<spectrum "), 1)])]
    at = random.choice(ends or [0])
    return _replaced(text, (at, at), random.choice(HEAD_JUNK))


def change_tail(random: Random, text: str) -> str:
    """Insert something after the spectra."""
    begin = max(text.rfind("</spectrum>"), 0)
    at = begin + random.choice([match.end() for match in re.finditer(">", text[begin:])] or [0])
    return _replaced(text, (at, at), random.choice(TAIL_JUNK))


def wrap_comment(random: Random, text: str) -> str:
    """Make a comment, a CDATA section or an instruction of a part, closed inside an attribute."""
    opening, closing = random.choice([("<!-- ", "-->"), ("<![CDATA[", "]]>"), ("<?x ", "?>")])
    begin, _ = _span(random, text, random.choice(["<spectrum ", "<", "<scan", "<binaryDataArray"]))
    wrapped = _replaced(text, (begin, begin), random.choice(["", "<spectrum>", "<scan>"]) + opening)
    name = re.search(random.choice([r'name="', r'value="', r'id="', r">"]), wrapped[begin + 9 :])
    at = begin + 9 + (name.end() if name else 0)
    wrapped = _replaced(wrapped, (at, at), closing)
    if random.random() < 0.5:  # so that all spectra are alike
        wrapped = re.sub(r'(?<=name=")(?=[^"])', closing, wrapped)
    return wrapped


WAYS: list[Callable[[Random, str], str]] = [
    *(change_bytes, change_value, change_number, move_lines, move_spectra, change_count),
    *(change_name, change_attributes, change_space, add_junk, change_head, change_tail),
    wrap_comment,
]


def everywhere(random: Random, text: str) -> str:
    """Make one replacement in all spectra alike, so that they still repeat each other."""
    spans = _spectra(text)
    if not spans:
        return text
    spectrum = text[slice(*spans[0])]
    begin, end = _span(
        random, spectrum, random.choice([r'[\w:]+="', r">", r'\w+(?=")', r'"/?>', "<"])
    )
    old = spectrum[begin:end]
    return text.replace(old, random.choice([random.choice(JUNK) + old, old + random.choice(JUNK)]))


def mutate(text: str, seed: int) -> str:
    """Apply one way of damage, sometimes two."""
    random = Random(seed)
    for _ in range(random.choice([1, 1, 1, 2])):
        text = random.choice([*WAYS, everywhere])(random, text) or text
    return text
