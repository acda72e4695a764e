"""``ionbox view`` in a real browser: what needs the data, read through the page."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import ionbox
import numpy as np
import pytest
from ionbox.reading.image_group import ImageGroup
from ionbox.view.run_reader import RunReader
from selenium.webdriver.common.by import By

from tests.browser.audit import CUT_COLUMNS
from tests.browser.viewer.page import (
    READ_ALL,
    Image,
    Page,
    parse_intensity,
)
from tests.client.ion_images import read_array
from tests.patience import PATIENCE_S
from tests.viewing import LocalRun

DIGITS = 6e-4  # texts have four significant ones or more


SUM_MANY = """
const start = performance.now();
let sum = 0;
for (let i = 0; i < 180e6; i += 1) sum += i * 0.5;
window.ionboxSum = sum;
return performance.now() - start;
"""


def images_of(run: LocalRun) -> Image:
    return read_array(run.out)


def test_the_image_of_any_mz_is_the_array_of_the_client(page: Page, run: LocalRun) -> None:
    opened = ionbox.open(run.out)
    mz = round(page.run["annotations"][3]["mz"], 6)
    for ppm in (3, 25):
        expected = opened.mz_image(mz, ppm)
        page.show_mz(mz, ppm)
        page.wait(lambda ppm=ppm: f"± {ppm} ppm" in page.name())
        np.testing.assert_allclose(page.shown(), expected, rtol=DIGITS)
        assert page.text("#anymz-facts").startswith(f"{np.count_nonzero(expected)} pixels")
    ion_image = images_of(run)[page.run["annotations"][3]["image"], 0]
    np.testing.assert_array_equal(opened.mz_image(page.run["annotations"][3]["mz"]), ion_image)


class Held:
    """Answers of a reader that wait until a test lets them go."""

    def __init__(self, answer: Callable[..., Any], which: Callable[..., bool]) -> None:
        self.answer, self.which = answer, which
        self.asked, self.let_go = threading.Event(), threading.Event()

    def __call__(self, *arguments: Any) -> Any:
        if self.which(*arguments):
            self.asked.set()
            assert self.let_go.wait(PATIENCE_S)
        return self.answer(*arguments)


def hold(patch: pytest.MonkeyPatch, owner: type, name: str, which: Callable[..., bool]) -> Held:
    held = Held(getattr(owner, name), which)
    patch.setattr(owner, name, lambda *arguments: held(*arguments))
    return held


@pytest.mark.parametrize("choose", ["another row", "an isotope", "an overlay"])
def test_the_image_of_an_mz_that_comes_late_replaces_nothing(
    page: Page, choose: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = hold(monkeypatch, RunReader, "mz_image", lambda *_: True)
    page.fill("#anymz-mz", 300)
    page.click("#anymz-show")
    assert held.asked.wait(PATIENCE_S)
    if choose == "another row":
        shown = page.select_row(2)
    elif choose == "an isotope":
        page.click(".isotopes button:nth-child(2)")
        shown = page.name()
        assert "isotope peak 2" in shown
    else:
        page.click("#overlay-add")
        shown = page.name()
        assert shown.startswith("Overlay")
    title = page.text("#ion-title")
    held.let_go.set()
    page.settle("/api/anymz")
    assert page.name() == shown
    assert page.text("#ion-title") == title
    assert page.text("#anymz-facts") == ""
    page.show_mz(301)


def test_of_two_mzs_the_one_asked_last_is_shown(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = hold(monkeypatch, RunReader, "mz_image", lambda _, mz, ppm: mz == 300)
    page.fill("#anymz-mz", 300)
    page.click("#anymz-show")
    assert held.asked.wait(PATIENCE_S)
    page.show_mz(301)
    held.let_go.set()
    page.settle("/api/anymz?mz=300&")
    assert page.name().startswith("m/z 301.0000")


def test_images_of_an_ion_that_come_late_do_not_replace_an_mz(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = hold(monkeypatch, ImageGroup, "read_image", lambda _, row, isotope: isotope == 3)
    page.click_row(3)
    assert held.asked.wait(PATIENCE_S)
    page.show_mz(300)
    held.let_go.set()
    page.wait(lambda: page.exists(".isotopes button"))
    page.driver.execute_async_script("setTimeout(arguments[0], 50)")
    assert page.name().startswith("m/z 300.0000")
    page.click(".isotopes button:nth-child(1)")
    assert page.name().startswith("Ion image of ")


def test_the_spectrum_of_the_pixel_that_was_clicked_last_is_shown(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = hold(monkeypatch, RunReader, "spectrum", lambda _, x, y: (x, y) == (0, 0))
    go = "for (let i = 0; i < 20; i += 1) { press('ArrowLeft'); press('ArrowUp'); }"
    start = READ_ALL.partition("for (")[0] + go
    page.driver.execute_script(start + "press('Enter');", *page.size)
    assert held.asked.wait(PATIENCE_S)
    page.driver.execute_script(start + "press('ArrowRight'); press('Enter');", *page.size)
    page.wait(lambda: page.text("#spectrum-facts").startswith("Pixel x 1, y 0: "))
    held.let_go.set()
    page.settle("/api/spectrum?x=0&")
    assert page.text("#spectrum-facts").startswith("Pixel x 1, y 0: ")


def test_colocalized_ions_are_listed_in_the_table(page: Page) -> None:
    first = page.run["annotations"][0]
    assert first["partners"]
    metrics = {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.click("#show-all")
    page.select_row(1)
    page.click_row(0)
    page.click("#show-colocalized")
    script = "return [...document.querySelectorAll('[data-column=coloc]')].map(c => c.textContent)"
    listed = page.driver.execute_script(script)
    assert listed == [f"{c:.2f}" for c in [1, *(p["coefficient"] for p in first["partners"])]]
    assert page.driver.execute_script(CUT_COLUMNS) == []
    page.click("#clear-colocalized")
    assert page.driver.execute_script(script) == []
    metrics |= {"width": 1400, "height": 1000}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def test_a_selected_ion_is_seen_within_a_tenth_of_a_second(page: Page) -> None:
    """A tenth of a second, or, on a slow machine, what the browser takes to sum 180 million."""
    page.driver.execute_script("performance.clearMeasures()")
    sums = []
    for row in range(1, 12):
        page.select_row(row)
        sums.append(page.driver.execute_script(SUM_MANY))
    took = page.driver.execute_script(
        "return performance.getEntriesByName('ionbox:selection').map((e) => e.duration)"
    )
    assert len(took) == 11
    assert min(took) < max(100, min(sums))


def test_an_mz_where_nothing_is(page: Page) -> None:
    page.show_mz(5)
    page.wait(lambda: page.text("#anymz-facts") == "nothing was measured there")
    assert not page.shown().any()


def test_the_selected_ion_is_at_full_resolution(page: Page, run: LocalRun) -> None:
    best = next(a for a in page.run["annotations"] if a["formula"] in page.text("#ion-title"))
    np.testing.assert_allclose(page.shown(), images_of(run)[best["image"], 0], rtol=DIGITS)


def test_per_tic(page: Page, run: LocalRun, reader: RunReader) -> None:
    page.show_mz(round(page.run["annotations"][0]["mz"], 6))
    plain = page.shown()
    page.driver.execute_script(
        "[...document.querySelectorAll('#ion .tick')].find((n) => n.textContent === 'Per TIC')"
        ".querySelector('input').click()"
    )
    tic = reader.images.tic
    expected = np.divide(plain * 1e6, tic, out=np.zeros_like(plain), where=tic > 0)
    np.testing.assert_allclose(page.shown(), expected, rtol=2 * DIGITS)
    assert page.name().startswith("m/z ")


def test_the_spectrum_of_a_pixel(page: Page, reader: RunReader) -> None:
    x, y = 4, 5
    found = reader.spectrum(x, y)
    page.shown()  # the pointer is somewhere
    page.driver.execute_script(
        READ_ALL.replace("return found;", "")
        + f"for (let i = 0; i <= height; i += 1) press('ArrowUp');"
        f"for (let i = 0; i < {x}; i += 1) press('ArrowRight');"
        f"for (let i = 0; i < {y}; i += 1) press('ArrowDown');"
        "press('Enter');",
        *page.size,
    )
    page.wait(lambda: page.text("#spectrum-facts").startswith(f"Pixel x {x}, y {y}: "))
    facts = page.text("#spectrum-facts")
    assert f"{len(found.mz):,} peaks" in facts
    total = parse_intensity(facts.rpartition(" ")[2])
    assert total == pytest.approx(found.intensity.sum(dtype=np.float64), rel=DIGITS)
    highest = np.argsort(-found.intensity, kind="stable")[:8]
    listed = [item.text for item in page.driver.find_elements(By.CSS_SELECTOR, ".peaks button")]
    assert listed == [f"{found.mz[peak]:.4f}" for peak in highest]
    page.click(".peaks button")
    page.wait(lambda: page.name().startswith(f"m/z {found.mz[highest[0]]:.4f}"))
    assert page.shown()[y, x] >= found.intensity[highest[0]] * (1 - DIGITS)


def test_a_click_on_the_image_reads_a_spectrum_and_zoom_narrows_it(page: Page) -> None:
    page.find("#ion .frame canvas").click()
    page.wait(lambda: page.text("#spectrum-facts").startswith("Pixel x "))
    before = page.text("#spectrum-range")
    page.click("[aria-label='Zoom in on the spectrum']")
    assert page.text("#spectrum-range") != before
    page.click("[aria-label='Zoom to the selected ion']")
    low, high = map(float, re.findall(r"\d+\.\d+", page.text("#spectrum-range")))
    assert high - low < 10
    page.click("[aria-label='Whole spectrum']")
    assert page.text("#spectrum-range") == before


def level(image: Image) -> Image:
    """The page's linear scale with hotspots clipped, 0 to 255."""
    signal = image[image > image.max() / 256]
    scaled: Image = np.clip(np.round(image / np.percentile(signal, 99) * 255), 0, 255)
    return scaled


def test_an_overlay_of_three_ions(page: Page, run: LocalRun) -> None:
    chosen = []
    for row in range(3):
        page.driver.execute_script(
            "document.querySelectorAll('.annotations tr[data-index]')[arguments[0]].click()", row
        )
        title = page.text("#ion-title")
        chosen.append(
            next(a for a in page.run["annotations"] if title == f"[{a['ion'][:-1]}]{a['ion'][-1]}")
        )
        page.wait(lambda title=title: page.name().startswith(f"Ion image of {title}"))
        page.click("#overlay-add")
        page.wait(lambda: page.name().startswith("Overlay"))
    assert len({a["ion"] for a in chosen}) == 3
    assert not page.find("#overlay-add").is_enabled()
    assert [part.rpartition(" in ")[2] for part in page.name().split(", ")[:3]] == [
        *("red", "green", "blue")
    ]
    images = images_of(run)
    found = page.colours().astype(float)
    for channel, annotation in enumerate(chosen):
        expected = level(images[annotation["image"], 0])
        np.testing.assert_allclose(found[:, :, channel], expected, atol=1)
    x, y = 3, 2
    readout = page.driver.execute_script(
        READ_ALL.replace("return found;", f"return found[{y * page.size[0] + x}];"), *page.size
    )
    assert readout.startswith(f"x {x}, y {y}: red ")
    assert page.text("#ion-title") == "Overlay"
    assert page.texts("#legend > span") == [
        f"{colour}: [{each['ion'][:-1]}]{each['ion'][-1]}"
        for colour, each in zip(("red", "green", "blue"), chosen, strict=True)
    ]
    page.click(".overlay button")
    page.wait(lambda: "in red" not in page.name())
    assert len(page.texts("#legend > span")) == 2
    page.click("#back")
    assert page.text("#ion-title") == title
    page.click("#overlay-show")
    assert not page.colours()[:, :, 0].any()


@pytest.mark.parametrize("other", ["overlay", "any m/z"])
def test_beside_another_image_nothing_is_said_of_the_selected_ion(page: Page, other: str) -> None:
    title, name = page.text("#ion-title"), page.name()
    of_selected = ("#ion > .ion-facts", "#ion > .isotopes", "#ion > .details")
    assert all(page.find(part).is_displayed() for part in of_selected)
    assert not page.find("#back").is_displayed()
    if other == "overlay":
        page.click("#overlay-add")
    else:
        page.show_mz(300)
    assert not any(page.find(part).is_displayed() for part in of_selected)
    assert page.text("#back") == f"Back to {title}"
    assert page.find("#colormap select").is_enabled() is (other == "any m/z")
    page.find("#back").click()
    assert page.name() == name
    assert page.text("#ion-title") == title
    assert page.text("#legend") == page.text("#anymz-facts") == ""
    assert all(page.find(part).is_displayed() for part in of_selected)
    assert page.find("#colormap select").is_enabled()
    assert page.driver.execute_script("return document.activeElement.id") == "ion"
