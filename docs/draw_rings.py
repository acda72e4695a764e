"""Draw the rings of the code into ``docs/rings.svg``: ``make outline``.

Folders are boxes with the first words of their docstrings, imports are arrows that point down.
Arrows that follow from others are left out: where A imports B and B imports C, there is none from A
to C. Modules beside the folders that import none of them are listed at the bottom of their ring:
everything in it may import them.
"""

from __future__ import annotations

import ast
import dataclasses
import itertools
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

PROJECT = Path(__file__).parents[1]
PICTURE = PROJECT / "docs" / "rings.svg"

BOX_WIDTH, BOX_HEIGHT = 150, 66
GAP, LANE = 16, 22
"""Between boxes; width of the lane of an arrow that passes a row of boxes."""

MOST_WORDS = 45
"""Characters of a docstring that fit into a box."""

ROW = BOX_HEIGHT + 32
HEAD, MARGIN = 54, 18

Graph = Mapping[str, frozenset[str]]
"""What each box imports."""


@dataclass(frozen=True)
class Ring:
    """A part of the code, and where its panel is in the picture.

    Attributes
    ----------
    name, says : str
        Title of its panel and a line below it.
    folder, package : str
        Where it is and what it is imported as.
    x, width : int
        Of its panel.
    colour : str
        Of its boxes.
    y : int
        Of its panel; rings in one column are put below each other.
    """

    name: str
    says: str
    folder: str
    package: str
    x: int
    width: int
    colour: str
    y: int = 20

    @property
    def path(self) -> Path:
        """Where its code is."""
        return PROJECT / self.folder


CLIENT = Ring("client", "what people run", "client/ionbox", "ionbox", 20, 720, "#fff4e0")
HANDLERS = Ring("handlers", "a folder per state", "functions", "functions", 800, 520, "#e8f5e9")
CLOUD = Ring(
    "cloud",
    "objects, keys, messages",
    "layers/cloud/python/ionbox_cloud",
    "ionbox_cloud",
    *(800, 520),
    "#e6f0fb",
)
SCIENCE = Ring(
    "science",
    "numpy and C kernels, no AWS",
    "layers/science/python/ionbox_science",
    "ionbox_science",
    *(800, 520),
    "#f3e8fd",
)
RINGS = (CLIENT, HANDLERS, CLOUD, SCIENCE)


def read_imports(ring: Ring) -> dict[str, set[str]]:
    """Return the modules that each box of a ring imports, by their full names."""
    found: dict[str, set[str]] = {}
    for path in sorted(ring.path.rglob("*.py")):
        first, *rest = path.relative_to(ring.path).with_suffix("").parts
        box = f"{first}/" if rest else first
        found.setdefault(box, set()).update(_imported(ast.parse(path.read_text("utf-8"))))
    return found


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def link_boxes(ring: Ring) -> Graph:
    """Return which boxes of a ring import which, folders and modules."""
    imports = read_imports(ring)
    links: dict[str, frozenset[str]] = {}
    for box, modules in imports.items():
        inside = (name.split(".")[1] for name in modules if name.startswith(f"{ring.package}."))
        named = {each for name in inside for each in (f"{name}/", name) if each in imports}
        links[box] = frozenset(named - {box})
    return links


def split_base(links: Graph) -> tuple[Graph, list[str]]:
    """Part the boxes into those to draw and the modules that import no folder."""
    drawn = {box for box in links if box.endswith("/")}
    while more := {box for box in links if links[box] & drawn} - drawn:
        drawn |= more
    base = sorted(links.keys() - drawn - {"__init__"})
    return {box: links[box] & drawn for box in sorted(drawn)}, base


def leave_out_indirect(links: Graph) -> Graph:
    """Leave out what follows from other links."""

    def below(box: str) -> frozenset[str]:
        return links[box].union(*(below(each) for each in links[box]))

    return {
        box: direct - frozenset().union(*(below(each) for each in direct))
        for box, direct in links.items()
    }


Point = tuple[str, ...]
"""A box, or the place where an arrow from one box to another passes a row: (from, to, row)."""


def place_in_rows(links: Graph) -> tuple[list[list[Point]], list[list[Point]]]:
    """Return the rows of boxes from top to bottom, and the points that each arrow runs through.

    A box is in the row below the lowest box that imports it. Rows are ordered so that few arrows
    cross: each point near the mean of those it is linked to (Sugiyama et al. 1981,
    doi:10.1109/TSMC.1981.4308636).
    """
    importers = {box: [other for other in links if box in links[other]] for box in links}

    def depth(box: str) -> int:
        return 1 + max((depth(other) for other in importers[box]), default=-1)

    rows: list[list[Point]] = [[] for _ in range(1 + max(map(depth, links)))]
    for box in links:
        rows[depth(box)].append((box,))
    arrows = []
    for box, direct in links.items():
        for other in sorted(direct):
            passed: list[Point] = [
                (box, other, str(row)) for row in range(depth(box) + 1, depth(other))
            ]
            for point in passed:
                rows[int(point[2])].append(point)
            arrows.append([(box,), *passed, (other,)])
    steps = [step for arrow in arrows for step in itertools.pairwise(arrow)]
    for _ in range(8):
        for down in (True, False):
            _sort_rows(rows if down else rows[::-1], steps, down=down)
    return rows, arrows


def _sort_rows(
    rows: Sequence[list[Point]], steps: Sequence[tuple[Point, Point]], *, down: bool
) -> None:
    for fixed, row in itertools.pairwise(rows):
        place = {point: index / len(fixed) for index, point in enumerate(fixed)}
        means = {}
        for index, point in enumerate(row):
            near = [upper if down else lower for upper, lower in steps if point in (upper, lower)]
            places = [place[each] for each in near if each in place]
            means[point] = sum(places) / len(places) if places else index / len(row)
        row.sort(key=means.__getitem__)


def draw_ring(ring: Ring) -> tuple[list[str], int]:
    """Draw a ring; return its elements and the lower end of its panel."""
    links, base = split_base(link_boxes(ring))
    if ring.name == HANDLERS.name:
        names = f"{len(links)} folders: {', '.join(box.rstrip('/') for box in links)}"
        listed, bottom = _write(names, ring.x + 16, ring.y + HEAD + 6, 84)
        return [_panel(ring, bottom + 4), *listed], bottom + 4
    rows, arrows = place_in_rows(leave_out_indirect(links))
    places = {
        point: (round(x), ring.y + HEAD + index * ROW)
        for index, row in enumerate(rows)
        for point, x in zip(row, _spread(row, ring), strict=True)
    }
    boxes = [_box(ring, point[0], *place) for point, place in places.items() if len(point) == 1]
    listed, bottom = _list_base(ring, base, ring.y + HEAD + len(rows) * ROW - 8)
    return [
        _panel(ring, bottom + 14),
        *(_arrow([places[point] for point in arrow]) for arrow in arrows),
        *itertools.chain(*boxes),
        *listed,
    ], bottom + 14


def _arrow(points: Sequence[tuple[int, int]]) -> str:
    """Draw an arrow from the bottom of the first box to the top of the last, straight in lanes."""
    (x, y), *_ = points
    y += BOX_HEIGHT
    path = f"M{x},{y}"
    for to_x, to_y in points[1:]:
        middle = (y + to_y) // 2
        path += f" C{x},{middle} {to_x},{middle} {to_x},{to_y} V{to_y + BOX_HEIGHT}"
        x, y = to_x, to_y + BOX_HEIGHT
    return f'<path d="{path.rpartition(" ")[0]}" class="a" marker-end="url(#a)"/>'


def _list_base(ring: Ring, base: Sequence[str], y: int) -> tuple[list[str], int]:
    text = f"below them all: {', '.join(base)}"
    listed, bottom = _write(text, ring.x + 28, y + 18, (ring.width - 56) // 6)
    frame = (
        f'<rect x="{ring.x + 16}" y="{y}" width="{ring.width - 32}" height="{bottom - y}" rx="6" '
        'fill="#f7f7f7" stroke="#a0aec0"/>'
    )
    return [frame, *listed], bottom


def _spread(row: Sequence[Point], ring: Ring) -> list[float]:
    widths = [BOX_WIDTH if len(point) == 1 else LANE for point in row]
    free = ring.width - 2 * MARGIN - sum(widths)
    gap = max(GAP, free / (len(row) + 1))
    x = ring.x + (ring.width - sum(widths) - gap * (len(row) - 1)) / 2
    centres = []
    for width in widths:
        centres.append(x + width / 2)
        x += width + gap
    return centres


def _panel(ring: Ring, bottom: int) -> str:
    return (
        f'<rect x="{ring.x}" y="{ring.y}" width="{ring.width}" height="{bottom - ring.y}" rx="10" '
        f'fill="#fcfcfc" stroke="#718096"/>'
        f'<text x="{ring.x + 16}" y="{ring.y + 24}" class="h">{escape(ring.name)}</text>'
        f'<text x="{ring.x + 16}" y="{ring.y + 42}" class="s">{escape(ring.folder)}: '
        f"{escape(ring.says)}</text>"
    )


def _box(ring: Ring, box: str, x: int, y: int) -> Iterator[str]:
    yield (
        f'<rect x="{x - BOX_WIDTH // 2}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" '
        f'rx="6" fill="{ring.colour}" stroke="#4a5568"/>'
    )
    shown = "import ionbox" if (ring, box) == (CLIENT, "__init__") else box
    yield f'<text x="{x}" y="{y + 18}" text-anchor="middle" class="t">{escape(shown)}</text>'
    for line, words in enumerate(textwrap.wrap(describe(ring, box), 23)):
        at = f'x="{x}" y="{y + 34 + 13 * line}"'
        yield f'<text {at} text-anchor="middle" class="s">{escape(words)}</text>'


def describe(ring: Ring, box: str) -> str:
    """Return the first words of a folder's or a module's docstring."""
    path = ring.path / (f"{box}__init__.py" if box.endswith("/") else f"{box}.py")
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    words = re.split(r"[:.]\s", f"{text.splitlines()[0]} ")[0].strip()
    return words if len(words) <= MOST_WORDS else words.split(",")[0]


def _write(text: str, x: int, y: int, width: int) -> tuple[list[str], int]:
    lines = textwrap.wrap(text, width)
    drawn = [
        f'<text x="{x}" y="{y + 15 * index}" class="s">{escape(line)}</text>'
        for index, line in enumerate(lines)
    ]
    return drawn, y + 15 * len(lines)


def _legend(x: int, y: int) -> list[str]:
    lines = (
        "name/ is a folder, a name without / a module; below it stands how its docstring begins.",
        "Thin arrows: imports within a ring, without those that follow from others.",
        "Thick arrows: rings that import rings. None point upward: tests/test_rings.py.",
    )
    return [
        f'<text x="{x}" y="{y + 18 * index}" class="s">{escape(line)}</text>'
        for index, line in enumerate(lines)
    ]


def link_rings() -> set[tuple[str, str]]:
    """Return which rings import which."""
    packages = {ring.package: ring.name for ring in RINGS}
    return {
        (ring.name, packages[top])
        for ring in RINGS
        for modules in read_imports(ring).values()
        for top in {name.partition(".")[0] for name in modules}
        if top in packages and packages[top] != ring.name
    }


def _draw_links(bottom: int, column: Mapping[str, tuple[int, int]]) -> dict[tuple[str, str], str]:
    """Return the arrows between rings: the client's ends at ``bottom``, the others are a column."""
    left, middle, right = CLOUD.x, CLOUD.x + CLOUD.width // 2, CLOUD.x + CLOUD.width
    edge = CLIENT.x + CLIENT.width
    handlers, cloud, science = column["handlers"], column["cloud"], column["science"]
    level = max(science[0] + 40, bottom + 30)
    return {
        ("handlers", "cloud"): f"M{middle},{handlers[1]} V{cloud[0] - 4}",
        ("cloud", "science"): f"M{middle},{cloud[1]} V{science[0] - 4}",
        ("client", "cloud"): f"M{edge},{cloud[0] + 60} H{left - 4}",
        ("client", "science"): f"M{edge - 60},{bottom} V{level} H{left - 4}",
        ("handlers", "science"): f"M{right},{handlers[0] + 60} h24 V{science[0] + 60} h-20",
    }


def draw() -> str:
    """Draw the picture."""
    elements, bottom = draw_ring(CLIENT)
    column: dict[str, tuple[int, int]] = {}
    below = HANDLERS.y
    for ring in (HANDLERS, CLOUD, SCIENCE):
        drawn, end = draw_ring(dataclasses.replace(ring, y=below))
        elements += drawn
        column[ring.name] = (below, end)
        below = end + 40
    arrows = _draw_links(bottom, column)
    if link_rings() != arrows.keys():
        raise ValueError(f"other rings import each other than are drawn: {link_rings()}")
    elements += _legend(CLIENT.x + 16, bottom + 40)
    elements += [f'<path d="{path}" class="r" marker-end="url(#r)"/>' for path in arrows.values()]
    width, height = SCIENCE.x + SCIENCE.width + 40, max(bottom + 100, below)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
            'aria-label="The rings of the code and what imports what">',
            "<!-- made by `make outline` -->",
            "<style>.h{font:600 16px system-ui,sans-serif;fill:#1a202c}"
            ".t{font:600 13px system-ui,sans-serif;fill:#1a202c}"
            ".s{font:11px system-ui,sans-serif;fill:#4a5568}"
            ".a{fill:none;stroke:#4a5568;stroke-width:1.3}"
            ".r{fill:none;stroke:#2b6cb0;stroke-width:3}</style>",
            "<defs>"
            '<marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#4a5568"/></marker>'
            '<marker id="r" viewBox="0 0 8 8" refX="5" refY="4" markerWidth="4" markerHeight="4" '
            'orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#2b6cb0"/></marker></defs>',
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *elements,
            "</svg>\n",
        ]
    )


def main() -> None:
    """Draw the picture anew."""
    PICTURE.write_text(draw(), "utf-8")


if __name__ == "__main__":
    main()
