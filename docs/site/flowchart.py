"""A directed graph without circles as an SVG: each node below all that point to it."""

from collections.abc import Sequence
from html import escape

Arrow = tuple[str, str]
ROW, GAP, HEIGHT, LETTER, MARGIN = 84, 18, 30, 7.6, 12
STYLE = (
    "text{font:13px sans-serif;fill:currentColor;text-anchor:middle}"
    "rect{fill:var(--color-background-secondary,#f4f4f4);stroke:currentColor;stroke-opacity:.5}"
    "path{fill:none;stroke:currentColor;stroke-opacity:.45}marker path{fill:currentColor;stroke:none}"
)


def drawing(arrows: Sequence[Arrow]) -> str:
    """The SVG; colours are those of the page around it."""
    rows = _ordered(_rows(arrows), arrows)
    widths = {node: len(node) * LETTER + 20 for row in rows for node in row}
    lengths = [sum(widths[n] for n in row) + GAP * (len(row) - 1) for row in rows]
    width, centres = max(lengths) + 2 * MARGIN, dict[str, tuple[float, float]]()
    for number, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        x, y = (width - length) / 2, MARGIN + HEIGHT / 2 + number * ROW
        for node in row:
            centres[node] = (x + widths[node] / 2, y)
            x += widths[node] + GAP
    height = 2 * MARGIN + HEIGHT + ROW * (len(rows) - 1)
    parts = [_arrow(centres[a], centres[b]) for a, b in arrows]
    parts += [_box(node, *centres[node], widths[node]) for node in centres]
    marker = '<marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" role="img">'
    return "".join(
        [head, f"<style>{STYLE}</style><defs>{marker}", '<path d="M0 0 8 4 0 8z"/></marker></defs>', *parts, "</svg>"]
    )


def _rows(arrows: Sequence[Arrow]) -> list[list[str]]:
    """The nodes by the length of the longest way to them."""
    depth = {node: 0 for arrow in arrows for node in arrow}
    for _ in depth:  # a way has fewer arrows than there are nodes
        for start, end in arrows:
            depth[end] = max(depth[end], depth[start] + 1)
    return [[node for node in depth if depth[node] == row] for row in range(max(depth.values()) + 1)]


def _ordered(rows: list[list[str]], arrows: Sequence[Arrow]) -> list[list[str]]:
    """Rows in which a node stands near the middle of its neighbours, so that few arrows cross."""
    for _ in range(8):
        place = {node: (i + 0.5) / len(row) for row in rows for i, node in enumerate(row)}
        near = {node: [place[b if a == node else a] for a, b in arrows if node in (a, b)] for node in place}
        rows = [sorted(row, key=lambda node: sum(near[node]) / len(near[node])) for row in rows]
    return rows


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x, y), (to_x, to_y) = start, end
    y, to_y = y + HEIGHT / 2, to_y - HEIGHT / 2 - 1
    bend = (to_y - y) * 0.5
    curve = f"M{x:.0f} {y:.0f}C{x:.0f} {y + bend:.0f} {to_x:.0f} {to_y - bend:.0f} {to_x:.0f} {to_y:.0f}"
    return f'<path d="{curve}" marker-end="url(#end)"/>'


def _box(node: str, x: float, y: float, width: float) -> str:
    box = f'<rect x="{x - width / 2:.1f}" y="{y - HEIGHT / 2:.0f}" width="{width:.1f}" height="{HEIGHT}" rx="5"/>'
    return f'{box}<text x="{x:.1f}" y="{y + 5:.0f}">{escape(node)}</text>'
