"""``calibration.html``: claimed against observed FDR, in one file that opens anywhere.

No script: charts are SVG, in the style of a run's report.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from importlib import resources

from ionbox_cloud.report.page_assembly import read_part
from ionbox_science import __version__

from ionbox.calibration.pooling import FEWEST_SEEDS, Row, Share
from ionbox.calibration.trials import LineErrors
from ionbox.calibration.truth import LEVELS

Figures = Mapping[tuple[str, str], Mapping[str, float]]
"""How hard data was, by scenario and variant."""

Lines = Mapping[tuple[str, str], LineErrors]
"""How far m/z were off, likewise."""

_WIDTH, _HEIGHT = 440, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 12, 10, 38
_SERIES = 4  # colours in the style sheet
_MOST = 0.25  # of the axis of claimed FDR

_DIFFICULTY = {
    "msm": "MSM",
    "spatial": "spatial",
    "spectral": "spectral",
    "isotope_ratio": "strongest further isotope, observed / theoretical",
    "mean_missing": "isotope images missing, mean",
    "mz_error_ppm": "m/z error, ppm",
    "mz_error_width_ppm": "m/z error, middle half, ppm wide",
    "decoy_spatial": "spatial of decoys",
}


def make_page(title: str, rows: Sequence[Row], difficulty: Figures, lines: Lines) -> str:
    """Return the page.

    Parameters
    ----------
    title : str
        What was calibrated; any text, it is escaped.
    rows : sequence of Row
        Scenario by scenario.
    difficulty : mapping
        How hard data was; see `ionbox.calibration.difficulty`.
    lines : mapping
        How far m/z were off along lines, where that was simulated.
    """
    style = read_part("page.css") + _read("page.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    sections = [
        _section(name, list(of_scenario), difficulty, lines)
        for name, of_scenario in itertools.groupby(rows, key=lambda row: row.scenario)
    ]
    parts = {
        "DIGEST": f"'sha256-{digest}'",
        "TITLE": escape(title),
        "VERSION": escape(__version__),
        "FEWEST": str(FEWEST_SEEDS),
        "STYLE": style,
        "SECTIONS": "\n".join(sections),
    }
    # at once: what is put in is not looked through again
    return re.sub("%([A-Z]+)%", lambda found: parts[found[1]], _read("page.html"))


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _section(name: str, rows: Sequence[Row], difficulty: Figures, lines: Lines) -> str:
    variants = list(dict.fromkeys(row.variant for row in rows))
    of_variant = {each: [row for row in rows if row.variant == each] for each in variants}
    seeds = max(row.n_seeds for row in rows)
    hard = {each: difficulty[name, each] for each in variants if (name, each) in difficulty}
    title = f"{name}: observed against claimed FDR"
    observed = _chart(title, "observed FDR", _observed(of_variant), diagonal=True)
    recall = _chart(f"{name}: recall against claimed FDR", "recall", _recall(of_variant))
    return f"""<section aria-label="{escape(name)}">
<h2>{escape(name)}</h2>
<p class="faint">{seeds} dataset{"" if seeds == 1 else "s"}</p>
{_key(variants)}
<div class="panels">
{observed}
{recall}
</div>
<div class="across">{_table(rows)}</div>
{_difficulty_table(hard)}
{_line_table({each: lines[name, each] for each in variants if (name, each) in lines})}
</section>"""


_Place = Callable[[float], float]

_Line = tuple[str, list[tuple[float, Share]]]
"""Class of a line, and its points: claimed FDR and a share."""


def _observed(of_variant: Mapping[str, Sequence[Row]]) -> Iterator[_Line]:
    for number, rows in enumerate(of_variant.values()):
        series = f"series-{number % _SERIES}"
        yield series, [(row.claimed, row.wrong) for row in rows]
        yield f"{series} alone", [(row.claimed, row.noise) for row in rows]


def _recall(of_variant: Mapping[str, Sequence[Row]]) -> Iterator[_Line]:
    for number, rows in enumerate(of_variant.values()):
        yield f"series-{number % _SERIES}", [(row.claimed, row.recall) for row in rows]


def _key(variants: Sequence[str]) -> str:
    items = []
    for number, variant in enumerate(variants):
        for alone, words in (("", ""), (" alone", ", without kin")):
            line = f'<line class="curve series-{number % _SERIES}{alone}" x2="22" y1="5" y2="5"/>'
            picture = f'<svg class="chart" viewBox="0 0 22 10" aria-hidden="true">{line}</svg>'
            items.append(f"<li>{picture}{escape(variant)}{words}</li>")
    return f'<ul class="variants">{"".join(items)}</ul>'


def _chart(title: str, label: str, lines: Iterable[_Line], *, diagonal: bool = False) -> str:
    drawn = list(lines)
    highs = [share.high for _, points in drawn for _, share in points if _is_number(share)]
    top = 1.0 if not diagonal else max([_MOST, *highs])
    step = 0.1 if top <= 0.5 else 0.2
    n_steps = math.ceil(top / step - 1e-9)
    top = n_steps * step

    def x(value: float) -> float:
        return _LEFT + value / _MOST * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - value / top * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<path class="grid" d="M{_LEFT} {y(at):.1f}H{_WIDTH - _RIGHT}"/>'
        f'<text x="{_LEFT - 6}" y="{y(at) + 4:.1f}" text-anchor="end">{at:.0%}</text>'
        for at in (number * step for number in range(n_steps + 1))
    ]
    parts += [
        f'<text x="{x(at):.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{at:.0%}</text>'
        for at in LEVELS
    ]
    middle, bottom = (_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 4
    parts.append(f'<text x="{middle}" y="{bottom}" text-anchor="middle">claimed FDR</text>')
    axis = f'<g class="axis" aria-hidden="true">{"".join(parts)}</g>'
    if diagonal:
        ends = f'x1="{x(0):.1f}" y1="{y(0):.1f}" x2="{x(_MOST):.1f}" y2="{y(_MOST):.1f}"'
        axis += f'<line class="zero" {ends}/>'
    curves = "".join(_curve(kind, points, x, y) for kind, points in drawn)
    return (
        f'<figure class="panel"><h3>{escape(label)}</h3><svg class="chart" role="img" '
        f'aria-label="{escape(title)}" viewBox="0 0 {_WIDTH} {_HEIGHT}">'
        f"<title>{escape(title)}</title>{axis}{curves}</svg></figure>"
    )


def _curve(kind: str, points: Sequence[tuple[float, Share]], x: _Place, y: _Place) -> str:
    known = [(claimed, share) for claimed, share in points if _is_number(share)]
    path = " ".join(f"{x(claimed):.1f},{y(share.value):.1f}" for claimed, share in known)
    marks = [f'<polyline class="curve {kind}" points="{path}"/>']
    for claimed, share in known:
        at = f"{x(claimed):.1f}"
        says = f"claimed {claimed:.0%}: {words_of_share(share)}"
        marks.append(
            f'<line class="{kind}" x1="{at}" x2="{at}" y1="{y(share.low):.1f}" '
            f'y2="{y(share.high):.1f}"/>'
            f'<circle class="{kind}" cx="{at}" cy="{y(share.value):.1f}" r="3.5">'
            f"<title>{says}</title></circle>"
        )
    return "".join(marks)


def _table(rows: Sequence[Row]) -> str:
    has_more = any(row.alone for row in rows)
    heads = ["annotated by", "claimed", "annotations", "observed", "without kin", "recall"]
    heads += ["observed, no competition", "recall, no competition"] * has_more
    body = []
    for row in rows:
        shares: list[Share | None] = [row.wrong, row.noise, row.recall]
        shares += [row.alone, row.alone_recall] * has_more
        numbers = [f"{row.claimed:.0%}", f"{row.n_annotations:,}", *map(words_of_share, shares)]
        cells = "".join(f'<td class="number">{cell}</td>' for cell in numbers)
        body.append(f'<tr><th class="text" scope="row">{escape(row.variant)}</th>{cells}</tr>')
    return _lay_out(heads, body)


def _difficulty_table(hard: Mapping[str, Mapping[str, float]]) -> str:
    if not hard:
        return ""
    heads = ["how hard: annotated ions at 10 %, medians", *map(str, hard)]
    body = []
    for name, words in _DIFFICULTY.items():
        cells = "".join(f'<td class="number">{each[name]:.3g}</td>' for each in hard.values())
        body.append(f'<tr><th class="text" scope="row">{words}</th>{cells}</tr>')
    return f'<div class="across">{_lay_out(heads, body)}</div>'


def _line_table(lines: Mapping[str, LineErrors]) -> str:
    if not lines:
        return ""
    heads = ["line of m/z errors, ppm, root mean square", *lines]
    body = []
    for words, name in (("simulated", "planted_ppm"), ("left by the run", "left_ppm")):
        values = (getattr(each, name) for each in lines.values())
        cells = "".join(f'<td class="number">{value:.2f}</td>' for value in values)
        body.append(f'<tr><th class="text" scope="row">{words}</th>{cells}</tr>')
    return f'<div class="across">{_lay_out(heads, body)}</div>'


def _lay_out(heads: Sequence[str], body: Sequence[str]) -> str:
    first, *others = map(escape, heads)
    head = f'<th class="text" scope="col">{first}</th>'
    head += "".join(f'<th class="number" scope="col">{each}</th>' for each in others)
    return (
        f'<table class="plain"><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'
    )


def words_of_share(share: Share | None) -> str:
    """Return a share and its interval in words, a dash where there is none."""
    if share is None or not _is_number(share):
        return "–"
    return f"{share.value:.1%} ({share.low:.1%}–{share.high:.1%})"


def _is_number(share: Share) -> bool:
    return not math.isnan(share.value)
