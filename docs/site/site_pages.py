"""The site's own parts: the contents from the index page, graphs as pictures, and the first address."""

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from flowchart import drawing
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

REDIRECT = (
    '<!doctype html><meta charset="utf-8"><title>imtrans</title>'
    '<meta http-equiv="refresh" content="0; url=docs/index.html"><a href="docs/index.html">imtrans</a>\n'
)


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls."""
    app.add_directive("mermaid", Mermaid)
    app.connect("source-read", contents)
    app.connect("build-finished", first_address)
    return {"parallel_read_safe": True}


def contents(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Add tables of contents to the index page, made of its headings and lists of links."""
    if docname != "docs/index":
        return
    for caption, body in re.findall(r"^## (.+)\n((?:(?!^## ).*\n?)*)", source[0], re.MULTILINE):
        links = re.findall(r"^- \[(.+)\]\((.+)\.md\)", body, re.MULTILINE)
        lines = [f"{title} <{path}>" for title, path in links]
        source[0] += "\n".join(["", "```{toctree}", ":hidden:", f":caption: {caption}", "", *lines, "```", ""])


class Mermaid(SphinxDirective):
    """A flowchart whose lines are `a --> b`, drawn here: no script from elsewhere."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """The drawing, which scrolls where the page is narrow."""
        arrows = [(a, b) for line in self.content for a, b in re.findall(r"(\S+) --> (\S+)", line)]
        return [nodes.raw("", f'<div class="drawing">{drawing(arrows)}</div>', format="html")]


def first_address(app: Sphinx, error: Exception | None) -> None:
    """Lead from the top of the site to its index."""
    if error is None and app.builder.name == "html":
        (Path(app.outdir) / "index.html").write_text(REDIRECT, encoding="utf-8")
