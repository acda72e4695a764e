"""The page is one file in which nothing but its own script can run."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ionbox_cloud.report import page_assembly
from ionbox_cloud.report.page_assembly import assemble_page, bundle_modules, encode_block

HOSTILE = "</script><script>alert(1)</script><!-- & \u2028"

texts = st.text() | st.lists(st.sampled_from(["<!--", "</script", "<script", "]]>", "&lt;"])).map(
    "".join
)


@given(st.recursive(texts | st.floats(allow_nan=False, allow_infinity=False), st.lists))
def test_a_block_holds_any_value_and_no_markup(value: object) -> None:
    block = encode_block(value)
    assert json.loads(block) == value
    assert block.isascii()
    assert not set("<>&") & set(block)


def test_a_page_allows_its_own_script_and_nothing_else() -> None:
    page = b"".join(
        assemble_page("report", HOSTILE, {"run": encode_block({"a": HOSTILE})})
    ).decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    rules = dict(rule.split(" ", 1) for rule in policy[1].split("; "))
    assert rules["default-src"] == "'none'"
    assert "connect-src" not in rules
    assert not re.search("unsafe|https?:|\\*", policy[1])
    for kind, element in (("script-src", '<script type="module">'), ("style-src", "<style>")):
        closing = f"</{element[1:].split()[0].rstrip('>')}>"
        content = page.split(element)[1].split(closing)[0]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[kind] == f"'sha256-{digest}'"
    assert page.count("<script") == page.count("</script>") == 2
    assert "<title>&lt;/script&gt;" in page
    assert not re.search(r'(src|href)="(?!#|data:,)', page)


def test_a_served_page_may_ask_its_own_server() -> None:
    assert b"connect-src 'self'; " in assemble_page("report", "x", served=True)[0]


def test_modules_are_in_the_script_once_and_in_order() -> None:
    script = bundle_modules("report")
    names = re.findall(r"^const (\w+)\$ = ", script, re.MULTILINE)
    assert len(names) == len(set(names)) >= 10
    assert names[-1] == "report"
    assert not re.search(r"^(import|export)\b", script, re.MULTILINE)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ('import * as x from "./dom.js";\n', "cannot be put into a page: import"),
        ("export default 1;\n", "cannot be put into a page: export"),
        ('const x = "</script>";\n', "cannot be put into a page: </script"),
        ('import { x } from "./odd.js";\n', "import each other: odd → odd"),
    ],
)
def test_modules_that_do_not_fit_are_refused(
    source: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_assembly, "read_part", lambda name: source)
    bundle_modules.cache_clear()
    with pytest.raises(ValueError, match=re.escape(reason)):
        bundle_modules("odd")


def test_modules_of_two_folders_cannot_have_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = {
        "js/start.js": 'import { x } from "./one/same.js";\nimport { y } from "./two/same.js";\n',
        "js/one/same.js": "export const x = 1;\n",
        "js/two/same.js": 'import { x } from "../one/same.js";\nexport const y = x;\n',
    }
    monkeypatch.setattr(page_assembly, "read_part", sources.__getitem__)
    bundle_modules.cache_clear()
    with pytest.raises(ValueError, match=re.escape("page/js/two/same.js: another module has")):
        bundle_modules("start")


def test_nothing_in_the_page_makes_markup_of_text_or_asks_another_host() -> None:
    folder = Path(page_assembly.__file__).parent / "page"
    for path in folder.rglob("*.*"):
        text = path.read_text("utf-8")
        forbidden = "innerHTML|outerHTML|insertAdjacentHTML|document.write|eval\\(|new Function"
        assert not re.search(forbidden, text), path.name
        assert set(re.findall(r"https?://[^\s\"']+", text)) <= {"http://www.w3.org/2000/svg"}
