"""One HTML file of a template, a style and JavaScript modules, and the content security policy that fits it."""

import base64
import functools
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STATIC = Path(__file__).parent / "static"
# In this order each module stands after those that it imports.
COMMON = ("colors", "png", "surface", "strokes", "compare", "live", "painter", "intake")
BACKENDS = {"server": ("server_backend",), "onnx": ("onnx_pixels", "onnx_backend")}
_IMPORT = re.compile(r"^import .*?;\n", re.MULTILINE | re.DOTALL)
_EXPORT = re.compile(r"^export ", re.MULTILINE)
# What an exported page may do besides: run the bundled WebAssembly, from the page's own bytes.
ONNX_SOURCES = {"script-src": ("'wasm-unsafe-eval'", "blob:"), "worker-src": ("blob:",)}
SERVER_SOURCES = {"connect-src": ("'self'",), "frame-ancestors": ("'none'",)}


@dataclass(frozen=True, kw_only=True)
class ModelPage:
    """A page, and what a browser shall let it do: the value of Content-Security-Policy."""

    html: str
    policy: str


def model_page(about: Mapping[str, Any], *, backend: str, attachments: Mapping[str, bytes] | None = None) -> ModelPage:
    """The page of a model; `about` is what its scripts know of the model (`imtrans.kit.model_page.model_info`).

    `backend`: "server", with `POST /translate` beside the page, or "onnx", which finds its files in the `attachments`.
    An exported page holds its policy itself.
    """
    script = bundle([*COMMON, *BACKENDS[backend], "app"])
    style = (STATIC / "page.css").read_text("utf-8")
    sources = ONNX_SOURCES if backend == "onnx" else SERVER_SOURCES
    policy = policy_of(script=script, style=style, sources=sources)
    files = {name: base64.b64encode(content).decode() for name, content in (attachments or {}).items()}
    values = {"about": about, "script": script, "style": style, "files": files, "is_exported": backend == "onnx"}
    return ModelPage(html=render("page.html.j2", {**values, "policy": policy}), policy=policy)


def render(template: str, values: Mapping[str, Any], *, folder: Path = STATIC) -> str:
    """A template with its values, all of them escaped but `style` and `script`; `data(value)` embeds JSON."""
    from markupsafe import Markup

    marked = {name: Markup(values[name]) for name in ("style", "script") if name in values}
    text: str = _environment(folder).get_template(template).render({**values, **marked, "data": _data})
    return text


def policy_of(*, script: str, style: str, sources: Mapping[str, Sequence[str]]) -> str:
    """Nothing is allowed but this script and style, pictures of the page's own making, and `sources`."""
    rules = {
        "default-src": ["'none'"],
        "script-src": [_hash(script)] if script else ["'none'"],
        "style-src": [_hash(style)],
        "img-src": ["data:", "blob:"],
        "media-src": ["blob:"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }
    for name, values in sources.items():
        rules[name] = [*rules.get(name, ()), *values]
    return "; ".join(f"{name} {' '.join(values)}" for name, values in rules.items())


def bundle(names: Sequence[str]) -> str:
    """The modules as one: their imports and the word `export` taken out, each name defined once for all of them."""
    return "\n" + "\n".join(_module(name) for name in names)


@functools.cache
def _module(name: str) -> str:
    text = (STATIC / f"{name}.js").read_text("utf-8")
    return _EXPORT.sub("", _IMPORT.sub("", text)).strip() + "\n"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _data(value: Any) -> Any:
    from markupsafe import Markup

    # "<" could end the element that holds it.
    return Markup(json.dumps(value, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c"))


@functools.cache
def _environment(folder: Path) -> Any:
    import jinja2

    loader = jinja2.FileSystemLoader([folder, STATIC], encoding="utf-8")
    return jinja2.Environment(autoescape=True, loader=loader, trim_blocks=True, lstrip_blocks=True)
