"""Self-contained HTML pages: pictures, charts, style and script are embedded."""

import base64
import functools
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imtrans.kit.report.metric_history import thinned

if TYPE_CHECKING:
    from imtrans.kit.images import Array

MAX_POINTS = 400  # of a line: a chart has no more pixels
MAX_CHARACTERS = 2_000_000  # characters of all pictures of a page, which then stays below 3 MB
MAX_SIDE, MIN_SIDE = 384, 48  # pixels of the longer side of a picture: at first, and at least
TINY = 128  # pixels: up to this side pictures are stored without loss and shown with visible pixels


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line of a chart: (step, value), rising and finite."""

    name: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Lines over steps, or over what `over` names, in a `group` of the page.

    `log`: the page's switch makes its axis logarithmic; `low` and `high`: values that the axis includes at least.
    """

    group: str
    title: str
    axis: str
    series: Sequence[Series]
    log: bool = False
    low: float | None = None
    high: float | None = None
    over: str = "step"

    def spec(self) -> dict[str, Any]:
        """The record that html_report.js draws."""
        lines = [
            {"name": s.name, "dashed": s.dashed, "points": [[x, _short(y)] for x, y in thinned(s.points, MAX_POINTS)]}
            for s in self.series
        ]
        labels = {"group": self.group, "title": self.title, "axis": self.axis, "over": self.over}
        return {**labels, "log": self.log, "low": self.low, "high": self.high, "series": lines}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture in a page as a data URI; `tiny`: it is shown enlarged, with visible pixels."""

    uri: str
    width: int
    height: int
    tiny: bool


def render(template: Path, values: Mapping[str, Any]) -> str:
    """The HTML page of a Jinja template, which can use `style`, `script` and html_report.macros.j2.

    Every value is escaped.
    """
    page: str = _template(template).render(values)
    return page


def embedded(pictures: "Sequence[Array]", *, max_characters: int = MAX_CHARACTERS) -> list[Picture]:
    """(H, W, 3) uint8 pictures as data URIs, together at most `max_characters` long if possible.

    All are scaled down to the same longer side until they fit; it is at most 384 pixels and at least 48.
    """
    side = MAX_SIDE
    while True:
        encoded = [_embedded(picture, side) for picture in pictures]
        total = sum(len(p.uri) for p in encoded)
        if total <= max_characters or side == MIN_SIDE:
            return encoded
        # The size grows with the area; 0.95 and 8 pixels ensure that few rounds are enough.
        side = max(MIN_SIDE, min(int(side * math.sqrt(max_characters / total) * 0.95), side - 8))


def charts_of(charts: Iterable[Chart]) -> list[dict[str, Any]]:
    """The records of the charts that have points, numbered."""
    shown = [chart for chart in charts if any(s.points for s in chart.series)]
    return [{**chart.spec(), "index": index} for index, chart in enumerate(shown)]


def _embedded(picture: "Array", side: int) -> Picture:
    import numpy as np
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(picture))
    longest = max(image.size)
    fits = longest <= side
    if not fits:
        size = (max(1, image.width * side // longest), max(1, image.height * side // longest))
        image = image.resize(size, Image.Resampling.BOX)
    tiny, content = max(image.size) <= TINY, io.BytesIO()
    is_exact = tiny and fits
    if is_exact:
        image.save(content, "png", compress_level=6)
    else:
        image.save(content, "webp", quality=82, method=1)
    kind = "png" if is_exact else "webp"
    text = base64.b64encode(content.getvalue()).decode()
    return Picture(uri=f"data:image/{kind};base64,{text}", width=image.width, height=image.height, tiny=tiny)


@functools.cache  # compiling a template takes 0.1 s
def _template(path: Path) -> Any:
    import jinja2
    from markupsafe import Markup

    folder = Path(__file__).parent
    loader = jinja2.FileSystemLoader([path.parent, folder], encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, loader=loader, trim_blocks=True, lstrip_blocks=True)
    style, script = ((folder / f"html_report.{kind}").read_text("utf-8") for kind in ("css", "js"))
    return environment.get_template(path.name, globals={"style": Markup(style), "script": Markup(script)})


def _short(value: float) -> float:
    return float(f"{value:.5g}")
