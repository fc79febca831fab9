"""Texts of others in a card's YAML and Markdown, so that they break neither."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from imtrans.errors import printable

# The identifiers of the Hub (its page "Licenses") that are not of one model alone.
_IDENTIFIERS = """
apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0 bigcode-openrail-m
afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5
cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0
cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0
cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0
lgpl lgpl-2.1 lgpl-3.0 isc lppl-1.3c ms-pl mpl-2.0 odc-by odbl openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense
zlib pddl lgpl-lr other unknown
"""
HUB_LICENCES = frozenset(_IDENTIFIERS.split())
_SHORT = {"cc0": "cc0-1.0", "apache": "apache-2.0"}


def hub_licence(text: str) -> dict[str, str]:
    """The keys of the Hub for a licence: one of its identifiers, else "other" with a name; none where none is given."""
    slug = re.sub(r"[^a-z0-9.+]+", "-", text.lower()).strip("-.")
    known = _SHORT.get(slug, slug)
    if known in HUB_LICENCES:
        return {"license": known}
    return {"license": "other", "license_name": slug or "custom"} if text.strip() else {}


def front_matter(fields: Mapping[str, Any]) -> str:
    """The fields as YAML between two lines of hyphens; JSON is YAML."""
    lines = (f"{key}: {json.dumps(_printable(value), ensure_ascii=False)}" for key, value in fields.items())
    return "\n".join(["---", *lines, "---"])


def escaped(value: Any) -> str:
    """A text in one line of Markdown that shows it as it is."""
    line = _line(str(value)).replace("&", "&amp;")
    # An underscore within a word means nothing to Markdown, and option names have many.
    return re.sub(r"([\\`*{}\[\]<>#|~$]|_(?!\w)|(?<!\w)_)", r"\\\1", line)


def code(value: Any) -> str:
    """A text as code in a line of Markdown."""
    return f"`{_line(str(value)).replace('`', '')}`"


def bullet(label: str, value: Any) -> str:
    """A line of a list."""
    return f"- {escaped(label)}: {escaped(value)}"


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table of Markdown; the first row is its head."""
    for number, row in enumerate(rows):
        yield f"| {' | '.join(map(escaped, row))} |"
        if not number:
            yield "|" + "---|" * len(row)


def in_words(value: Any) -> str:
    """A component with its options in one line: "unet256: depth 8, activation [relu]"."""
    if isinstance(value, Mapping):
        rest = ", ".join(f"{k} {_inner(v)}" for k, v in value.items() if k != "name")
        return ": ".join(part for part in (str(value.get("name", "")), rest) if part)
    if isinstance(value, list):
        return ", ".join(map(_inner, value))
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _inner(value: Any) -> str:
    """A value within others; options of what is in a list stand in brackets."""
    if isinstance(value, Mapping):
        name, _, rest = in_words(value).partition(": ")
        return f"{name} ({rest})" if rest else name
    return f"[{in_words(value)}]" if isinstance(value, list) else in_words(value)


def _line(text: str) -> str:
    return printable(" ".join(text.split()))


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return _line(value)
    if isinstance(value, Mapping):
        return {key: _printable(each) for key, each in value.items()}
    return [_printable(each) for each in value] if isinstance(value, list) else value
