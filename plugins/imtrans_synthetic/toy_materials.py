"""The materials of synthetic facades: label colours, and the textures of the image."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Colour = tuple[int, int, int]
Shape = Literal["box", "arch", "gable", "hip", "mansard", "round", "bush", "tree"]


class Material(NamedTuple):
    """One class: its flat label, the two colours its texture runs between, its relief.

    relief: how far it protrudes from the wall plane, in shadow steps; None neither
    receives nor casts a shadow.
    """

    label: Colour
    dark: Colour
    light: Colour
    relief: int | None


MATERIALS: Mapping[str, Material] = {
    "sky": Material((90, 160, 235), (92, 160, 234), (226, 240, 250), None),
    "brick": Material((190, 40, 30), (126, 36, 24), (218, 172, 148), 2),
    "plaster": Material((250, 200, 60), (196, 132, 50), (255, 218, 132), 2),
    "stone": Material((110, 110, 130), (58, 66, 82), (168, 176, 190), 2),
    "trim": Material((255, 255, 255), (160, 150, 136), (254, 250, 240), 4),
    "roof": Material((120, 0, 70), (66, 22, 34), (200, 84, 58), 4),
    "window": Material((20, 30, 130), (14, 34, 80), (244, 246, 246), 1),
    "shutter": Material((0, 130, 110), (8, 62, 58), (70, 164, 136), 3),
    "door": Material((150, 80, 0), (60, 26, 10), (202, 120, 56), 1),
    "balcony": Material((240, 150, 210), (70, 66, 74), (248, 240, 228), 6),
    "pavement": Material((180, 170, 150), (112, 104, 100), (228, 218, 202), 0),
    "tree": Material((110, 210, 30), (30, 48, 22), (160, 218, 74), 5),
}
CROWN = 0.68  # of a tree's height; the rest is trunk
PALETTE: Mapping[str, Colour] = {name: m.label for name, m in MATERIALS.items()}


class Part(NamedTuple):
    """One object or several equal ones: `places` are the upper left corners.

    All lengths are fractions of the image, x of its width and y of its height; a part
    may reach beyond it. `tint` shifts the brightness, 1 being from dark to light.
    """

    name: str
    shape: Shape
    width: float
    height: float
    places: Sequence[tuple[float, float]]
    tint: float = 0.0


class Tile(NamedTuple):
    """Coordinates of a part's pixels: u, v over the part, x, y over the image.

    u and x are (1, W), v and y (H, 1), in fractions; mask (H, W) is 0 or 1. `unit` is
    the shorter side, in pixels, of the canvas that is painted on.
    """

    u: Floats
    v: Floats
    x: Floats
    y: Floats
    mask: Bytes
    unit: int
    part: Part


def _staggered(tile: Tile, *, rows: int, columns: int, profile: Callable[[Floats], Floats]) -> Floats:
    """`profile` along each course, every second course moved by half a stone.

    Courses are aligned to the image, not to the wall: a network that halves the image
    finds the same phase in each of its cells.
    """
    along = tile.x * np.float32(columns)
    is_even = np.floor(tile.y * rows) % 2 == 0
    return np.where(is_even, profile(along), profile(along + np.float32(0.5)))


def _uneven(along: Floats, *, joint: float, depth: float) -> Floats:
    """A slightly different value for each stone, and 1 at the joints between them."""
    stones = 0.5 + 0.5 * np.sin(np.floor(along) * 2.4)
    return np.where(along % 1 < joint, 1, depth * stones).astype(np.float32)


def _brick(tile: Tile) -> Floats:
    # Powers of two, here and below: a course is a whole number of pixels at the usual sizes.
    bricks = _staggered(tile, rows=32, columns=16, profile=lambda x: _uneven(x, joint=0.12, depth=0.3))
    return np.maximum(bricks, (tile.y * 32 % 1 < 0.25) * np.float32(1)) * np.float32(0.5)


def _plaster(tile: Tile) -> Floats:
    return np.float32(0.92) - np.float32(0.22) * tile.v - np.float32(0.12) * tile.u


def _stone(tile: Tile) -> Floats:
    blocks = _staggered(tile, rows=16, columns=8, profile=lambda x: -_uneven(x, joint=0.07, depth=0.3))
    course = tile.y * 16 % 1
    bevel = np.where(course < 0.12, 0.0, np.where(course < 0.3, 0.9, 0.76))
    return np.maximum(bevel.astype(np.float32) + blocks * np.float32(0.6), np.float32(0.15))


def _roof(tile: Tile) -> Floats:
    tiles = _staggered(tile, rows=32, columns=32, profile=lambda x: np.sin(x % 1 * np.float32(np.pi)))
    lit = 0.82 - 0.5 * (tile.y * 32 % 1) + 0.12 * (1 - tile.v)
    return np.asarray((lit + tiles * np.float32(0.18)) * (1 - np.float32(0.35) * tile.u), np.float32)


def _trim(tile: Tile) -> Floats:
    return np.float32(1) - np.float32(0.3) * tile.v - np.float32(0.08) * tile.u


def _inset(tile: Tile, thickness: float) -> NDArray[np.bool_]:
    """The pixels further than `thickness` (in short sides) from the part's edge."""
    size = 2 * max(1, round(thickness * tile.unit)) + 1
    kernel = np.ones((size, size), np.uint8)
    return np.asarray(cv2.erode(tile.mask, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0)


def _bars(along: Floats, *, count: int, half: float) -> NDArray[np.bool_]:
    """Whether a coordinate lies on one of the bars that divide it into `count` panes."""
    pane = along * count
    return (np.abs(pane - np.round(pane)) < half * count) & (pane > 0.5) & (pane < count - 0.5)


def _window(tile: Tile) -> Floats:
    # Bars are at least a pixel of the canvas wide: thinner ones would vanish between two pixels.
    part, half = tile.part, max(0.003, 0.51 / tile.unit)
    across = _bars(tile.u, count=2 + (part.width > 0.13), half=half / part.width)
    down = _bars(tile.v, count=1 + round(part.height / 0.12), half=half / part.height)
    sheen = 0.08 * (np.abs(tile.u - 0.7 + 0.6 * tile.v) < 0.12)
    glass = 0.34 - 0.26 * tile.v - 0.14 * tile.u + sheen
    panes = np.where(across | down, 0.6, glass)
    return np.where(_inset(tile, 0.006), panes, 0.9).astype(np.float32)


def _door(tile: Tile) -> Floats:
    across, down = np.abs(tile.u * 2 % 1 - 0.5), np.abs(tile.v * 3 % 1 - 0.5)
    edge = np.maximum(across, down)
    panel = np.where(edge < 0.25, 0.72, np.where(edge < 0.34, 0.25, 0.55))
    knob = (np.abs(tile.u - 0.88) < 0.06) & (np.abs(tile.v - 0.55) < 0.03)
    wood = panel - 0.16 * tile.v + 0.6 * knob
    return np.where(_inset(tile, 0.008), wood, 0.2).astype(np.float32)


def _shutter(tile: Tile) -> Floats:
    louvres = 0.7 - 0.4 * (tile.y * 64 % 1) - 0.15 * tile.u
    return np.where(_inset(tile, 0.005), louvres, 0.72).astype(np.float32)


def _balcony(tile: Tile) -> Floats:
    balusters = 0.3 + 0.5 * (np.abs(tile.x * 32 % 1 - 0.5) < 0.26)
    rails = (tile.v < 0.2) * 1.0 + (tile.v > 0.72) * (1.15 - 0.35 * tile.v)
    return np.asarray(np.maximum(balusters, rails), np.float32)


def _pavement(tile: Tile) -> Floats:
    """Slabs in perspective, with the vanishing point at the middle of the image."""
    near = tile.v + 0.35
    joints = (2.8 / near % 1 < 0.11) | ((tile.x - 0.5) * 3 / near % 1 < 0.05)
    return np.asarray(0.5 + 0.36 * tile.v - 0.1 * tile.x - np.float32(0.2) * joints, np.float32)


def _sky(tile: Tile) -> Floats:
    drift = 40 * tile.part.tint
    tall, wide, wave = 17 * tile.y - drift, 5 * tile.x, np.sin(7 * tile.x + drift)
    # sin(tall + wide) * wave as a matrix product: a tenth of the time of a sine for each pixel
    down = np.hstack([np.sin(tall), np.cos(tall)])
    across = np.vstack([np.cos(wide) * wave, np.sin(wide) * wave])
    return np.asarray(np.float32(0.95) * tile.v**1.2 + np.float32(0.07) * (down @ across), np.float32)


def _tree(tile: Tile) -> Floats:
    """A round crown lit from the upper left; the tree's trunk stands below its crown."""
    crown = CROWN if tile.part.shape == "tree" else 1.0
    across, down = 2 * tile.u - 1, 2 * tile.v / crown - 1
    facing = np.sqrt(np.maximum(0, 1 - 0.85 * (across**2 + down**2)))
    leaves = np.sin(tile.x * 150) * np.sin(tile.y * 130 + 40 * tile.x)
    lit = 0.24 + 0.47 * facing - 0.26 * across - 0.34 * down + 0.09 * leaves
    return np.where(across**2 + down**2 < 1.15, np.clip(lit, 0.12, 1), 0.1).astype(np.float32)


TEXTURES: Mapping[str, Callable[[Tile], Floats]] = {
    "sky": _sky,
    "brick": _brick,
    "plaster": _plaster,
    "stone": _stone,
    "trim": _trim,
    "roof": _roof,
    "window": _window,
    "shutter": _shutter,
    "door": _door,
    "balcony": _balcony,
    "pavement": _pavement,
    "tree": _tree,
}
