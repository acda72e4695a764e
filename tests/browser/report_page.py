"""A report in a browser, in the words of who looks at it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select
from selenium.webdriver.support.wait import WebDriverWait

from tests.browser.chromium import attribute, read_log
from tests.patience import PATIENCE_S

_COLUMN = """
return [...document.querySelectorAll("tr[data-index] [data-column=%s]")].map((c) => c.textContent);
"""


class ReportPage:
    """Opens reports and does what people do."""

    def __init__(self, driver: Chrome, downloads: Path) -> None:
        self.driver = driver
        self.downloads = downloads

    def open(self, url: str, *, dark: bool = False) -> None:
        """Open a report and wait until all of it is drawn."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.get(url)
        self.wait("return performance.getEntriesByName('ionbox:complete').length > 0")
        self.wait_for_image()

    def resize(self, width: int, height: int = 900) -> None:
        """Make the window another size."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def wait(self, script: str) -> Any:
        return WebDriverWait(self.driver, PATIENCE_S).until(
            lambda driver: driver.execute_script(script)
        )

    def wait_for_image(self) -> None:
        self.wait("return !document.getElementById('ion').hasAttribute('aria-busy')")

    def script(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return self.find(selector).text

    def field(self, label: str) -> WebElement:
        """A choice or input, by its label."""
        return self.driver.find_element(
            By.XPATH, f"//label[normalize-space(span)='{label}']/*[self::select or self::input]"
        )

    def choose(self, label: str, option: str) -> None:
        Select(self.field(label)).select_by_visible_text(option)

    def type(self, label: str, text: str) -> None:
        field = self.field(label)
        field.clear()
        field.send_keys(text)

    def button(self, text: str) -> WebElement:
        return self.driver.find_element(By.XPATH, f"//button[normalize-space()='{text}']")

    def column(self, key: str) -> Sequence[str]:
        """The cells of a column that are in view or near it."""
        cells: list[str] = self.script(_COLUMN % key)
        return cells

    @property
    def n_rows(self) -> int:
        """Rows that pass the filters, in view or not."""
        return int(attribute(self.find("table.annotations"), "aria-rowcount")) - 1

    def select_row(self, place: int) -> None:
        self.driver.find_elements(By.CSS_SELECTOR, "tr[data-index]")[place].click()
        self.wait_for_image()

    @property
    def selected(self) -> int:
        """Place of the selected annotation in the run."""
        return int(attribute(self.find("tr[aria-selected=true]"), "data-index"))

    def press(self, *keys: str) -> None:
        ActionChains(self.driver).send_keys(*keys).perform()

    def hover(self, x: int, y: int, width: int, height: int) -> None:
        """Move to the middle of a pixel of the unzoomed image."""
        canvas = self.find(".view canvas")
        size = canvas.size
        step = min(size["width"] / width, size["height"] / height)
        dx, dy = (x + 0.5 - width / 2) * step, (y + 0.5 - height / 2) * step
        actions = ActionChains(self.driver)
        actions.move_to_element_with_offset(canvas, round(dx), round(dy)).perform()

    def read_pixel(self) -> float:
        """The intensity that the read-out shows."""
        number = self.text("#readout").split(": intensity ")[1].replace(",", "")
        if "·10" not in number:
            return float(number)
        digits, power = number.split("·10")
        exponent = int(power.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")))
        return float(digits) * 10.0**exponent

    def colours(self) -> Any:
        """The picture on the canvas, as a text to compare."""
        return self.script("return document.querySelector('.view canvas').toDataURL()")

    def milliseconds(self, name: str) -> list[float]:
        """When a mark was made, or how long the measured took."""
        found: list[float] = self.script(
            "return performance.getEntriesByName(arguments[0]).map(e => e.entryType === 'mark' "
            "? e.startTime : e.duration)",
            name,
        )
        return found

    def requested_hosts(self) -> set[str]:
        """Everything but files and data that the page asked for."""
        urls = set()
        for entry in read_log(self.driver, "performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                urls.add(message["params"]["request"]["url"])
        return {url for url in urls if not url.startswith(("file:", "data:", "blob:"))}


ENTER, ESCAPE, TAB = Keys.ENTER, Keys.ESCAPE, Keys.TAB
DOWN, UP, END, HOME = Keys.ARROW_DOWN, Keys.ARROW_UP, Keys.END, Keys.HOME
RIGHT = Keys.ARROW_RIGHT
