"""With what people draw for a model: the colours of its classes or of its pictures, a pencil, or a photo."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from imtrans.interfaces import ImageSpec
from imtrans.kit.images import Array
from imtrans.kit.images.convert import class_colors

Tool = Literal["labels", "colors", "pencil", "photo"]
# Label pictures have few colours, and pixels are one of them exactly: of those within 24 of a colour, 75 % and more
# are within 8 (facades and cityscapes as JPEG), in photos 28 to 53 %. The commonest colour is not counted: it can be a
# plain background. JPEG blurs the edges, so that a third of the rest may be near none.
MOST_COLORS, NEAR, TIGHT, RARE = 24, 24, 8, 0.002
LEAST_NEAR, LEAST_TIGHT = 0.6, 0.65
# Of a sketch: how far its channels differ at most, in which share of pixels; how much of it is the paper at least.
GREY, COVERED, PAPER = 40, 0.9, 0.55
INK_AND_PAPER = ((0, 0, 0), (255, 255, 255))
NAMES = {
    "black": (0, 0, 0), "white": (255, 255, 255), "grey": (128, 128, 128), "silver": (192, 192, 192),
    "red": (230, 30, 40), "dark red": (128, 0, 0), "orange": (255, 140, 0), "brown": (140, 80, 20),
    "yellow": (255, 225, 40), "olive": (128, 128, 0), "green": (0, 160, 60), "light green": (110, 220, 90),
    "dark green": (0, 90, 20), "teal": (0, 130, 120), "cyan": (0, 230, 240), "light blue": (110, 180, 250),
    "blue": (20, 60, 230), "dark blue": (0, 0, 130), "purple": (120, 0, 110), "violet": (160, 60, 220),
    "pink": (250, 150, 210), "magenta": (240, 0, 220), "beige": (225, 205, 165),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Brush:
    """A colour to draw with; `value`: the number that stands for it in label files."""

    name: str
    color: tuple[int, int, int]
    value: int | None = None


@dataclass(frozen=True, kw_only=True)
class Kit:
    """The tool of a page, its brushes, and which of them is the paper."""

    tool: Tool
    brushes: Sequence[Brush]
    paper: int = 0


def kit_for(spec: ImageSpec, sources: Sequence[Array]) -> Kit:
    """What suits pictures like these sources, uint8 (H, W, 3): classes by the specification, all else by a look."""
    if spec.kind == "labels":
        colors, values = class_colors(spec), spec.values or range(spec.classes or 0)
        brushes = _named([_triple(color) for color in colors], list(values))
        return Kit(tool="labels", brushes=brushes, paper=_most_used(sources, brushes))
    if not sources:
        return Kit(tool="photo", brushes=_named(INK_AND_PAPER), paper=1)
    pixels = np.concatenate([source.reshape(-1, 3) for source in sources])
    if spec.space not in ("grey", "lab-l") and (colors := commonest_colors(pixels)):
        return Kit(tool="colors", brushes=_named(colors))
    sketch = _sketch_colors(pixels)
    return Kit(tool="pencil" if sketch else "photo", brushes=_named(sketch or INK_AND_PAPER), paper=1)


def commonest_colors(pixels: Array) -> list[tuple[int, int, int]]:
    """The few colours that pixels (N, 3) consist of, the commonest first; none where they are not few."""
    keys = (pixels >> 3).astype(np.int32) @ np.array([1 << 10, 1 << 5, 1])
    bins, counts = np.unique(keys, return_counts=True)
    left, wide = np.ones(len(pixels), bool), pixels.astype(np.int16)
    colors: list[tuple[int, int, int]] = []
    shares: list[tuple[float, float]] = []
    for key in bins[np.argsort(-counts)]:
        chosen = left & (keys == key)
        if chosen.sum() < RARE * len(pixels) or len(colors) == MOST_COLORS:
            continue
        color = np.median(pixels[chosen], axis=0)
        distance = np.where(left, np.abs(wide - color).max(axis=1), 256)
        shares.append((float((distance <= NEAR).mean()), float((distance <= TIGHT).mean())))
        left &= distance > NEAR
        colors.append(_triple(color))
    if not 3 <= len(colors) < MOST_COLORS:
        return []
    near, tight = np.sum(shares[1:], axis=0)
    if near < LEAST_NEAR * (1 - shares[0][0]) or tight < LEAST_TIGHT * near:
        return []
    # What is left of blurred edges is nowhere one colour.
    return [color for color, share in zip(colors, shares, strict=True) if share[1] >= LEAST_TIGHT * share[0]]


def _sketch_colors(pixels: Array) -> tuple[tuple[int, int, int], tuple[int, int, int]] | None:
    """Ink and paper of pixels that are mostly paper, with ink much lighter or darker; None for photos."""
    wide = pixels.astype(np.int16)
    paper = np.median(wide, axis=0)
    is_paper = np.abs(wide - paper).max(axis=1) <= NEAR
    is_grey = float((wide.max(axis=1) - wide.min(axis=1) <= GREY).mean())
    light = paper.mean() > 127
    if is_paper.mean() < PAPER or is_grey < COVERED or 60 < paper.mean() < 195:
        return None
    return ((0, 0, 0) if light else (255, 255, 255)), _triple(paper)


def _most_used(sources: "Sequence[Array]", brushes: Sequence[Brush]) -> int:
    if not sources:
        return 0
    colors = np.array([brush.color for brush in brushes], np.int32)
    pixels = np.concatenate([source[::4, ::4].reshape(-1, 3) for source in sources]).astype(np.int32)
    nearest = ((pixels[:, None] - colors[None]) ** 2).sum(axis=2).argmin(axis=1)
    return int(np.bincount(nearest, minlength=len(brushes)).argmax())


def _named(colors: Sequence[tuple[int, int, int]], values: Sequence[int] | None = None) -> list[Brush]:
    """Brushes with the name of the nearest common colour, or of their class."""
    names, brushes = list(NAMES), []
    table, seen = np.array(list(NAMES.values()), np.int32), {}  # type: ignore[var-annotated]
    for number, color in enumerate(colors):
        name = names[int(((table - np.array(color)) ** 2).sum(axis=1).argmin())]
        seen[name] = seen.get(name, 0) + 1
        text = name if seen[name] == 1 else f"{name} {seen[name]}"
        value = values[number] if values is not None else None
        brushes.append(Brush(name=text if value is None else f"class {value} ({text})", color=color, value=value))
    return brushes


def _triple(color: "Sequence[float] | Array") -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in color)
    return red, green, blue
