"""The scatter plot of a comparison as SVG: MSM and FDR of one table against the other.

Drawn here, because two panels of dots do not justify a plotting library; the file is
``compare.svg`` of ``ionbox compare --out``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ionbox.compare.comparison import Comparison

_SIDE = 320.0  # of a panel, in the drawing's units (pixels at 100 %)
_MARGIN = 60.0  # around and between panels
_LOWEST_FDR = 1e-3  # where the logarithmic axis begins; lower ones are drawn there
_LONGEST_NAME = 60  # characters of a table's name
_COMMON, _MOVED, _ONE_SIDED = "#1b6ca8", "#d1495b", "#6a6a6a"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Axis:
    """A metric and how it is drawn: ``place`` maps its values to 0 (left, bottom) to 1."""

    metric: str
    title: str
    ticks: tuple[float, ...]
    place: Callable[[Floats], Floats]


def _linear(values: Floats) -> Floats:
    return np.clip(values, 0, 1)


def _logarithmic(values: Floats) -> Floats:
    decades = -np.log10(_LOWEST_FDR)
    return np.asarray(1 + np.log10(np.clip(values, _LOWEST_FDR, 1)) / decades)


_PANELS = (
    _Axis("msm", "MSM", (0, 0.25, 0.5, 0.75, 1), _linear),
    _Axis("fdr", "FDR", (0.001, 0.01, 0.1, 0.5, 1), _logarithmic),
)


def draw_comparison(comparison: Comparison) -> str:
    """Draw MSM and FDR of one table against the other.

    Ions of both tables are blue dots, red if their FDR level differs; ions of one table only are
    grey dots on the edge.

    Returns
    -------
    str
        The text of an SVG file.
    """
    width = len(_PANELS) * (_SIDE + _MARGIN) + _MARGIN
    height = _SIDE + 2 * _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(_describe(comparison))}</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for index, axis in enumerate(_PANELS):
        left = _MARGIN + index * (_SIDE + _MARGIN)
        lines.append(f'<g transform="translate({left:g} {_MARGIN / 2:g})">')
        lines += [*_frame(axis, comparison), *_dots(axis, comparison), "</g>"]
    return "\n".join([*lines, "</svg>", ""])


def _describe(comparison: Comparison) -> str:
    return (
        f"{comparison.a} against {comparison.b}: {comparison.n_common} ions in both, "
        f"{comparison.count('gained')} gained, {comparison.count('lost')} lost, "
        f"{comparison.count('moved')} at another FDR level"
    )


def _frame(axis: _Axis, comparison: Comparison) -> Iterator[str]:
    yield f'<rect width="{_SIDE:g}" height="{_SIDE:g}" fill="none" stroke="#999"/>'
    yield f'<path d="M0 {_SIDE:g}L{_SIDE:g} 0" stroke="#ccc"/>'
    for tick in axis.ticks:
        at = float(axis.place(np.array([tick]))[0]) * _SIDE
        yield f'<text x="{at:.1f}" y="{_SIDE + 16:g}" text-anchor="middle">{tick:g}</text>'
        yield f'<text x="-6" y="{_SIDE - at + 4:.1f}" text-anchor="end">{tick:g}</text>'
    a, b = (escape(_shorten(name)) for name in (comparison.a, comparison.b))
    middle = f"{_SIDE / 2:g}"
    yield f'<text x="{middle}" y="{_SIDE + 36:g}" text-anchor="middle">{axis.title}, {a}</text>'
    yield (
        f'<text transform="translate(-44 {middle}) rotate(-90)" text-anchor="middle">'
        f"{axis.title}, {b}</text>"
    )


def _dots(axis: _Axis, comparison: Comparison) -> Iterator[str]:
    rows = comparison.rows
    x, y = (axis.place(rows[f"{axis.metric}_{side}"].to_numpy(np.float64)) for side in ("a", "b"))
    change = rows["change"].to_numpy()
    one_sided = np.isin(change, ["gained", "lost"])
    x, y = np.nan_to_num(x), np.nan_to_num(y)  # what a table does not have is drawn at 0, the edge
    kinds = (
        (~one_sided & (change != "moved"), _COMMON),
        (change == "moved", _MOVED),
        (one_sided, _ONE_SIDED),
    )
    for chosen, colour in kinds:
        places = np.column_stack([x[chosen], 1 - y[chosen]]) * _SIDE
        if places.size:
            # a path of lines of no length with round ends: far smaller than a circle per ion
            dots = "".join(f"M{at_x:.1f} {at_y:.1f}h0" for at_x, at_y in _distinct(places))
            yield (
                f'<path d="{dots}" fill="none" stroke="{colour}" stroke-width="5" '
                'stroke-linecap="round" stroke-opacity="0.5"/>'
            )


def _distinct(places: Floats) -> Floats:
    """Return each place once, rounded to a tenth of a unit; dots on top of each other are one."""
    return np.unique(places.round(1), axis=0)


def _shorten(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"…{name[1 - _LONGEST_NAME :]}"
