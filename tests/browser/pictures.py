"""Take the pictures in ``docs/`` of the results of ``make run``.

::

    .venv/bin/python -m tests.browser.pictures example/results
"""

from __future__ import annotations

import argparse
import base64
from collections.abc import Sequence
from pathlib import Path

from ionbox.reading.place import folder_place
from selenium.webdriver import Chrome
from selenium.webdriver.support.wait import WebDriverWait

from tests.browser.chromium import browse
from tests.viewing import serving

DOCS = Path(__file__).parents[2] / "docs"
REPORT_SIZE, VIEW_SIZE = (1400, 900), (1560, 1520)
MAX_BYTES = 400_000

# The viewer's picture: an overlay of ions that lie apart, a pixel, an ion that is missing.
ROWS = [0, 4, 18]
PIXEL = [40, 30]
MISSING = ["C6H12O6", "+K"]
SHOWN_ROWS = 30  # of the table; all would make a large file

ACT = """
const [rows, [x, y], [formula, adduct], nRows, done] = arguments;
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
document.querySelector(".scroller").style.maxHeight = `${38 + 26 * nRows}px`;
await pause(300);
})().then(done);
"""


def take_picture(driver: Chrome, url: str, out: Path, act: Sequence[object] = ()) -> None:
    """Open a page, use it if there is anything to do, and save what is seen of it."""
    driver.get(url)
    drawn = "return performance.getEntriesByName('ionbox:complete').length > 0"
    WebDriverWait(driver, 30).until(lambda page: page.execute_script(drawn))
    if act:
        driver.execute_async_script(ACT, *act)
    picture = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    data = base64.b64decode(picture["data"])
    if len(data) > MAX_BYTES:
        raise SystemExit(f"{out} would have {len(data):,} bytes; at most {MAX_BYTES:,} are wanted")
    out.write_bytes(data)


def main() -> None:
    """Take both pictures."""
    parser = argparse.ArgumentParser(description="Take the pictures in docs/.")
    parser.add_argument("results", type=Path)
    parser.add_argument("--out", type=Path, default=DOCS)
    options = parser.parse_args()
    with browse(*REPORT_SIZE) as driver:
        report = (options.results / "report.html").resolve().as_uri()
        take_picture(driver, report, options.out / "report.png")
    act = (ROWS, PIXEL, MISSING, SHOWN_ROWS)
    with serving(folder_place(options.results)) as client, browse(*VIEW_SIZE) as driver:
        take_picture(driver, client.viewer.url, options.out / "view.png", act)


if __name__ == "__main__":
    main()
