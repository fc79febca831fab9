"""Pages that need no other file: pictures, curves, style and script are in them."""

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
    import numpy as np

    Array = np.ndarray[Any, Any]

MOST_POINTS = 400  # on a line: there are no more pixels
ROOM = 2_000_000  # characters for all pictures of a page, which stays below 3 MB with them
SIDE, LEAST_SIDE = 384, 48  # pixels of the longer side, where there is room and where there is little
TINY = 128  # pixels: smaller pictures are kept exactly, and shown with their pixels


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line of a chart: (step, value) in order, finite."""

    name: str
    points: Sequence[tuple[int, float]]
    dashed: bool = False


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Lines over steps, in a `group` of the page.

    `log`: its axis follows the page's switch; `low` and `high`: what the axis holds at least.
    """

    group: str
    title: str
    axis: str
    series: Sequence[Series]
    log: bool = False
    low: float | None = None
    high: float | None = None

    def spec(self) -> dict[str, Any]:
        """What html_report.js draws."""
        lines = [
            {"name": s.name, "dashed": s.dashed, "points": [[x, _short(y)] for x, y in thinned(s.points, MOST_POINTS)]}
            for s in self.series
        ]
        bounds = {"low": self.low, "high": self.high}
        told = {"group": self.group, "title": self.title, "axis": self.axis, "log": self.log}
        return {**told, **bounds, "series": lines}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture in a page; `tiny`: it is to be shown with its pixels."""

    uri: str
    width: int
    height: int
    tiny: bool


def render(template: Path, values: Mapping[str, Any]) -> str:
    """The page that a Jinja template makes of the values; it finds `style`, `script` and html_report.macros.j2.

    Every value is escaped. A template is compiled once in a process: that takes a tenth of a second.
    """
    text: str = _template(template).render(values)
    return text


def embedded(pictures: "Sequence[Array]", *, room: int = ROOM) -> list[Picture]:
    """(H, W, 3) uint8 pictures as text in a page, together at most `room` characters if that can be.

    All are made smaller alike until they fit; none has a side above 384 pixels, and none is shrunk below 48.
    """
    side = SIDE
    while True:
        made = [_embedded(picture, side) for picture in pictures]
        total = sum(len(p.uri) for p in made)
        if total <= room or side == LEAST_SIDE:
            return made
        side = max(LEAST_SIDE, min(int(side * math.sqrt(room / total) * 0.95), side - 8))


def charts_of(charts: Iterable[Chart]) -> list[dict[str, Any]]:
    """The charts that have something to show, numbered."""
    full = [chart for chart in charts if any(s.points for s in chart.series)]
    return [{**chart.spec(), "index": index} for index, chart in enumerate(full)]


def _embedded(picture: "Array", side: int) -> Picture:
    import numpy as np
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(picture))
    longest = max(image.size)
    is_whole = longest <= side
    if not is_whole:
        size = (max(1, image.width * side // longest), max(1, image.height * side // longest))
        image = image.resize(size, Image.Resampling.BOX)
    tiny, content = max(image.size) <= TINY, io.BytesIO()
    is_exact = tiny and is_whole
    if is_exact:
        image.save(content, "png", compress_level=6)
    else:
        image.save(content, "webp", quality=82, method=1)
    kind = "png" if is_exact else "webp"
    text = base64.b64encode(content.getvalue()).decode()
    return Picture(uri=f"data:image/{kind};base64,{text}", width=image.width, height=image.height, tiny=tiny)


@functools.cache
def _template(path: Path) -> Any:
    import jinja2
    from markupsafe import Markup

    here = Path(__file__).parent
    loader = jinja2.FileSystemLoader([path.parent, here], encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, loader=loader, trim_blocks=True, lstrip_blocks=True)
    style, script = ((here / f"html_report.{kind}").read_text("utf-8") for kind in ("css", "js"))
    return environment.get_template(path.name, globals={"style": Markup(style), "script": Markup(script)})


def _short(value: float) -> float:
    return float(f"{value:.5g}")
