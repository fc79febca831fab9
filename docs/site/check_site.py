"""What the built site asks for: nothing from other hosts, and every link within it leads somewhere.

usage: python docs/site/check_site.py FOLDER
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = ("src", "srcset", "data", "poster")


class Links(HTMLParser):
    """The addresses in a page: those that a browser fetches by itself, those to click, and the anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.linked: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Sort the attributes of one tag."""
        for name, value in attrs:
            if value is None:
                continue
            if name == "id":
                self.anchors.add(value)
            elif name in FETCHED or (tag == "link" and name == "href"):
                self.fetched.append(value)
            elif tag == "a" and name == "href":
                self.linked.append(value)


def faults(folder: Path) -> Iterator[str]:
    """A line for each address that is wrong."""
    pages = {path: Links() for path in sorted(folder.rglob("*.html")) if "_downloads" not in path.parts}
    for path, links in pages.items():
        links.feed(path.read_text("utf-8"))
    for path, links in pages.items():
        for address in links.fetched + links.linked:
            parts = urlsplit(address)
            if parts.scheme == "data" or (parts.scheme and address in links.linked):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
            if parts.netloc or parts.scheme:
                yield f"{path}: fetches {address}"
            elif not target.exists():
                yield f"{path}: nothing at {address}"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{path}: no place {address}"
    asked = re.compile(r"(?:url\(|@import |fetch\()[\"' ]*((?:https?:)?//[^\"')]+)")
    for path in [*folder.rglob("*.css"), *folder.rglob("*.js")]:
        yield from (f"{path}: fetches {address}" for address in asked.findall(path.read_text("utf-8")))


if __name__ == "__main__":
    found = [*faults(Path(sys.argv[1]).resolve())]
    print("\n".join(found) or "every address is its own, and leads somewhere")
    sys.exit(bool(found))
