"""Charts and pictures on one sheet, drawn with Pillow: for where no page can be shown."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from imtrans.kit.report.html_report import MOST_POINTS, Chart
from imtrans.kit.report.metric_history import thinned

Array = np.ndarray[Any, Any]
WIDE, HIGH, LEFT, RIGHT, TOP, BOTTOM = 460, 260, 64, 14, 46, 40
COLOURS = ("#2563eb", "#d9480f", "#15803d", "#9333ea", "#0e7490", "#be123c")
INK, SOFT, LINE = "#1d2330", "#5b6475", "#d9dee7"
COLUMNS = 3


def plots(charts: Sequence[Chart]) -> list[Image.Image]:
    """A picture of each chart that has something to show, with its axes and a legend."""
    return [_plot(chart) for chart in charts if any(s.points for s in chart.series)]


def stacked(pictures: Sequence[Image.Image], samples: Sequence[Array], *, heads: Sequence[str]) -> Image.Image:
    """Plots in rows of three, and below them the samples (H, W, 3), each a row of panels that `heads` names."""
    rows = [Image.fromarray(s) for s in samples]
    head = 28 if rows else 0
    height = HIGH * -(-len(pictures) // COLUMNS) + head + sum(r.height for r in rows)
    width = max([WIDE * min(COLUMNS, len(pictures)), *(r.width for r in rows), 1])
    whole = Image.new("RGB", (width, max(height, 1)), "white")
    for i, picture in enumerate(pictures):
        whole.paste(picture, (i % COLUMNS * WIDE, i // COLUMNS * HIGH))
    y = height - sum(r.height for r in rows)
    panel = rows[0].width / len(heads) if rows else 0.0
    for i, name in enumerate(heads if rows else ()):
        ImageDraw.Draw(whole).text((i * panel + 6, y - 22), _cut(name, panel - 8), fill=INK, font=_font(15))
    for row in rows:
        whole.paste(row, (0, y))
        y += row.height
    return whole


def _plot(chart: Chart) -> Image.Image:
    image = Image.new("RGB", (WIDE, HIGH), "white")
    pen = ImageDraw.Draw(image)
    lines = [(s.name, thinned(s.points, MOST_POINTS)) for s in chart.series]
    every = [point for _, points in lines for point in points]
    x = _Axis([p[0] for p in every], LEFT, WIDE - RIGHT)
    bounds = [b for b in (chart.low, chart.high) if b is not None]
    y = _Axis([*bounds, *(p[1] for p in every)], HIGH - BOTTOM, TOP)
    for value in y.ticks():
        pen.line([(LEFT, y.at(value)), (WIDE - RIGHT, y.at(value))], fill=LINE)
        pen.text((LEFT - 6, y.at(value)), f"{value:.4g}", fill=SOFT, font=_font(12), anchor="rm")
    for value in x.ticks():
        pen.text((x.at(value), HIGH - BOTTOM + 6), f"{value:,.0f}", fill=SOFT, font=_font(12), anchor="mt")
    pen.text(((LEFT + WIDE - RIGHT) / 2, HIGH - 6), "step", fill=SOFT, font=_font(12), anchor="mb")
    pen.text((8, 6), chart.title, fill=INK, font=_font(15))
    _legend(pen, [name for name, _ in lines])
    for i, (_, points) in enumerate(lines):
        corners = [(x.at(s), y.at(v)) for s, v in points]
        if len(corners) == 1:
            pen.circle(corners[0], 3, fill=COLOURS[i % len(COLOURS)])
        else:
            pen.line(corners, fill=COLOURS[i % len(COLOURS)], width=2, joint="curve")
    return image


class _Axis:
    """From values to pixels."""

    def __init__(self, values: Sequence[float], begin: float, end: float) -> None:
        self.low, self.high = min(values), max(values)
        if self.low == self.high:
            room = abs(self.low) / 10 or 1.0
            self.low, self.high = self.low - room, self.high + room
        self.begin, self.end = begin, end

    def at(self, value: float) -> float:
        return self.begin + (value - self.low) / (self.high - self.low) * (self.end - self.begin)

    def ticks(self) -> list[float]:
        rough = (self.high - self.low) / 4
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(m * unit for m in (1, 2, 5, 10) if m * unit >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [i * step for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


def _legend(pen: ImageDraw.ImageDraw, names: Sequence[str]) -> None:
    x = 8.0
    for i, name in enumerate(names):
        shown = _cut(name, 140)
        pen.line([(x, 34), (x + 16, 34)], fill=COLOURS[i % len(COLOURS)], width=3)
        pen.text((x + 20, 34), shown, fill=SOFT, font=_font(12), anchor="lm")
        x += 34 + _font(12).getlength(shown)


def _cut(text: str, width: float) -> str:
    while text and _font(15).getlength(text) > width:
        text = text[:-1]
    return text


def _font(size: int) -> Any:
    return ImageFont.load_default(size)
