"""What the viewer says of questions in words, and where something is missing, in Chromium."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from ionbox.reading.place import folder_place
from ionbox.view.run_reader import RunReader
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.audit import CONTRAST, CUT_COLUMNS, UNNAMED
from tests.browser.chromium import attribute
from tests.browser.viewer.page import (
    READ_ALL,
    Page,
)
from tests.viewing import (
    FORMULAS,
    HOSTILE_NAME,
    LocalRun,
    hostile_run,
    list_again,
    make_infinite,
    make_run,
    serving,
    shorten_report,
)


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
    list_again(tmp_path / "out", report.name)
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
    list_again(tmp_path / "out", report.name)
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
