"""Follow every link inside a built site: ``python -m docs.check_site build/docs``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What a page links to, and what can be linked to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note links and anchors."""
        for name, value in attrs:
            if name in ("href", "src") and value and tag != "use":
                self.links.append(value)
            elif name == "id" and value:
                self.anchors.add(value)


def find_broken_links(site: Path) -> Iterator[str]:
    """Yield a sentence for each link that leads nowhere; other sites are not asked."""
    pages = {path: Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
            where = f"{path.relative_to(site)}: {link}"
            if not target.is_file():
                yield f"{where}: there is no such file"
            elif parts.fragment and target.suffix == ".html":
                anchors = pages[site.resolve() / target.relative_to(site.resolve())].anchors
                if unquote(parts.fragment) not in anchors:
                    yield f"{where}: there is no such place on the page"


def main() -> None:
    """Check the site that is named on the command line."""
    site = Path(sys.argv[1]).resolve()
    broken = list(find_broken_links(site))
    if broken:
        sys.exit("\n".join(broken))
    sys.stdout.write(f"{site / 'index.html'}\n")


if __name__ == "__main__":
    main()
