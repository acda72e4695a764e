from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import browse, find_browser, read_log
from tests.browser.report_page import ReportPage
from tests.reports import MadeUp


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip where there is no browser; fail instead where CI says that nothing may be skipped."""
    if find_browser():
        return
    reason = "Chromium and its driver are not installed (apt-get install chromium chromium-driver)"
    for item in items:
        if Path(__file__).parent in item.path.parents and not os.environ.get("CI"):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReportPage]:
    """One browser for all tests of the report."""
    downloads = tmp_path_factory.mktemp("downloads")
    with browse(downloads=downloads) as driver:
        yield ReportPage(driver, downloads)


@pytest.fixture
def page(chromium: ReportPage) -> Iterator[ReportPage]:
    """A page on which nothing may go wrong unnoticed."""
    read_log(chromium.driver, "browser")
    read_log(chromium.driver, "performance")
    chromium.resize(1400)
    yield chromium
    assert [entry["message"] for entry in read_log(chromium.driver, "browser")] == []
    assert chromium.requested_hosts() == set()


@pytest.fixture(scope="session")
def made_up() -> MadeUp:
    return MadeUp(databases=("lipids", "acids"))


@pytest.fixture(scope="session")
def small_report(made_up: MadeUp, tmp_path_factory: pytest.TempPathFactory) -> str:
    """URL of a report of 40 annotations of two databases."""
    return made_up.write(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """URL and path of a report of 2,000 annotations of 100 x 100 pixels."""
    folder = tmp_path_factory.mktemp("large")
    url = MadeUp(n=2000, width=100, height=100).write(folder)
    return url, folder / "report.html"


@pytest.fixture
def small(page: ReportPage, small_report: str) -> ReportPage:
    page.open(small_report)
    return page
