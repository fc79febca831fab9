"""Charts and pictures as one image, drawn with Pillow, for places that cannot show an HTML page."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw, ImageFont

from imtrans.kit.report.html_report import MAX_POINTS, Chart
from imtrans.kit.report.metric_history import thinned

if TYPE_CHECKING:
    from imtrans.kit.images import Array

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 460, 260, 64, 14, 46, 40  # pixels: a chart, and its margins
COLOURS = ("#2563eb", "#d9480f", "#15803d", "#9333ea", "#0e7490", "#be123c")
INK, SOFT, LINE = "#1d2330", "#5b6475", "#d9dee7"
COLUMNS = 3


def plots(charts: Sequence[Chart]) -> list[Image.Image]:
    """An image of each chart that has points, with axes and a legend."""
    return [_plot(chart) for chart in charts if any(s.points for s in chart.series)]


def stacked(pictures: Sequence[Image.Image], samples: "Sequence[Array]", *, heads: Sequence[str]) -> Image.Image:
    """Plots in rows of three, and below them the samples (H, W, 3), each a row of panels with the names `heads`."""
    rows = [Image.fromarray(s) for s in samples]
    head = 28 if rows else 0  # pixels of the line with the names
    height = HEIGHT * -(-len(pictures) // COLUMNS) + head + sum(r.height for r in rows)
    width = max([WIDTH * min(COLUMNS, len(pictures)), *(r.width for r in rows), 1])
    canvas = Image.new("RGB", (width, max(height, 1)), "white")
    for i, picture in enumerate(pictures):
        canvas.paste(picture, (i % COLUMNS * WIDTH, i // COLUMNS * HEIGHT))
    y = height - sum(r.height for r in rows)
    panel = rows[0].width / len(heads) if rows else 0.0
    for i, name in enumerate(heads if rows else ()):
        ImageDraw.Draw(canvas).text((i * panel + 6, y - 22), _cut(name, panel - 8), fill=INK, font=_font(15))
    for row in rows:
        canvas.paste(row, (0, y))
        y += row.height
    return canvas


def _plot(chart: Chart) -> Image.Image:
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(image)
    lines = [(s.name, thinned(s.points, MAX_POINTS)) for s in chart.series]
    all_points = [point for _, points in lines for point in points]
    x = _Axis([p[0] for p in all_points], LEFT, WIDTH - RIGHT)
    bounds = [b for b in (chart.low, chart.high) if b is not None]
    y = _Axis([*bounds, *(p[1] for p in all_points)], HEIGHT - BOTTOM, TOP)
    for value in y.ticks():
        pen.line([(LEFT, y.at(value)), (WIDTH - RIGHT, y.at(value))], fill=LINE)
        pen.text((LEFT - 6, y.at(value)), f"{value:.4g}", fill=SOFT, font=_font(12), anchor="rm")
    for value in x.ticks():
        pen.text((x.at(value), HEIGHT - BOTTOM + 6), f"{value:,.10g}", fill=SOFT, font=_font(12), anchor="mt")
    pen.text(((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6), chart.over, fill=SOFT, font=_font(12), anchor="mb")
    pen.text((8, 6), chart.title, fill=INK, font=_font(15))
    _legend(pen, [name for name, _ in lines])
    for i, (_, points) in enumerate(lines):
        corners = [(x.at(s), y.at(v)) for s, v in points]
        if len(corners) == 1:  # a line of one point would be invisible
            pen.circle(corners[0], 3, fill=COLOURS[i % len(COLOURS)])
        else:
            pen.line(corners, fill=COLOURS[i % len(COLOURS)], width=2, joint="curve")
    return image


class _Axis:
    """A linear scale from values to pixels, with ticks."""

    def __init__(self, values: Sequence[float], begin: float, end: float) -> None:
        self.low, self.high = min(values), max(values)
        if self.low == self.high:
            margin = abs(self.low) / 10 or 1.0
            self.low, self.high = self.low - margin, self.high + margin
        self.begin, self.end = begin, end

    def at(self, value: float) -> float:
        return self.begin + (value - self.low) / (self.high - self.low) * (self.end - self.begin)

    def ticks(self) -> list[float]:
        # 1, 2 or 5 times a power of ten, four ticks or a few more; the tolerances absorb rounding errors.
        rough = (self.high - self.low) / 4
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(m * unit for m in (1, 2, 5, 10) if m * unit >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [i * step for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


def _legend(pen: ImageDraw.ImageDraw, names: Sequence[str]) -> None:
    x = 8.0
    for i, name in enumerate(names):
        label = _cut(name, 140)
        pen.line([(x, 34), (x + 16, 34)], fill=COLOURS[i % len(COLOURS)], width=3)
        pen.text((x + 20, 34), label, fill=SOFT, font=_font(12), anchor="lm")
        x += 34 + _font(12).getlength(label)


def _cut(text: str, width: float) -> str:
    while text and _font(15).getlength(text) > width:
        text = text[:-1]
    return text


def _font(size: int) -> Any:
    return ImageFont.load_default(size)
