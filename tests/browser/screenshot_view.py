"""Take a picture of the viewer: ``python tests/browser/screenshot_view.py results view.png``.

``docs/view.png`` is that of the results of ``make run``. Tests folders must be on ``PYTHONPATH``.
"""

from __future__ import annotations

import argparse
import base64
from collections.abc import Sequence
from pathlib import Path

from chromium import browse
from ionbox.view.places import folder_place
from selenium.webdriver import Chrome
from selenium.webdriver.support.wait import WebDriverWait
from viewing import serving

# An overlay of three ions that lie apart, the spectrum of a pixel, and why an ion is missing.
ACT = """
const [x, y, formula, adduct, rows, done] = arguments;
const pause = (ms) => new Promise((go) => setTimeout(go, ms));
(async () => {
for (const row of rows) {
  document.querySelectorAll(".annotations tr[data-index]")[row].click();
  await pause(300);
  document.getElementById("overlay-add").click();
}
const canvas = document.querySelector("#ion .frame canvas");
const press = (key) => canvas.dispatchEvent(new KeyboardEvent("keydown", { key }));
for (let i = 0; i < 500; i += 1) { press("ArrowLeft"); press("ArrowUp"); }
for (let i = 0; i < x; i += 1) press("ArrowRight");
for (let i = 0; i < y; i += 1) press("ArrowDown");
press("Enter");
document.getElementById("why-formula").value = formula;
document.getElementById("why-adduct").value = adduct;
document.getElementById("why-ask").click();
await pause(700);
document.querySelector("[aria-label='Zoom to the selected ion']").click();
await pause(300);
})().then(done);
"""


def act(driver: Chrome, options: argparse.Namespace) -> None:
    """Use the page as in the picture."""
    done = "return performance.getEntriesByName('ionbox:complete').length > 0"
    WebDriverWait(driver, 30).until(lambda page: page.execute_script(done))
    wanted = (*options.pixel, options.formula, options.adduct, options.rows)
    driver.execute_async_script(ACT, *wanted)


def main(arguments: Sequence[str] | None = None) -> None:
    """Take the picture from the command line."""
    parser = argparse.ArgumentParser(description="Take a picture of the viewer.")
    parser.add_argument("results", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, nargs=3, default=[0, 1, 2], help="ions of the overlay")
    parser.add_argument("--pixel", type=int, nargs=2, default=[40, 30])
    parser.add_argument("--formula", default="C6H12O6")
    parser.add_argument("--adduct", default="+K")
    parser.add_argument("--size", type=int, nargs=2, default=[1500, 1250])
    parser.add_argument("--scale", type=float, default=1, help="smaller makes a smaller file")
    options = parser.parse_args(arguments)
    with serving(folder_place(options.results)) as client, browse(*options.size) as driver:
        driver.get(client.viewer.url)
        act(driver, options)
        width, height = options.size
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": options.scale}
        picture = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "clip": clip})
        options.out.write_bytes(base64.b64decode(picture["data"]))


if __name__ == "__main__":
    main()
