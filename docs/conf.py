"""The site: `nox -s site`. Its pages are the Markdown files of the repository, readable as they stand."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
for folder in (ROOT / "docs" / "site", ROOT / "docs" / "reference", ROOT / "plugins", ROOT):
    sys.path.insert(0, str(folder))

import generate  # noqa: E402 - the paths above

generate.write()

project = "imtrans"
author = "the imtrans contributors"
root_doc = "docs/index"
include_patterns = ["docs/**.md", "*.md", "findings/README.md", "examples/**.md", "benchmarks/RESULTS.md"]
exclude_patterns = ["site", "build", "dist", "runs", "**/.*", ".*", "tests", "imtrans", "plugins"]
extensions = ["myst_parser", "site_pages"]
myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]
suppress_warnings = ["toc.not_included"]  # README and the like are reached by links
smartquotes = False  # --flags stay as they are typed

html_theme = "furo"
html_title = "imtrans"
html_static_path = ["site/static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
