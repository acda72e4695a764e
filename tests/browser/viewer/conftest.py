"""Fixtures of several of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ionbox.reading.place import folder_place
from ionbox.view.run_reader import RunReader
from selenium.webdriver import Chrome

from tests.browser.chromium import browse
from tests.browser.viewer.page import Page
from tests.viewing import (
    LocalRun,
    make_run,
    serving,
)


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


@pytest.fixture
def page(browser: Chrome, run: LocalRun) -> Iterator[Page]:
    with serving(folder_place(run.out)) as client:
        page = Page(browser, client)
        yield page
        assert page.console() == []
        browser.get("about:blank")
