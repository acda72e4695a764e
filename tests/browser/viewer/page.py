"""The page of the viewer, as a test operates it in Chromium."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.browser.chromium import read_log
from tests.patience import PATIENCE_S
from tests.viewing import Client

Image = npt.NDArray[np.floating[Any]]

COMPLETE = "return performance.getEntriesByName('ionbox:complete').length > 0"
POWERS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")

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


def parse_intensity(text: str) -> float:
    """Read a number as the page writes it: 1,234, 1.234·10⁶."""
    if text == "not measured":
        return 0.0
    number = text.removeprefix("intensity ").removeprefix("ppm of TIC ").replace(",", "")
    digits, _, power = number.partition("·10")
    return float(digits) * 10.0 ** int(power.translate(POWERS) or 0)
