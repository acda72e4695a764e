"""report.html as people meet it: from disk, in a browser, without a network."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.browser.chromium import attribute
from tests.browser.report_page import DOWN, END, ENTER, HOME, RIGHT, TAB, UP, ReportPage
from tests.patience import wait_until
from tests.reports import MadeUp

READ_PNG = """
const [address, done] = arguments;
const image = new Image();
image.onload = () => {
  const { width, height } = image;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  let text = "";
  for (const value of data) text += String.fromCharCode(value);
  done([width, height, btoa(text)]);
};
image.src = address;
"""

MAPS = ("Viridis", "Cividis", "Inferno", "Turbo", "Hot", "Greys")


# --- the table ------------------------------------------------------------------------------------


def test_it_shows_annotations_up_to_ten_percent_fdr_first(small: ReportPage) -> None:
    assert small.text("h1") == "made-up section"
    assert small.n_rows == 7
    assert small.text("#counter") == "7 of 40 annotations"
    assert small.selected == 0


def test_rows_are_filtered(small: ReportPage) -> None:
    small.choose("FDR", "≤ 50 %")
    assert small.n_rows == 33
    small.choose("FDR", "all")
    assert small.n_rows == 40
    small.choose("Database", "acids")
    assert small.n_rows == 20
    assert set(small.column("database")) == {"acids"}
    small.choose("Database", "all")
    small.choose("Adduct", "M+Na")
    assert set(small.column("kind")) == {"M+Na"}
    small.choose("Adduct", "all")
    small.type("Search", "MOLECULE id17-0")
    assert small.column("molecules") == ["molecule 17"]
    small.type("Search", "c27h37")
    assert small.column("formula") == ["C27H37O3"]
    small.type("Search", "no such thing")
    assert small.n_rows == 0
    assert "No annotation matches" in small.text("#annotations .empty")
    assert not small.find(".scroller").is_displayed()
    assert small.text("#ion-title") == "No ion selected"
    small.button("Clear the filters").click()
    assert small.n_rows == 40
    assert small.text("#ion-title") == "[C10H20O1+H]+"
    assert not small.button("Show all").is_enabled()
    small.choose("FDR", "≤ 5 %")
    small.button("Show all").click()
    assert small.n_rows == 40


def test_rows_are_filtered_by_mz_and_ppm(small: ReportPage) -> None:
    small.choose("FDR", "all")
    small.type("m/z", "204.0005")
    assert small.column("mz") == ["204.0000"]
    small.type("± ppm", "2")
    assert small.n_rows == 0
    small.type("± ppm", "2000")
    assert small.column("mz") == ["203.6000", "204.0000", "204.4000"]
    for nothing in ("0", ""):
        small.type("± ppm", nothing)
        assert small.column("mz") == ["204.0000"]


def test_any_column_sorts_both_ways(small: ReportPage) -> None:
    small.choose("FDR", "all")
    headings = small.driver.find_elements("css selector", "table.annotations th button")
    keys = small.script(
        "return [...document.querySelector('tr[data-index]').cells].map(c => c.dataset.column)"
    )
    assert len(headings) == len(keys) >= 12
    for heading, key in zip(headings, keys, strict=True):
        heading.click()
        once = small.column(key)
        state = heading.find_element("xpath", "..").get_attribute("aria-sort")
        heading.click()
        assert {state, heading.find_element("xpath", "..").get_attribute("aria-sort")} == {
            "ascending",
            "descending",
        }
        if len(set(once)) > 1:
            assert small.column(key) != once
    small.driver.find_elements("css selector", "table.annotations th button")[
        keys.index("mz")
    ].click()
    masses = [float(text) for text in small.column("mz")]
    assert masses == sorted(masses)


def test_a_keyboard_is_enough(small: ReportPage) -> None:
    small.press("/")
    assert small.script("return document.activeElement.id") == "search"
    small.press("molecule")
    small.press(ENTER)
    first = small.selected
    small.press(DOWN, DOWN)
    assert small.selected == first + 2
    small.press(UP)
    assert small.selected == first + 1
    small.press(END)
    assert small.column("formula")[-1] == small.script(
        "return document.querySelector('#ion-title .formula').textContent.split('+')[0]"
    )
    small.press(HOME)
    assert small.selected == first
    active = small.find(".scroller").get_attribute("aria-activedescendant")
    assert small.find(f"#{active}").get_attribute("aria-selected") == "true"
    small.press(ENTER)
    assert small.script("return document.activeElement.id") == "ion"


def test_the_first_thing_a_keyboard_meets_leads_past_the_rest(small: ReportPage) -> None:
    small.press(TAB)
    assert small.script("return document.activeElement.textContent") == "Skip to the annotations"
    outline = small.script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"


# --- the image ------------------------------------------------------------------------------------


def test_a_pixel_reads_what_the_array_holds(small: ReportPage, made_up: MadeUp) -> None:
    small.choose("FDR", "all")
    for row in (0, 3):
        small.select_row(row)
        image = made_up.images[small.selected, 0]
        for x, y in ((5, 3), (20, 14), (12, 8)):
            small.hover(x, y, made_up.width, made_up.height)
            assert small.text("#readout").startswith(f"x {x}, y {y}: ")
            # images are kept in 65,535 steps, the read-out has 6 digits
            tolerance = float(image.max()) / 65535 + 1e-5 * float(image[y, x])
            assert small.read_pixel() == pytest.approx(float(image[y, x]), abs=tolerance)
    small.hover(0, 0, made_up.width, made_up.height)
    assert small.text("#readout") == "x 0, y 0: not measured"


def test_every_isotope_can_be_read(small: ReportPage, made_up: MadeUp) -> None:
    buttons = small.driver.find_elements("css selector", ".isotopes button")
    assert len(buttons) == 4
    buttons[2].click()
    assert buttons[2].get_attribute("aria-pressed") == "true"
    image = made_up.images[small.selected, 2]
    small.hover(12, 8, made_up.width, made_up.height)
    assert small.read_pixel() == pytest.approx(float(image[8, 12]), abs=float(image.max()) / 60000)


def test_colours_and_scale_change_what_is_seen(small: ReportPage) -> None:
    seen = set()
    for name in MAPS:
        small.choose("Colours", name)
        seen.add(small.colours())
    assert len(seen) == len(MAPS)
    small.choose("Scale", "logarithmic")
    seen.add(small.colours())
    assert "logarithmic" in attribute(small.find(".view canvas"), "aria-label")
    small.find(".tick input").click()
    seen.add(small.colours())
    assert len(seen) == len(MAPS) + 2


def test_hotspots_are_clipped_at_the_99th_percentile_of_the_signal(
    small: ReportPage, made_up: MadeUp
) -> None:
    image = made_up.images[small.selected, 0]
    limit = np.percentile(image[image > image.max() / 256], 99)
    shown = small.text(".bar span:first-child").removeprefix("≥ ").replace(",", "")
    assert float(shown) == pytest.approx(limit, rel=1e-3)
    small.find(".tick input").click()
    assert float(small.text(".bar span:first-child").replace(",", "")) == pytest.approx(
        image.max(), rel=1e-3
    )


def test_the_image_zooms_and_moves_by_keyboard(small: ReportPage) -> None:
    canvas = small.find(".view canvas")
    whole = small.colours()
    canvas.click()
    small.press("+")
    near = small.colours()
    assert near != whole
    small.press("0")
    small.press(RIGHT)
    before = small.text("#readout")
    small.press(RIGHT)
    assert re.match(r"x \d+, y \d+: ", before)
    assert small.text("#readout") != before


def save_picture(page: ReportPage) -> npt.NDArray[np.uint8]:
    """Save the image that is shown: (height, width, 3) uint8."""
    path = page.downloads / "C10H20O1+H+_1.png"
    path.unlink(missing_ok=True)
    page.button("Save PNG").click()
    wait_until(lambda: path.exists() and path.stat().st_size)
    address = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
    width, height, pixels = page.driver.execute_async_script(READ_PNG, address)
    rgba = np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(height, width, 4)
    return rgba[:, :, :3]


def test_an_image_is_saved_as_png_with_its_scale_bar(page: ReportPage, tmp_path: Path) -> None:
    made_up = MadeUp(missing=())
    page.open(made_up.write(tmp_path))
    step = 34  # the least that makes 800 pixels of 24
    picture = save_picture(page)
    assert picture.shape == (16 * step, 24 * step, 3)
    page.open(replace(made_up, pixel_size_um=None).write(tmp_path))
    bare = save_picture(page)
    np.testing.assert_array_equal(bare, np.kron(bare[::step, ::step], np.ones((step, step, 1))))
    bar = 100 * step // 20  # pixels of 100 µm, the longest round length that takes a quarter
    (rows, columns) = np.nonzero((picture != bare).any(axis=2))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (
        *(16 * step - 32, 16 * step - 7),
        *(6, 6 + bar + 12 - 1),
    )
    assert (picture[-13:-10, 12 : 12 + bar] == 255).all()
    assert (picture[-12, 12 + bar] < 255).any()
    text = picture[-30:-16, 12:60].min(axis=2)
    assert 20 < np.count_nonzero(text > 200) < text.size // 2
