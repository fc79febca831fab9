"""The description of the interface as a page that loads nothing from elsewhere."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from imtrans.kit.model_page.page import STATIC, ModelPage, policy_of, render

FOLDER = Path(__file__).parent


def api_page(description: Mapping[str, Any]) -> ModelPage:
    """The page of an OpenAPI description."""
    style = (STATIC / "page.css").read_text("utf-8")
    policy = policy_of(script="", style=style, sources={"frame-ancestors": ("'none'",)})
    values = {"info": description["info"], "routes": list(_routes(description)), "style": style}
    return ModelPage(html=render("api_page.html.j2", values, folder=FOLDER), policy=policy)


def _routes(description: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path, methods in description["paths"].items():
        for method, route in methods.items():
            answers = sorted(route["responses"].items())
            yield {
                "name": f"{method.upper()} {path}",
                "text": route.get("description", ""),
                "types": list(route.get("requestBody", {}).get("content", {})),
                "options": [
                    {"name": option["name"], **option["schema"], "text": option.get("description", "")}
                    for option in route.get("parameters", ())
                ],
                "answers": [(code, answer["description"]) for code, answer in answers if code != "422"],
            }
