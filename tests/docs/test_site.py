"""The check of the site's links sees what is broken."""

from __future__ import annotations

from pathlib import Path

from docs.check_site import find_broken_links


def test_broken_links_are_named(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "other.html").write_text('<h1 id="here">Here</h1><a href="#there">x</a>')
    (tmp_path / "a.html").write_text(
        '<a href="sub/other.html#here">x</a> <a href="https://example.org/none">x</a> '
        '<img src="none.png"> <a href="sub/other.html#gone">x</a>'
    )
    assert list(find_broken_links(tmp_path)) == [
        "a.html: none.png: there is no such file",
        "a.html: sub/other.html#gone: there is no such place on the page",
        "sub/other.html: #there: there is no such place on the page",
    ]
