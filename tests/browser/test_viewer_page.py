"""``ionbox view`` in a real browser: what needs the data, read through the page."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ionbox
import numpy as np
import numpy.typing as npt
import pytest
import zarr
from audit import CONTRAST, CUT_COLUMNS, UNNAMED
from chromium import browse
from ionbox.view.places import folder_place
from ionbox.view.run_reader import RunReader
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait
from viewing import Client, LocalRun, make_run, serving

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
        driver.get_log("browser")
        driver.get(client.viewer.url)
        self.wait(lambda: driver.execute_script(COMPLETE))
        self.wait(lambda: self.exists("#why-ask"))
        self.wait(lambda: (self.name() or "").startswith(first))

    def wait(self, until: Any) -> None:
        WebDriverWait(self.driver, 20, poll_frequency=0.02).until(lambda _: until())

    def exists(self, selector: str) -> bool:
        return bool(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def find(self, selector: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        script = "return document.querySelector(arguments[0]).textContent"
        text: str = self.driver.execute_script(script, selector)
        return text

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
        """What a screen reader says of the large image."""
        label: str = self.find("#ion .frame canvas").get_attribute("aria-label")
        return label

    def show_mz(self, mz: float, ppm: float | None = None) -> None:
        self.fill("#anymz-mz", mz)
        if ppm is not None:
            self.fill("#anymz-ppm", ppm)
        self.click("#anymz-show")
        self.wait(lambda: self.name().startswith(f"m/z {mz:.4f}"))

    def console(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]


def parse_intensity(text: str) -> float:
    """Read a number as the page writes it: 1,234, 1.234·10⁶."""
    if text == "not measured":
        return 0.0
    number = text.removeprefix("intensity ").removeprefix("ppm of TIC ").replace(",", "")
    digits, _, power = number.partition("·10")
    return float(digits) * 10 ** int(power.translate(POWERS) or 0)


@pytest.fixture
def page(browser: Chrome, run: LocalRun) -> Iterator[Page]:
    with serving(folder_place(run.out)) as client:
        page = Page(browser, client)
        yield page
        assert page.console() == []
        browser.get("about:blank")


def images_of(run: LocalRun) -> Image:
    images: Image = zarr.open_group(run.out / "ion_images.zarr", mode="r")["images"][...]
    return images


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
    return np.clip(np.round(image / np.percentile(signal, 99) * 255), 0, 255)


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
    page.click(".overlay button")
    page.wait(lambda: "in red" not in page.name())
    page.click(".isotopes button")
    assert page.text("#ion-title") == title
    page.click("#overlay-show")
    assert not page.colours()[:, :, 0].any()


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
        assert [item.get_attribute("textContent")[1:] for item in findings] == [
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
