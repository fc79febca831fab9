"""docs/speed.svg: how many times faster than the plain way, from the tables in RESULTS.md."""

import re
from html import escape
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parents[2] / "docs" / "speed.svg"
WIDTH, LEFT, RIGHT, ROW, TOP, BOTTOM = 800, 330, 60, 26, 34, 30  # pixels
INK, SOFT, LINE, BAR, GOAL = "#1d2330", "#5b6475", "#d9dee7", "#2563eb", "#d9480f"
MOST = 4.0  # times; bars of more are cut


class Bar(NamedTuple):
    """A row of the tables with a goal."""

    name: str
    ratio: float
    low: float
    high: float
    goal: float


def bars(text: str) -> list[Bar]:
    """The rows with a goal that compare with the plain way, in the order of the tables."""
    found = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        match = re.fullmatch(r"(?:refused: )?([\d.]+) \(([\d.]+) to ([\d.]+)\)", cells[3]) if len(cells) == 7 else None
        if match and cells[5] and "alone" not in cells[0]:
            found.append(Bar(cells[0], *map(float, match.groups()), float(cells[5])))
    return found


def drawn(rows: list[Bar]) -> str:
    """An SVG of horizontal bars: the median, the range over the rounds as a line, the goal as a mark."""
    height = TOP + ROW * len(rows) + BOTTOM
    what = "times better than a plain PyTorch program; black: range, orange: asked"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"',
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="18" fill="{SOFT}">{what}</text>',
    ]
    for times in range(int(MOST) + 1):
        colour, label = INK if times == 1 else LINE, f'fill="{SOFT}" text-anchor="middle"'
        parts += [
            _line((_x(times), TOP), (_x(times), height - BOTTOM), colour),
            f'<text x="{_x(times)}" y="{height - 10}" {label}>{times}</text>',
        ]
    for number, row in enumerate(rows):
        parts += _bar(row, TOP + ROW * number)
    return "\n".join([*parts, "</svg>\n"])


def _bar(row: Bar, y: float) -> list[str]:
    middle, end = y + ROW / 2, max(row.ratio, row.high, row.goal)  # the number hides no mark
    return [
        f'<text x="{LEFT - 8}" y="{middle + 4}" fill="{INK}" text-anchor="end">{escape(row.name)}</text>',
        f'<rect x="{LEFT}" y="{y + 5}" width="{_x(row.ratio) - LEFT:.1f}" height="{ROW - 10}" fill="{BAR}"/>',
        _line((_x(row.low), middle), (_x(row.high), middle), INK, 2),
        _line((_x(row.goal), y + 2), (_x(row.goal), y + ROW - 2), GOAL, 3),
        f'<text x="{_x(end) + 6:.1f}" y="{middle + 4}" fill="{INK}">{row.ratio:.2f}</text>',
    ]


def _line(start: tuple[float, float], end: tuple[float, float], colour: str, width: int = 1) -> str:
    (x1, y1), (x2, y2) = start, end
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}" stroke-width="{width}"/>'


def _x(times: float) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * min(times, MOST) / MOST, 1)


def keep(results: Path) -> None:
    """Draw what the results say."""
    DOCS.write_text(drawn(bars(results.read_text(encoding="utf-8"))), encoding="utf-8")
