"""``ionbox view`` in a real browser: what needs the data, read through the page."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ionbox
import numpy as np
import numpy.typing as npt
import pytest
from ionbox.reading.image_group import ImageGroup
from ionbox.reading.place import folder_place
from ionbox.view.run_reader import RunReader
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.browser.audit import CONTRAST, CUT_COLUMNS, UNNAMED
from tests.browser.chromium import attribute, browse, read_log
from tests.client.ion_images import read_array
from tests.patience import PATIENCE_S
from tests.viewing import (
    FORMULAS,
    HOSTILE_NAME,
    Client,
    LocalRun,
    hostile_run,
    make_infinite,
    make_run,
    serving,
    shorten_report,
)

Image = npt.NDArray[np.floating[Any]]

COMPLETE = "return performance.getEntriesByName('ionbox:complete').length > 0"
POWERS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
DIGITS = 6e-4  # texts have four significant ones or more

READ_ALL = """
const [width, height] = arguments;
const canvas = document.querySelector("#ion .frame canvas");
const press = (key) => canvas.dispatchEvent(new KeyboardEvent("keydown", { key }));
const read = () => document.getElementById("readout").textContent;
for (let i = 0; i <= width; i += 1) press("ArrowLeft");
for (let i = 0; i <= height; i += 1) press("ArrowUp");
const found = [];
for (let y = 0; y < height; y += 1) {
  for (let x = 0; x < width; x += 1) {
    found.push(read());
    press("ArrowRight");
  }
  for (let x = 0; x < width; x += 1) press("ArrowLeft");
  press("ArrowDown");
}
return found;
"""

COLOURS = """
const canvas = document.querySelector("#ion .frame canvas");
const [width, height] = arguments;
const step = Math.min(canvas.width / width, canvas.height / height);
const [left, top] = [(canvas.width - width * step) / 2, (canvas.height - height * step) / 2];
const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
copy.drawImage(canvas, 0, 0);
const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
const found = [];
for (let y = 0; y < height; y += 1) {
  for (let x = 0; x < width; x += 1) {
    const [column, row] = [Math.floor(left + (x + 0.5) * step), Math.floor(top + (y + 0.5) * step)];
    const at = (row * canvas.width + column) * 4;
    found.push([...data.slice(at, at + 4)]);
  }
}
return found;
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> LocalRun:
    return make_run(tmp_path_factory.mktemp("viewed"))


@pytest.fixture(scope="module")
def reader(run: LocalRun) -> RunReader:
    return RunReader(folder_place(run.out))


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with browse(1400, 1000) as driver:
        yield driver


class Page:
    """The page of a viewer, as people use it."""

    def __init__(self, driver: Chrome, client: Client, first: str = "Ion image of ") -> None:
        self.driver = driver
        self.run = client.get("/api/run").json
        self.size = (self.run["dataset"]["width"], self.run["dataset"]["height"])
        read_log(driver, "browser")
        driver.get(client.viewer.url)
        self.wait(lambda: driver.execute_script(COMPLETE))
        self.wait(lambda: self.exists("#why-ask"))
        self.wait(lambda: self.name().startswith(first))

    def wait(self, until: Any) -> None:
        WebDriverWait(self.driver, PATIENCE_S, poll_frequency=0.02).until(lambda _: until())

    def exists(self, selector: str) -> bool:
        return bool(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        script = "return document.querySelector(arguments[0]).textContent"
        text: str = self.driver.execute_script(script, selector)
        return text

    def texts(self, selector: str) -> list[str]:
        script = "return [...document.querySelectorAll(arguments[0])].map((n) => n.textContent)"
        texts: list[str] = self.driver.execute_script(script, selector)
        return texts

    def click(self, selector: str) -> None:
        self.driver.execute_script("arguments[0].click()", self.find(selector))

    def fill(self, selector: str, value: object) -> None:
        field = self.find(selector)
        field.clear()
        field.send_keys(str(value))

    def shown(self) -> Image:
        """Read every pixel of the large image, as its read-out says it."""
        width, height = self.size
        texts = self.driver.execute_script(READ_ALL, width, height)
        values = [parse_intensity(text.partition(": ")[2]) for text in texts]
        places = [text.partition(":")[0] for text in texts]
        assert places == [f"x {x}, y {y}" for y in range(height) for x in range(width)]
        return np.array(values).reshape(height, width)

    def colours(self) -> npt.NDArray[np.uint8]:
        width, height = self.size
        found = self.driver.execute_script(COLOURS, width, height)
        return np.array(found, np.uint8).reshape(height, width, 4)

    def name(self) -> str:
        """What a screen reader says of the large image; nothing while it has not been drawn."""
        return self.find("#ion .frame canvas").get_attribute("aria-label") or ""

    def show_mz(self, mz: float, ppm: float | None = None) -> None:
        self.fill("#anymz-mz", mz)
        if ppm is not None:
            self.fill("#anymz-ppm", ppm)
        self.click("#anymz-show")
        self.wait(lambda: self.name().startswith(f"m/z {mz:.4f}"))

    def select_row(self, row: int) -> str:
        """Click a row and wait for its image; return what the image is called."""
        before = self.name()
        self.click_row(row)
        self.wait(lambda: self.name() != before and self.name().startswith("Ion image of "))
        return self.name()

    def click_row(self, row: int) -> None:
        script = "document.querySelectorAll('.annotations tr[data-index]')[arguments[0]].click()"
        self.driver.execute_script(script, row)

    def settle(self, path: str) -> None:
        """Wait until the page has had the answers to its questions at a path."""
        script = (
            "return performance.getEntriesByType('resource').some((e) => e.name.includes("
            "arguments[0]) && e.responseEnd > 0)"
        )
        self.wait(lambda: self.driver.execute_script(script, path))
        self.driver.execute_async_script("setTimeout(arguments[0], 50)")

    def console(self) -> list[str]:
        return [entry["message"] for entry in read_log(self.driver, "browser")]


SUM_MANY = """
const start = performance.now();
let sum = 0;
for (let i = 0; i < 180e6; i += 1) sum += i * 0.5;
window.ionboxSum = sum;
return performance.now() - start;
"""


def parse_intensity(text: str) -> float:
    """Read a number as the page writes it: 1,234, 1.234·10⁶."""
    if text == "not measured":
        return 0.0
    number = text.removeprefix("intensity ").removeprefix("ppm of TIC ").replace(",", "")
    digits, _, power = number.partition("·10")
    return float(digits) * 10.0 ** int(power.translate(POWERS) or 0)


@pytest.fixture
def page(browser: Chrome, run: LocalRun) -> Iterator[Page]:
    with serving(folder_place(run.out)) as client:
        page = Page(browser, client)
        yield page
        assert page.console() == []
        browser.get("about:blank")


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


def test_the_head_leads_to_what_only_the_viewer_has(page: Page) -> None:
    assert page.texts("nav a") == [
        *("Annotations", "Overlay", "Any m/z", "Spectrum", "Why?", "Quality", "Run")
    ]
    focused = {
        "overlay-panel": "overlay-add",
        "any-m-z-panel": "anymz-mz",
        "spectrum-panel": "spectrum-panel",
        "why-panel": "why-formula",
    }
    for panel, control in focused.items():
        page.find(f"nav [href='#{panel}']").click()
        assert page.driver.execute_script("return document.activeElement.id") == control
        top = page.driver.execute_script(
            "return document.getElementById(arguments[0]).getBoundingClientRect().top", panel
        )
        assert 0 <= top < 1000
        page.driver.execute_script("scrollTo(0, 0)")


def test_why_is_asked_of_the_selected_ion_unless_told_otherwise(page: Page) -> None:
    value = "return document.getElementById(arguments[0]).value"
    page.click("#show-all")
    for row in (1, 0):
        page.select_row(row)
        formula = page.driver.execute_script(value, "why-formula")
        assert formula in page.text("#ion-title")
        assert page.driver.execute_script(value, "why-adduct").startswith("M")
    page.find("nav [href='#why-panel']").click()
    assert page.driver.execute_script("return String(getSelection())") == formula
    page.click("#why-ask")
    page.wait(lambda: page.exists(".verdict"))
    assert f"{formula}+" in page.text(".verdict")
    page.fill("#why-formula", "C6H12Q6")
    page.click("#why-ask")
    warning = ".warning[role=alert]:not([hidden])"
    page.wait(lambda: page.exists(warning))
    assert not page.exists(".verdict")
    page.select_row(1)
    assert not page.exists(warning)
    assert all("400 (Bad Request)" in line for line in page.console())


def test_without_a_width_an_mz_is_shown_at_that_of_the_run(page: Page) -> None:
    page.find("#ion .frame canvas").click()
    page.wait(lambda: page.exists(".peaks button"))
    page.find("#anymz-ppm").clear()
    page.click(".peaks button")
    ppm = page.run["config"]["ppm"]
    page.wait(lambda: page.name().partition(",")[0].endswith(f"± {ppm:g} ppm"))
    page.driver.execute_script("document.getElementById('anymz-ppm').value = 0")
    page.click(".peaks button")
    warning = ".warning[role=alert]:not([hidden])"
    page.wait(lambda: page.exists(warning))
    page.select_row(1)
    assert not page.exists(warning)
    assert all("400 (Bad Request)" in line for line in page.console())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_unnamed_or_hard_to_read(page: Page, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    assert page.driver.execute_script(CUT_COLUMNS) == []
    page.find("#ion .frame canvas").click()
    page.wait(lambda: page.exists(".peaks button"))
    page.click("#overlay-add")
    page.fill("#why-formula", "C6H12O6")
    page.fill("#why-adduct", "+K")
    page.click("#why-ask")
    page.wait(lambda: page.exists(".verdict"))
    assert page.driver.execute_script(UNNAMED) == []
    assert page.driver.execute_script(CONTRAST) == []


def test_a_run_without_annotations_points_to_why(
    browser: Chrome, run: LocalRun, tmp_path: Path
) -> None:
    shutil.copytree(run.out, tmp_path / "out")
    report = tmp_path / "out" / "report.html"
    head, start, rest = report.read_text("utf-8").partition('id="run">')
    block, end, tail = rest.partition("</script>")
    nothing = json.dumps(json.loads(block) | {"annotations": []})
    report.write_text(f"{head}{start}{nothing}{end}{tail}", "utf-8")
    with serving(folder_place(tmp_path / "out")) as client:
        page = Page(browser, client, first="Total ion current")
        assert not page.find("#overlay-add").is_enabled()
        page.find("#nothing-found button").click()
        assert browser.execute_script("return document.activeElement.id") == "why-formula"
        page.show_mz(300)
        assert page.text("#back") == "Back to the total ion current"
        page.find("#back").click()
        assert page.name().startswith("Total ion current")
        assert page.text("#ion-title") == "No ion selected"
        assert page.console() == []
        browser.get("about:blank")


def test_why_and_why_not(page: Page, reader: RunReader) -> None:
    best = page.run["annotations"][0]
    for formula, adduct in ((best["formula"], best["adduct"]), ("C6H12O6", "+K")):
        page.fill("#why-formula", formula)
        page.fill("#why-adduct", adduct)
        page.click("#why-ask")
        (answer,) = reader.why(formula, adduct)
        page.wait(
            lambda answer=answer: (
                page.exists(".verdict") and page.text(".verdict") == f"{answer['verdict']}."
            )
        )
        findings = page.driver.find_elements(By.CSS_SELECTOR, ".finding")
        assert [attribute(item, "textContent")[1:] for item in findings] == [
            finding["sentence"] for finding in answer["findings"]
        ]
    page.click(".why > .link")
    page.wait(lambda: page.name().startswith(f"m/z {answer['mz'][0]:.4f}"))


def test_images_that_the_report_leaves_out_are_shown(
    browser: Chrome, run: LocalRun, tmp_path: Path
) -> None:
    shutil.copytree(run.out, tmp_path / "out")
    report = tmp_path / "out" / "report.html"
    text = report.read_text("utf-8")
    text = re.sub(r'<script type="application/json" id="image-\d+">.*?</script>\n', "", text)
    text = re.sub(
        r'"omitted":\{[^}]*\}', '"omitted":{"annotations":0,"images":9,"isotopes":3}', text
    )
    report.write_text(text, "utf-8")
    with serving(folder_place(tmp_path / "out")) as client:
        page = Page(browser, client)
        assert page.run["omitted"]["images"] == 9
        assert page.text("#notices") == ""
        assert page.shown().any()
        assert not page.exists(".isotopes button:disabled")
        assert page.console() == []
        browser.get("about:blank")


def test_what_is_gone_is_said_in_plain_words(
    browser: Chrome, run: LocalRun, tmp_path: Path
) -> None:
    shutil.copytree(run.out, tmp_path / "out")
    nowhere = {"results": str(tmp_path / "cache" / "results"), "ibd": str(tmp_path / "a.ibd")}
    (tmp_path / "out" / "sources.json").write_text(json.dumps(nowhere))
    with serving(folder_place(tmp_path / "out")) as client:
        page = Page(browser, client)
        assert page.text("#anymz-missing").startswith(f"the work folder {tmp_path}/cache is gone")
        assert page.text("#spectrum-missing").startswith("the ibd is no longer at ")
        assert page.shown().any()
        assert page.console() == []
        browser.get("about:blank")


def test_a_problem_is_shown_beside_what_was_asked(browser: Chrome, run: LocalRun) -> None:
    with serving(folder_place(run.out)) as client:
        page = Page(browser, client)
        page.fill("#why-formula", "C6H12Q6")
        page.fill("#why-adduct", "+H")
        page.click("#why-ask")
        page.wait(lambda: page.find(".warning[role=alert]:not([hidden])"))
        assert page.text(".warning[role=alert]:not([hidden])") == (
            "'C6H12Q6': 'Q' is not an element"
        )
        browser.get("about:blank")


def test_an_error_that_nobody_expected_is_told_from_a_viewer_that_was_ended(
    browser: Chrome, run: LocalRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("odd")

    monkeypatch.setattr(RunReader, "mz_image", fail)

    def ask(page: Page, says: str) -> None:
        page.fill("#anymz-mz", 300)
        page.click("#anymz-show")
        warning = ".warning[role=alert]:not([hidden])"
        page.wait(lambda: page.exists(warning) and page.text(warning) == says)

    with serving(folder_place(run.out)) as client:
        page = Page(browser, client)
        ask(page, "“ionbox view” failed: KeyError: 'odd' (details in the terminal)")
        cut_off = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        browser.execute_cdp_cmd("Network.enable", {})
        browser.execute_cdp_cmd("Network.emulateNetworkConditions", cut_off)
        ask(page, "“ionbox view” does not answer; was it ended?")
        browser.execute_cdp_cmd("Network.emulateNetworkConditions", cut_off | {"offline": False})
        browser.get("about:blank")


def test_names_do_not_become_markup(browser: Chrome, tmp_path: Path) -> None:
    odd = hostile_run(tmp_path)
    shorten_report(odd, 5)
    with serving(folder_place(odd.out)) as client:
        page = Page(browser, client)
        assert page.text("h1") == HOSTILE_NAME
        assert len(page.run["annotations"]) > 10
        page.click("#show-all")
        for row in (1, 8):  # of the report, and of those it has no room for
            page.select_row(row)
            assert "</script><script>" in page.text(".molecules")
        page.fill("#why-formula", FORMULAS[0])
        page.fill("#why-adduct", "+H")
        page.click("#why-ask")
        page.wait(lambda: page.exists(".verdict"))
        assert browser.execute_script("return window.ran") is None
        assert browser.execute_script("return document.querySelectorAll('img').length") == 0
        assert browser.execute_script("return document.querySelectorAll('script').length") == 1
        assert page.console() == []
        browser.get("about:blank")


def test_infinite_intensities_are_said_and_do_not_blank_an_image(
    browser: Chrome, tmp_path: Path
) -> None:
    odd = make_run(tmp_path, edit=lambda run: make_infinite(run, 9, 6))
    with serving(folder_place(odd.out)) as client:
        page = Page(browser, client)
        seen = """
        const canvas = document.querySelector("#run-facts .view canvas");
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return new Set(data.filter((_, at) => at % 4 === 1)).size;
        """
        page.wait(lambda: browser.execute_script(seen) > 50)
        move = READ_ALL.partition("const found")[0]
        move += "for (let i = 0; i < 9; i += 1) press('ArrowRight');"
        move += "for (let i = 0; i < 6; i += 1) press('ArrowDown');"
        browser.execute_script(move + "press('Enter');", *page.size)
        page.wait(lambda: page.text("#spectrum-facts").startswith("Pixel x 9, y 6: "))
        assert page.text("#spectrum-facts").endswith("total intensity ∞")
        assert page.text(".peaks li:first-child").endswith(" ∞")
        page.click(".peaks button")
        page.wait(lambda: page.name().startswith("m/z "))
        assert page.shown()[6, 9] > 0
        assert page.console() == []
        browser.get("about:blank")
