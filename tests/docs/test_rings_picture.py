"""The picture in ``docs/architecture.md`` is that of the code."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from docs import draw_rings
from docs.draw_rings import (
    PICTURE,
    RINGS,
    Ring,
    draw,
    leave_out_indirect,
    link_boxes,
    place_in_rows,
    split_base,
)


def test_the_picture_is_current() -> None:
    assert PICTURE.read_text("utf-8") == draw(), "make outline"


def test_the_picture_names_every_folder() -> None:
    texts = {element.text for element in ET.fromstring(draw()).iter() if element.text}
    for ring in RINGS:
        folders = {f"{path.parent.name}/" for path in ring.path.glob("*/__init__.py")}
        assert folders <= texts


def test_links_that_follow_from_others_are_left_out() -> None:
    links = {"a": frozenset("bc"), "b": frozenset("c"), "c": frozenset[str]()}
    assert leave_out_indirect(links) == links | {"a": frozenset("b")}


def test_modules_that_import_no_folder_are_the_base() -> None:
    links = {
        "errors": frozenset[str](),
        "reading/": frozenset({"errors"}),
        "run": frozenset({"reading/", "errors"}),
    }
    drawn, base = split_base(links)
    assert drawn == {"reading/": frozenset(), "run": frozenset({"reading/"})}
    assert base == ["errors"]


def test_a_box_is_below_all_that_import_it_and_long_arrows_pass_the_rows_between() -> None:
    links = {"a": frozenset("bd"), "b": frozenset("c"), "c": frozenset("d"), "d": frozenset[str]()}
    rows, arrows = place_in_rows(links)
    boxes = [[point for point in row if len(point) == 1] for row in rows]
    assert boxes == [[("a",)], [("b",)], [("c",)], [("d",)]]
    assert [("a",), ("a", "d", "1"), ("a", "d", "2"), ("d",)] in arrows


@pytest.mark.parametrize("ring", RINGS, ids=lambda ring: ring.name)
def test_no_folders_import_each_other_in_a_circle(ring: Ring) -> None:
    links, _ = split_base(link_boxes(ring))

    def below(box: str, above: tuple[str, ...]) -> None:
        assert box not in above, " imports ".join((*above, box))
        for other in links[box]:
            below(other, (*above, box))

    for box in links:
        below(box, ())


def test_rings_that_import_each_other_otherwise_are_not_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(draw_rings, "link_rings", lambda: {("science", "cloud")})
    with pytest.raises(ValueError, match="other rings import each other"):
        draw()
