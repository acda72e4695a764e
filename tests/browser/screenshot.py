"""Take a picture of a page: ``python tests/browser/screenshot.py report.html report.png``.

``docs/report.png`` is that of the report of ``make run``.
"""

from __future__ import annotations

import argparse
import base64
from collections.abc import Sequence
from pathlib import Path

from chromium import browse
from selenium.webdriver.support.wait import WebDriverWait

COMPLETE = "return performance.getEntriesByName('ionbox:complete').length > 0"


def take_screenshot(
    url: str, out: Path, *, width: int, height: int, dark: bool = False, full: bool = False
) -> None:
    """Open a page and save what is seen of it."""
    with browse(width, height, dark=dark) as driver:
        driver.get(url)
        WebDriverWait(driver, 30).until(lambda page: page.execute_script(COMPLETE))
        options = {"format": "png", "captureBeyondViewport": full}
        picture = driver.execute_cdp_cmd("Page.captureScreenshot", options)
        out.write_bytes(base64.b64decode(picture["data"]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Take a picture from the command line."""
    parser = argparse.ArgumentParser(description="Take a picture of a page.")
    parser.add_argument("page", help="a file or a URL")
    parser.add_argument("out", type=Path)
    parser.add_argument("--width", type=int, default=1400)
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--full", action="store_true", help="the whole page, not only what is seen")
    options = parser.parse_args(arguments)
    path = Path(options.page)
    url = path.resolve().as_uri() if path.exists() else options.page
    size = {"width": options.width, "height": options.height}
    take_screenshot(url, options.out, **size, dark=options.dark, full=options.full)


if __name__ == "__main__":
    main()
